"""The tiny tokenizer of the chat tests."""

from tests.chat.conftest import tokenizer  # noqa: F401
