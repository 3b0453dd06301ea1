"""Rewriting from Python, in three lines."""

from __future__ import annotations

import pytest

import flamingo_lib
from flamingo_lib import rewrite
from flamingo_lib.errors import DataError
from flamingo_lib.own_data import api
from flamingo_lib.own_data.schemas import Columns

from .conftest import ROWS
from .test_job import FakeWork


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    FakeWork.stop_at = None
    monkeypatch.setattr(api, "make_work", lambda *args, **options: FakeWork)


def test_records_in_rewrites_out(folder):
    made = rewrite([ROWS["columns"](0), ROWS["columns"](2)], "m", root=folder)
    assert [(item.final, item.kept) for item in made] == [
        ("The answer is red 0.", True),
        ("The answer is red 2.", False),
    ]
    assert [item.sample.images for item in made] == [("images/0.png",), ("images/2.png",)]


def test_chats_and_other_names(folder):
    assert len(rewrite([ROWS["llava"](1)], "m", root=folder)) == 2
    [made] = rewrite([{"q": "What?", "a": "red"}], "m", columns=Columns("a", "q"))
    assert made.sample.instruction == "What?"


def test_what_cannot_be_rewritten_is_named(folder):
    with pytest.raises(DataError, match="there are no records"):
        rewrite([], "m")
    with pytest.raises(DataError, match=r"images/9\.png \(record 1\)"):
        rewrite([ROWS["columns"](9)], "m", root=folder)
    with pytest.raises(DataError, match="answer is no text but missing.*record 2"):
        rewrite([ROWS["columns"](0), {**ROWS["columns"](1), "answer": None}], "m", root=folder)


def test_the_package_has_no_other_surprise():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        flamingo_lib.nothing  # noqa: B018
