"""Deprecated aliases still work and say what took their place."""

from importlib import import_module

import pytest

from flamingo_lib.records import Conversation, Turn


@pytest.mark.parametrize(
    ("module", "name", "new"),
    [
        ("flamingo_lib.chat", "ChatTurn", Turn),
        ("flamingo_lib.chat.template", "ChatTurn", Turn),
        ("flamingo_lib.training.packing.tokenized", "Example", Conversation),
    ],
)
def test_an_old_name_is_the_new_class(module, name, new):
    with pytest.warns(DeprecationWarning, match=f"{name} is deprecated, use flamingo_lib.records.{new.__name__}"):
        assert getattr(import_module(module), name) is new


def test_an_unknown_name_is_still_an_error():
    with pytest.raises(AttributeError, match="flamingo_lib.chat' has no attribute 'Nothing'"):
        import_module("flamingo_lib.chat").Nothing  # noqa: B018


def test_an_old_name_may_stand_for_a_module_that_is_not_yet_imported():
    examples = import_module("flamingo_lib.training.examples")
    with pytest.warns(DeprecationWarning, match=r"use flamingo_lib\.training\.chat_files\.read_examples"):
        assert examples.read_examples is import_module("flamingo_lib.training.chat_files").read_examples
