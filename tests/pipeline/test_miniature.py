"""The whole pipeline, every part real, at a size that takes minutes; then again, which takes seconds."""

from __future__ import annotations

import json
import time

import nbformat
import pytest

from flamingo_lib.pipeline import notebooks
from flamingo_lib.pipeline.metrics import FIGURES
from flamingo_lib.pipeline.run import run_pipeline
from flamingo_lib.pipeline.run_folder import Workspace
from flamingo_lib.presets import load_preset
from tests.miniature import PRESET, RUN, SEED, SETTINGS, made, pipeline

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def first():
    return made()


@pytest.fixture(scope="module")
def with_notebook(first):
    """The run with one of the notebooks executed, done twice: its path, and what was said each time. nbval runs all."""
    path = notebooks.notebook_paths()[6]
    said: list[list[str]] = [[], []]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CI", "true")
        patch.setattr(notebooks, "notebook_paths", lambda folder=None: [path])
        (RUN / "notebooks" / "manifest.json").unlink(missing_ok=True)
        for lines in said:
            run_pipeline(Workspace.open(RUN, PRESET, SEED, SETTINGS), say=lines.append)
    return path, said


def test_every_figure_is_there(first):
    assert {figure.key for figure in FIGURES} - set(first) == set()
    stored = json.loads((RUN / "metrics.json").read_text())
    assert without_total(stored) == without_total(first)


def without_total(figures):
    return {key: value for key, value in figures.items() if key != "seconds.total"}


def test_figures_are_numbers_that_can_be(first):
    for figure in FIGURES:
        value = first[figure.key]
        assert isinstance(value, (int, float)), figure.key
        if not figure.key.endswith("reward") and not figure.key.startswith("seconds"):
            assert 0 <= value <= 1, figure.key


def test_a_notebook_is_executed_with_the_runs_parameters_once(with_notebook):
    path, said = with_notebook
    assert said == [[f"notebook 1 of 1: {path.name}"], []]
    notebook = nbformat.read(RUN / "notebooks" / path.name, 4)
    injected = next(cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", []))
    assert "scenes.raw_scenes=40" in injected.source
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.usefixtures("with_notebook")
def test_report_shows_every_part():
    page = (RUN / "report.html").read_text()
    for part in (
        "The funnel",
        "Kept records",
        "Windows",
        "Models",
        "The alignment tax",
        "The U",
        "Answers",
        "Notebooks",
    ):
        assert f"<h2>{part}</h2>" in page, part


def test_both_arms_of_stage_2_get_as_many_updates(first):
    assert first["train.stage2.steps"] == first["train.raw.steps"]
    assert load_preset("tiny").stages["stage2"].max_steps == load_preset("tiny").stages["raw"].max_steps


def test_a_second_run_does_nothing(first):
    manifests = {path: path.stat().st_mtime_ns for path in RUN.glob("*/manifest.json")}
    started = time.monotonic()
    figures, said = pipeline()
    seconds = time.monotonic() - started
    assert "step " not in said, said
    assert {path: path.stat().st_mtime_ns for path in RUN.glob("*/manifest.json")} == manifests
    assert without_total(figures) == without_total(first)
    assert seconds < 180  # mostly imports, which take long beside another worker
