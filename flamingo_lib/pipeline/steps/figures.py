"""Step: the paper's tables and figures from the run's stored predictions (docs/method.md, section 6)."""

from __future__ import annotations

from typing import Any

from ...records import Rewrite, Sample
from ..step import Job, Step
from .judges import judge_files
from .mixtures import REWRITES
from .placement import placement
from .records import read_records
from .sources import POLITE

PREDICTIONS, DATA = "predictions.jsonl", "data_predictions.jsonl"
"""In the folder of the step `evaluate`: every model's answers; in this step's: scored texts of the run's data."""

TEXTS = 400
"""Texts of each kind of data whose reward is shown."""


def run(job: Job) -> dict[str, Any]:
    """Write ``data_predictions.jsonl`` and the report's parts; the figures are median rewards of the data."""
    import numpy as np

    from ...evaluation.figures_reward import data_predictions
    from ...evaluation.predictions import read_predictions, write_predictions
    from ...evaluation.report import report_sections
    from ...html import write_fragment
    from ...judges.panel import load_judges

    reward: Any = load_judges(job.preset.judges, only=["reward"], device=placement(job.preset)["device"]).reward
    rewrites = read_records(Rewrite, job.inputs["filter"] / REWRITES)
    polite = read_records(Sample, job.inputs["sources"] / POLITE)
    data = data_predictions(rewrites, polite, reward, seed=job.seed, limit=TEXTS)
    write_predictions(job.folder / DATA, data)
    answers = job.inputs["evaluate"] / PREDICTIONS
    predictions = [*(read_predictions(answers) if answers.is_file() else ()), *data]
    folder = job.folder / "report"
    folder.mkdir()
    for number, (title, part) in enumerate(report_sections(predictions).items(), start=1):
        write_fragment(folder / f"{number:02d}_{'_'.join(title.split())}.html", part)
    names = dict.fromkeys(item.model for item in data)
    rewards = {name: [item.scores["reward"] for item in data if item.model == name] for name in names}
    if "rewriter" in rewards:
        rewards["annotations"] = [item.scores["reward_raw"] for item in data if item.model == "rewriter"]
    return {f"data.{name}.reward": float(np.median(values)) for name, values in rewards.items()}


STEP = Step(
    "figures",
    "draw the paper's tables and figures",
    run,
    inputs=("sources", "filter", "evaluate"),
    config=("judges", "model.device"),
    assets=judge_files("reward"),
)
