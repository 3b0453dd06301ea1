"""The examples of CONTRIBUTING.md run, and print what they say they print."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs" / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_prints_what_its_docstring_says(path: Path, tmp_path: Path):
    promised = ast.get_docstring(ast.parse(path.read_text("utf-8"))).partition("Prints:\n")[2]
    assert promised
    command = [sys.executable, "-W", "error:flamingo_lib:DeprecationWarning", str(path)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == promised.strip()


def test_contributing_shows_every_example():
    shown = re.findall(r"\]\((docs/examples/[^)]+)\)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"))
    assert sorted(shown) == [str(path.relative_to(ROOT)) for path in EXAMPLES]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_is_short(path: Path):
    assert len(path.read_text("utf-8").splitlines()) <= 60
