"""Errors say what is wrong, where, and what to do."""

import pickle
from pathlib import Path

import pytest

from flamingo_lib import errors
from flamingo_lib.errors import FlamingoError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FlamingoError)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "it is broken"),
        ({"file": "a.json"}, "it is broken (file a.json)"),
        ({"file": Path("b/a.json"), "record": "line 3"}, "it is broken (file b/a.json, record line 3)"),
        ({"record": 0}, "it is broken (record 0)"),
        ({"remedy": "Mend it."}, "it is broken. Mend it."),
        (
            {"file": "a.json", "record": "vqa-v2/7", "remedy": "Mend it."},
            "it is broken (file a.json, record vqa-v2/7). Mend it.",
        ),
    ],
)
def test_message_names_file_record_and_remedy(fields, message):
    error = FlamingoError("it is broken", **fields)
    assert str(error) == message
    assert error.what == "it is broken"
    assert [error.file, error.record, error.remedy] == [fields.get(name) for name in ("file", "record", "remedy")]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_crosses_a_process_boundary(kind):
    error = pickle.loads(pickle.dumps(kind("it is broken", file="a.json", record=4, remedy="Mend it.")))
    assert type(error) is kind and str(error) == "it is broken (file a.json, record 4). Mend it."
    assert (error.what, error.file, error.record, error.remedy) == ("it is broken", "a.json", 4, "Mend it.")
