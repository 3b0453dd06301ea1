"""`make lab`: JupyterLab finds the pictures that the notebooks show, and shows their outputs as they are meant."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[2]
NOTEBOOKS = [*(ROOT / "notebooks").glob("*.ipynb"), *(ROOT / "notebooks" / "solutions").glob("*.ipynb")]


def commands() -> str:
    command = ["make", "--no-print-directory", "-n", "-o", ".venv/.installed", "lab"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout


def test_pictures_lie_under_the_folder_that_is_served():
    (served,) = re.findall(r"root_dir=(\S+)", commands())
    pictures = [
        (path.parent / address).resolve()
        for path in NOTEBOOKS
        for cell in nbformat.read(path, as_version=4).cells
        if cell.cell_type == "markdown"
        for address in re.findall(r"!\[[^]]*\]\(([^)]+)\)", cell.source)
    ]
    assert pictures and all(picture.is_file() for picture in pictures)
    assert all(picture.is_relative_to((ROOT / served).resolve()) for picture in pictures)


def test_outputs_are_trusted_before_they_are_shown():
    trusted, opened = commands().strip().splitlines()[-2:]
    assert "jupyter trust notebooks/*.ipynb notebooks/solutions/*.ipynb" in trusted and "jupyter lab" in opened
