"""The examination of runs on real datasets, where no truth of Scenes is known: the sources' held-out parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import EvaluationConfig
from ...storage import fingerprint_files, write_json
from ..step import Job
from .answerer import load_answerer
from .base import NAME

if TYPE_CHECKING:
    from ...judges.panel import Judges

PROMPT = "openflamingo"
"""How the base, which was never taught to chat, is asked."""

SUMMARIES, PREDICTIONS = "summaries.json", "predictions.jsonl"
"""Files of such a step: what was measured of the model on each source; its answers."""


def asked_of(config: EvaluationConfig) -> dict[str, int | None]:
    """Number of questions of each source: as the settings say, else those of the held-out sources."""
    return dict(config.sources) or dict.fromkeys(config.held_out_sources, config.held_out_source_questions)


def examine_on_held_out_parts(job: Job, name: str, model: str | Path, root: Path, judges: Judges) -> None:
    """Write ``summaries.json`` and ``predictions.jsonl`` of one model; what a killed run has asked is kept."""
    from ...evaluation.on_sources import ROLES, asked_sources, examine_on_sources
    from ...evaluation.predictions import write_predictions

    config = job.preset.evaluation
    summaries, predictions = examine_on_sources(
        name,
        _weights(model),
        lambda: load_answerer(job, model),
        judges,
        asked_sources(asked_of(config), root),
        job.scratch,
        names={role: getattr(job.preset.judges, role) for role in ROLES},
        seed=job.seed,
        batch=config.batch_size,
        max_new_tokens=config.max_new_tokens,
        prompt=PROMPT if name == NAME else "chat",
    )
    write_json(job.folder / SUMMARIES, summaries, indent=None)
    write_predictions(job.folder / PREDICTIONS, predictions)


def report_on_held_out_parts(job: Job, examined: dict[str, Path]) -> dict[str, Any]:
    """Write ``models.json``, ``predictions.jsonl`` and the report's tables of all models; returns their figures.

    Args:
        job: of the step that reports.
        examined: what `examine_on_held_out_parts` has written of each model.
    """
    from ...evaluation.on_sources import source_figures, sources_html
    from ...evaluation.predictions import read_predictions, write_predictions
    from ...html import write_fragment
    from ...storage import read_json

    summaries = {name: read_json(folder / SUMMARIES) for name, folder in examined.items()}
    answers = {name: list(read_predictions(folder / PREDICTIONS)) for name, folder in examined.items()}
    figures: dict[str, float] = {}
    for name, summary in summaries.items():
        figures |= source_figures(name, summary, answers[name])
    write_json(job.folder / "models.json", summaries, indent=None)
    write_predictions(job.folder / PREDICTIONS, (item for told in answers.values() for item in told))
    (job.folder / "report").mkdir()
    write_fragment(job.folder / "report" / "1_answers_by_source.html", sources_html(summaries))
    return figures


def _weights(model: str | Path) -> str:
    from ...hub import resolve

    folder = resolve(model, role="the model to evaluate")
    return fingerprint_files(path for path in folder.iterdir() if path.suffix in {".json", ".safetensors"})
