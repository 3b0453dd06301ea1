"""A tiny tokenizer."""

import pytest

from flamingo_lib.chat.tokenizer import train_tiny_tokenizer

TEXTS = [
    "The small red circle is at the top left. There are 12 blue squares!",
    "(Drafted Response): red\n (Revised Response): It is red.",
    "Ünïcode 中文 [0.123, 0.456]",
] * 20


@pytest.fixture(scope="session")
def tokenizer():
    return train_tiny_tokenizer(TEXTS, 320)
