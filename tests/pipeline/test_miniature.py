"""The whole pipeline, every part real, at a size that takes minutes; then again, which takes seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import nbformat
import pytest

from flamingo_lib.pipeline.metrics import FIGURES
from flamingo_lib.pipeline.notebooks import notebook_paths
from flamingo_lib.presets import load_preset
from tests.miniature import PRESET, RUN, SEED, SETTINGS

pytestmark = pytest.mark.pipeline


def pipeline() -> tuple[dict, str, float]:
    """Run the command; its figures, what it said, and the seconds it took."""
    command = [sys.executable, "-c", "from flamingo_lib.cli import main; main()", "pipeline", "--json"]
    command += ["--preset", PRESET, "--seed", str(SEED), "--run-dir", str(RUN)]
    command += [word for setting in SETTINGS for word in ("--set", setting)]
    started = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"CI": "true"})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr, time.monotonic() - started


@pytest.fixture(scope="module")
def first():
    return pipeline()[0]


def test_every_figure_is_there(first):
    assert {figure.key for figure in FIGURES} - set(first) == set()
    assert first == json.loads((RUN / "metrics.json").read_text())


def test_figures_are_numbers_that_can_be(first):
    for figure in FIGURES:
        value = first[figure.key]
        assert isinstance(value, (int, float)), figure.key
        if not figure.key.endswith("reward") and not figure.key.startswith("seconds"):
            assert 0 <= value <= 1, figure.key


def test_notebooks_were_executed_with_the_runs_parameters(first):
    for path in notebook_paths():
        notebook = nbformat.read(RUN / "notebooks" / path.name, 4)
        injected = next(cell for cell in notebook.cells if "injected-parameters" in cell.metadata.get("tags", []))
        assert "scenes.raw_scenes=40" in injected.source
        assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")


def test_report_shows_every_part(first):
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
    figures, said, seconds = pipeline()
    assert "notebook" not in said and "step " not in said, said
    assert {path: path.stat().st_mtime_ns for path in RUN.glob("*/manifest.json")} == manifests
    same = {key for key in first if not key.startswith("seconds.total")}
    assert {key: figures[key] for key in same} == {key: first[key] for key in same}
    assert seconds < 60
