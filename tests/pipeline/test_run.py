"""The whole run: figures, report, and the command line, with steps that only return numbers."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import DataError, FlamingoError
from flamingo_lib.pipeline import run as run_module
from flamingo_lib.pipeline.environment import commit, project_root, runs_folder, versions
from flamingo_lib.pipeline.metrics import FIGURES, as_table, collect
from flamingo_lib.pipeline.run import run_pipeline
from flamingo_lib.pipeline.run_folder import Workspace
from flamingo_lib.pipeline.step import Step
from flamingo_lib.presets import load_preset


def evaluate(job):
    (job.folder / "report").mkdir()
    (job.folder / "report" / "1_kept_records.html").write_text("<p>a card</p>")
    return {figure.key: 0.5 for figure in FIGURES if not figure.key.startswith("seconds")}


STEPS = [
    Step("scenes", "draw", lambda job: {"scenes.images": 12}),
    Step("evaluate", "evaluate", evaluate, inputs=("scenes",)),
]


def workspace(folder: Path) -> Workspace:
    return Workspace(folder, load_preset("tiny", seed=4), steps=STEPS)


def test_metrics_are_flat_and_say_what_made_them(tmp_path):
    values = run_pipeline(workspace(tmp_path), notebooks=False, say=lambda line: None)
    stored = json.loads((tmp_path / "metrics.json").read_text())
    assert stored == values
    assert all(isinstance(value, (int, float, str)) for value in stored.values())
    assert {figure.key for figure in FIGURES} <= set(stored)
    assert (stored["preset"], stored["seed"], stored["commit"], stored["scenes.images"]) == ("tiny", 4, commit(), 12)
    assert stored["version.torch"] == versions()["torch"]
    assert stored["seconds.step.scenes"] >= 0 and stored["seconds.total"] >= 0


def test_a_second_run_makes_no_step(tmp_path):
    said: list[str] = []
    run_pipeline(workspace(tmp_path), notebooks=False, say=said.append)
    assert said == ["step scenes: draw", "step evaluate: evaluate"]
    run_pipeline(workspace(tmp_path), notebooks=False, say=said.append)
    assert len(said) == 2


def test_until_stops_there(tmp_path):
    values = run_pipeline(workspace(tmp_path), until="scenes", say=lambda line: None)
    assert "scenes.images" in values and "base.held_in_accuracy" not in values
    assert not (tmp_path / "evaluate").exists() and not (tmp_path / "report.html").exists()
    with pytest.raises(FlamingoError, match="no step 'nothing'"):
        run_pipeline(workspace(tmp_path), until="nothing", say=lambda line: None)


def test_report_shows_figures_bounds_and_fragments(tmp_path):
    run_pipeline(workspace(tmp_path), notebooks=False, say=lambda line: None)
    page = (tmp_path / "report.html").read_text()
    for figure in FIGURES:
        assert figure.key in page
    assert "✗ missed" in page and "✓ reached" in page and "Kept records" in page and "<p>a card</p>" in page
    assert not re.search(r"(src|href)='(https?:)?//", page), "the page works offline"


def test_bounds_hold_at_their_value():
    figures = {figure.key: figure for figure in FIGURES}
    assert figures["pf1m.kept"].reached(0.5) and not figures["pf1m.kept"].reached(0.49)
    assert figures["rewriter.hallucinated"].reached(0.08) and not figures["rewriter.hallucinated"].reached(0.081)
    assert figures["packing.fill.none"].reached(0.1) is None
    assert "MISSED" in as_table({"pf1m.kept": 0.1}) and "ok" in as_table({"pf1m.kept": 0.6})


def test_two_steps_may_not_give_one_figure(tmp_path):
    twice = Workspace(
        tmp_path, load_preset(), steps=[Step(name, "x", lambda job: {"a.b": 1}) for name in ("one", "two")]
    )
    for name in twice.steps:
        twice.step(name)
    with pytest.raises(DataError, match=r"two steps give the figure 'a\.b'"):
        collect(twice, 0.0)


def test_too_little_disk_is_said_before_work_begins(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(run_module.shutil, "disk_usage", lambda path: usage(1, 1, 3 << 20))
    with pytest.raises(FlamingoError, match=r"only 3 MB are free.*Free some space"):
        run_pipeline(workspace(tmp_path), notebooks=False, say=lambda line: None)
    assert not (tmp_path / "scenes").exists()


def test_runs_have_names_or_paths(tmp_path):
    assert runs_folder("tiny-0") == project_root() / "runs" / "tiny-0"
    assert runs_folder(tmp_path / "here") == tmp_path / "here"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["pipeline", "--preset", "huge"], "there is no preset 'huge'"),
        (["pipeline", "--set", "scenes.raw_scene=3"], "no setting 'scenes.raw_scene'"),
        (["pipeline", "--set", "scenes.raw_scenes=-3"], "setting 'scenes.raw_scenes'"),
        (["pipeline", "--set", "nonsense"], "no setting 'nonsense'"),
        (["pipeline", "--until", "lunch"], "no step 'lunch'"),
        (["presets", "show", "huge"], "there is no preset 'huge'"),
    ],
)
def test_wrong_input_is_one_clear_line(tmp_path, arguments, message):
    where = ["--run-dir", str(tmp_path / "run")] if arguments[0] == "pipeline" else []
    done = subprocess.run(
        [sys.executable, "-c", "from flamingo_lib.cli import main; main()", *arguments, *where],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert message in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "run" / "metrics.json").exists()


def test_presets_commands_print_what_can_be_set():
    shown = CliRunner().invoke(app, ["presets", "show", "tiny", "--set", "scenes.raw_scenes=5"])
    assert (
        shown.exit_code == 0
        and "scenes.raw_scenes = 5" in shown.stdout
        and "stages.stage2.learning_rate = " in shown.stdout
    )
    listed = CliRunner().invoke(app, ["presets", "list", "--json"])
    assert set(json.loads(listed.stdout)) == {"tiny", "small", "paper"}
    as_json = CliRunner().invoke(app, ["presets", "show", "--json"])
    assert json.loads(as_json.stdout)["name"] == "tiny"
