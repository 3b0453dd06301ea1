"""The committed notebooks: normalised, with outputs where they are compared, prose between code, and a way onwards."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nbformat
import pytest

from flamingo_lib.pipeline.notebook_files import PARAMETERS, notebook_paths, steps_read
from flamingo_lib.pipeline.notebook_outputs import unnormalised
from flamingo_lib.pipeline.steps import build_steps
from flamingo_lib.presets import load_preset

ROOT = Path(__file__).parents[2] / "notebooks"
MAIN = notebook_paths(ROOT)
SOLUTIONS = sorted((ROOT / "solutions").glob("*.ipynb"))
CHECKED = "nbval-check-output"
FIRST_SCREEN = ("You will learn", "You need", "Time", "Paper", "Key picture")
BOOK = [path for path in MAIN if FIRST_SCREEN[0] in path.read_text("utf-8")]
"""The notebooks in which the reader builds."""


def read(path: Path):
    return nbformat.read(path, 4)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_numbers_run_on():
    assert [int(path.name[:2]) for path in MAIN] == list(range(len(MAIN)))
    assert [path.name for path in SOLUTIONS] == [path.name for path in MAIN]


@pytest.mark.parametrize("path", [*MAIN, *SOLUTIONS], ids=lambda path: str(path.relative_to(ROOT)))
def test_notebook_is_valid_and_has_its_parameters(path):
    notebook = read(path)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    tagged = [cell for cell in code_cells(notebook) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1 and tagged[0] is code_cells(notebook)[0]
    assert [line.split(" =")[0] for line in tagged[0].source.splitlines()] == list(PARAMETERS)


@pytest.mark.parametrize("path", [path for path in MAIN if steps_read(path) is not None], ids=lambda path: path.name)
def test_a_notebook_that_names_its_steps_reads_no_others(path):
    """It may be executed while the others are still being made."""
    code = "\n".join(cell.source for cell in code_cells(read(path)))
    asked = re.findall(r"\bwork\.step\(([^)]*)\)", code)
    assert {json.loads(name) for name in asked} == set(steps_read(path))
    assert set(steps_read(path)) <= {step.name for step in build_steps(load_preset("tiny"))}
    assert set(re.findall(r"\bwork\.(\w+)", code)) <= {"step", "preset"}
    assert not re.search(r"[(,=]\s*work\s*[,)\n]", code)


def test_notebooks_and_solutions_are_normalised():
    assert unnormalised(ROOT) == []


@pytest.mark.parametrize("path", [*MAIN, *SOLUTIONS], ids=lambda path: str(path.relative_to(ROOT)))
def test_checked_cells_have_something_to_compare(path):
    cells = [cell for cell in code_cells(read(path)) if CHECKED in cell.metadata.get("tags", [])]
    for cell in cells:
        assert cell.execution_count and cell.outputs, cell.id
        assert all(output.output_type in ("stream", "execute_result") for output in cell.outputs), cell.id


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.name)
def test_cells_are_thin_and_prose_comes_before_code(path):
    notebook = read(path)
    code = code_cells(notebook)
    lines = [line for cell in code for line in cell.source.splitlines() if line.strip()]
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    assert len(code) <= 40 and max(len(cell.source.splitlines()) for cell in code) <= 25
    assert words / len(lines) >= 3.5
    assert notebook.cells[0].cell_type == "markdown" and notebook.cells[0].source.startswith("# ")


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.name)
def test_sections_end_in_something_to_look_at_and_an_exercise(path):
    sections = re.split(r"(?m)^## ", "\n".join(_marked(cell) for cell in read(path).cells))[1:]
    for section in sections:
        title = section.splitlines()[0]
        if title in ("Settings", "What comes next", "What you have built") or "CODE" not in section:
            continue
        assert "OUTPUT" in section, f"{title}: nothing to look at"
    exercises = "\n".join(sections).count("**Exercise.**")
    assert exercises >= min(4, len([section for section in sections if "CODE" in section]) - 1)
    assert re.search(r"## (What comes next|What you have built)", read(path).cells[-1].source)


def _marked(cell) -> str:
    if cell.cell_type == "markdown":
        return cell.source
    return "CODE" + (" OUTPUT" if cell.outputs else "")


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.name)
def test_links_between_notebooks_lead_somewhere(path):
    for link in re.findall(
        r"\]\(([^)#]+)\)", "\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    ):
        if "://" not in link:
            assert (ROOT / link).exists(), link


@pytest.mark.parametrize("path", MAIN, ids=lambda path: path.name)
def test_outputs_hold_no_paths_or_times(path):
    for cell in code_cells(read(path)):
        for output in cell.outputs:
            text = output.get("text") or "".join(output.get("data", {}).get("text/plain", ""))
            assert not re.search(r"(/root/|/home/|/Users/|/tmp/|it/s\]|\d s left)", text), cell.id


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.name)
def test_first_screen_and_last(path):
    cells = read(path).cells
    assert all(f"| **{row}** |" in cells[0].source for row in FIRST_SCREEN)
    assert re.search(r"!\[[^\]]{40,}\]\(\.\./docs/images/[\w-]+\.svg\)", cells[0].source)
    assert cells[-1].source.count("<details>") == 3 and "**Further reading.**" in cells[-1].source
    assert "## What you have built" in cells[-1].source and f"solutions/{path.name}" in cells[-1].source


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.name)
def test_there_is_an_equation_and_something_to_build(path):
    notebook = read(path)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    code = [cell.source for cell in code_cells(notebook) if "exercise" not in cell.metadata.get("tags", [])]
    assert prose.count("$$") >= 2 and "| symbol | meaning |" in prose
    assert sum(bool(re.search(r"(?m)^(def|class) ", source)) for source in code) >= 3
    assert sum("assert " in source for source in code) >= 3


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.name)
def test_every_output_is_read_aloud(path):
    waiting: list[str] = []
    for cell in read(path).cells:
        says = "**What we saw.**" in cell.source or "saw(f" in cell.source
        if cell.cell_type == "markdown" and cell.source.startswith("## "):
            assert not waiting, f"nothing is said of {waiting}"
        if says:
            waiting = []
        elif cell.cell_type == "code" and cell.outputs and not _answers(cell):
            waiting.append(cell.id)
    assert not waiting, f"nothing is said of {waiting}"


def _answers(cell) -> bool:
    """Whether a cell is an exercise's stub or a widget, which answers for itself."""
    return "exercise" in cell.metadata.get("tags", []) or bool(
        re.search(r"(?m)^\w+(Viewer|Bench|Diff|Browser|Recorder)\(", cell.source)
    )


