"""Old module names import the new modules."""

from importlib import import_module
from pathlib import Path

import pytest

import flamingo_lib
from flamingo_lib.moved import MOVED


@pytest.mark.parametrize(("old", "new"), MOVED.items(), ids=MOVED)
def test_an_old_name_is_the_new_module_and_says_so(old, new, monkeypatch):
    monkeypatch.delitem(__import__("sys").modules, f"flamingo_lib.{old}", raising=False)
    with pytest.warns(DeprecationWarning, match=f"flamingo_lib.{new}"):
        found = import_module(f"flamingo_lib.{old}")
    assert found is import_module(f"flamingo_lib.{new}")


def test_no_old_name_is_taken_by_a_module_of_its_own():
    root = Path(flamingo_lib.__file__).parent
    taken = [old for old in MOVED if (root / f"{old.replace('.', '/')}.py").exists()]
    assert not taken


def test_an_unknown_name_is_still_an_error():
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        import_module("flamingo_lib.no_such_module")
