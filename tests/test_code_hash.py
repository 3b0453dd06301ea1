"""Code fingerprints: what runs counts, what is said about it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamingo_lib import code_hash as code


@pytest.fixture
def library(tmp_path: Path, monkeypatch):
    """A small library in place of the real one: pipeline.steps.a -> room -> room.inner, errors."""
    monkeypatch.setattr(code, "ROOT", tmp_path)
    files = {
        "__init__.py": "",
        "errors.py": "class E(Exception): pass",
        "storage.py": "import json",
        "room/__init__.py": "from .inner import work",
        "room/inner.py": (
            '"""Says."""\nfrom ..storage import json\nfrom ..errors import E\ndef work():\n    """Works."""\n    '
            "return 1  # one\n"
        ),
        "room/other.py": "x = 1",
        "pipeline/__init__.py": "",
        "pipeline/steps/__init__.py": "",
        "pipeline/steps/a.py": "import torch\ndef run(job):\n    from ...room import work\n    return work()",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


START = ["flamingo_lib.pipeline.steps.a"]


def test_closure_follows_imports_inside_functions(library):
    names = {name.removeprefix("flamingo_lib.") for name in code.closure(START)}
    assert {"pipeline.steps.a", "room", "room.inner", "storage"} <= names
    assert "room.other" not in names and "errors" not in names


@pytest.mark.parametrize(
    ("file", "old", "new", "same"),
    [
        ("room/inner.py", "return 1", "return 2", False),
        ("room/inner.py", "# one", "# uno", True),
        ("room/inner.py", "Works.", "Toils.", True),
        ("room/inner.py", "return 1", "return (\n        1\n    )", True),
        ("room/other.py", "x = 1", "x = 2", True),
        ("errors.py", "class E", "class F", True),
        ("storage.py", "import json", "import json, os", False),
    ],
)
def test_fingerprint_changes_with_what_runs(library, file, old, new, same):
    before = code.code_fingerprint(START)
    path = library / file
    path.write_text(path.read_text().replace(old, new))
    assert (code.code_fingerprint(START) == before) is same


def test_library_fingerprint_sees_every_module(library):
    before = code.library_fingerprint()
    (library / "room" / "other.py").write_text("x = 1  # the same")
    assert code.library_fingerprint() == before
    (library / "room" / "other.py").write_text("x = 2")
    assert code.library_fingerprint() != before


def test_real_library_is_read():
    assert "flamingo_lib.storage" in code.closure(["flamingo_lib.pipeline.run_folder"])
    assert code.code_fingerprint(["tests.elsewhere"]) == code.code_fingerprint([])


def test_closure_follows_lazily_exported_names_and_no_others(library):
    (library / "room/__init__.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from .inner import work\n    from .other import x\n"
        "else:\n    from ..storage import json\n"
    )
    names = {name.removeprefix("flamingo_lib.") for name in code.closure(START)}
    assert {"room", "room.inner", "storage"} <= names and "room.other" not in names