@pytest.mark.parametrize("path", BOOK, ids=lambda path: path.name)
def test_exercises_have_a_stub_a_hint_and_a_check_that_the_solutions_call(path):
    notebook = read(path)
    texts = [cell.source for cell in notebook.cells if cell.source.startswith("**Exercise.**")]
    stubs = [cell.source for cell in code_cells(notebook) if "exercise" in cell.metadata.get("tags", [])]
    checks = [re.search(r"check\.(ex_\d\d_\d)\(", stub)[1] for stub in stubs]
    assert len(texts) == len(stubs) == len(set(checks)) >= 4
    for text, name in zip(texts, checks, strict=True):
        number = name[3:].replace("_", ".")
        assert re.match(rf"\*\*Exercise\.\*\* {number} · difficulty [●○]{{5}} · \d+ minutes", text)
        assert "<details><summary>Hint</summary>" in text
    solved = "\n".join(cell.source for cell in code_cells(read(ROOT / "solutions" / path.name)))
    assert all(f"outcome = check.{name}(" in solved for name in checks)


@pytest.mark.parametrize("path", [*BOOK, *(ROOT / "solutions" / path.name for path in BOOK)], ids=str)
def test_outputs_are_small(path):
    for cell in code_cells(read(path)):
        assert len(str(cell.outputs)) <= 300_000, cell.id
