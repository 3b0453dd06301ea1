"""The step that draws the paper's tables and figures, and the claims on the report's first screen."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from flamingo_lib.evaluation.predictions import Prediction, read_predictions, write_predictions
from flamingo_lib.pipeline import report
from flamingo_lib.pipeline.run import run_pipeline
from flamingo_lib.pipeline.run_folder import Workspace
from flamingo_lib.pipeline.step import Job, Step
from flamingo_lib.pipeline.steps.figures import DATA, PREDICTIONS, run
from flamingo_lib.pipeline.steps.records import write_records
from flamingo_lib.presets import load_preset
from flamingo_lib.records import Rewrite, Sample

CLAIM = {
    "claim": "stage 2 against stage 1: reward",
    "paper": -0.82,
    "ours": -1.0,
    "low": -1.4,
    "high": -0.6,
    "seed_low": -1.6,
    "seed_high": -0.4,
    "holds": True,
    "metrics": ["stages.stage2.reward", "stages.stage1.reward"],
}


def sample(number, raw, task="vqa"):
    return Sample(f"vqa-v2/val/{number}", "vqa-v2", task, ("a.png",), "What color is the ring?", raw)


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A step whose inputs hold two rewrites, a dialogue and two models' answers; reward is the length of a text."""
    folders = {name: tmp_path / name for name in ("sources", "filter", "evaluate", "figures", "scratch")}
    for folder in folders.values():
        folder.mkdir()
    rewrites = [Rewrite(sample(0, "red"), "It is red."), Rewrite(sample(1, "blue"), "It is blue.")]
    write_records(folders["filter"] / "rewrites.jsonl", rewrites)
    write_records(folders["sources"] / "polite.jsonl", [sample(2, "Sure! It is a ring.", "instruction")])
    answers = [
        Prediction(f"q{number}", model, 0, "held_in", "scenes", "color", "?", ("red",), "Red.", scores=scores)
        for model in ("stage1", "stage2")
        for number in range(3)
        for scores in [{"correct": float(number > 0), "reward": float(number)}]
    ]
    write_predictions(folders["evaluate"] / PREDICTIONS, answers)
    judges = SimpleNamespace(reward=lambda asked, texts: np.array([len(text) for text in texts]))
    monkeypatch.setattr("flamingo_lib.judges.panel.load_judges", lambda *_, **__: judges)
    return Job(folders["figures"], folders["scratch"], tmp_path, folders, load_preset("tiny", seed=5))


def test_the_step_stores_the_data_and_draws_everything(job):
    values = run(job)
    assert values == {"data.rewriter.reward": 10.5, "data.dialogues.reward": 19.0, "data.annotations.reward": 3.5}
    stored = list(read_predictions(job.folder / DATA))
    assert [(item.model, item.seed) for item in stored] == [("rewriter", 5), ("rewriter", 5), ("dialogues", 5)]
    parts = {path.name: path.read_text() for path in sorted((job.folder / "report").iterdir())}
    assert next(iter(parts)) == "01_Figure_9,_the_U_and_the_ablations.html" and len(parts) == 7
    assert "stage 2 minus stage 1" in parts["01_Figure_9,_the_U_and_the_ablations.html"]
    assert "dialogues" in parts["02_Figure_6,_rewards_of_the_data.html"]


def test_without_stored_answers_the_step_says_what_is_missing(job):
    (job.inputs["evaluate"] / PREDICTIONS).unlink()
    run(job)
    assert "Nothing to show" in (job.folder / "report" / "01_Figure_9,_the_U_and_the_ablations.html").read_text()


def test_the_claims_come_first_with_the_runs_value(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "stored_claims", lambda: [CLAIM])
    figures = {"stages.stage1.reward": 1.0, "stages.stage2.reward": 0.25}
    steps = [Step("evaluate", "examine", lambda job: figures)]
    run_pipeline(Workspace(tmp_path, load_preset("tiny"), steps=steps), notebooks=False, say=lambda line: None)
    page = (tmp_path / "report.html").read_text()
    assert json.loads((tmp_path / "metrics.json").read_text())["stages.stage2.reward"] == 0.25
    assert page.index("<h2>Claims</h2>") < page.index("<h2>Figures</h2>")
    assert "-0.750" in page and "✓ inside" in page


def test_without_a_study_the_report_begins_with_the_figures(tmp_path, monkeypatch):
    monkeypatch.setattr(report, "stored_claims", lambda: None)
    steps = [Step("evaluate", "examine", lambda job: {"stages.stage1.reward": 1.0})]
    run_pipeline(Workspace(tmp_path, load_preset("tiny"), steps=steps), notebooks=False, say=lambda line: None)
    assert "<h2>Claims</h2>" not in (tmp_path / "report.html").read_text()
