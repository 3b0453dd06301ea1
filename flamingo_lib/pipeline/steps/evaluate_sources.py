"""The evaluation of a run on datasets of one's own: every model, asked about the sources' held-out parts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import EvaluationConfig
from ...storage import fingerprint_files, write_json
from ..step import Job
from .base import MODEL, NAME, base_of
from .placement import placement

if TYPE_CHECKING:
    from ...evaluation.chat_generator import ChatGenerator
    from ...evaluation.predictions import Prediction

PROMPT = "openflamingo"
"""How the base, which was never taught to chat, is asked."""


def asked_of(config: EvaluationConfig) -> dict[str, int | None]:
    """Number of questions of each source: as the settings say, else those of the held-out sources."""
    return dict(config.sources) or dict.fromkeys(config.held_out_sources, config.held_out_source_questions)


def evaluate_on_sources(job: Job, root: Path) -> dict[str, Any]:
    """Write ``models.json`` (summaries of each model) and ``predictions.jsonl``, and the report's tables."""
    from ...evaluation.on_sources import ROLES, asked_sources, examine_on_sources, source_figures, sources_html
    from ...evaluation.predictions import write_predictions
    from ...evaluation.run_settings import PREDICTIONS
    from ...html import write_fragment
    from ...judges.panel import load_judges

    config = job.preset.evaluation
    judges = load_judges(job.preset.judges, device=placement(job.preset)["device"])
    names = {role: getattr(job.preset.judges, role) for role in ROLES}
    sources = asked_sources(asked_of(config), root)
    models: dict[str, str | Path] = {NAME: base_of(job)} | {
        name: job.inputs[name] / MODEL for name in job.preset.stages
    }
    summaries: dict[str, Any] = {}
    predictions: list[Prediction] = []
    figures: dict[str, float] = {}
    for name, model in models.items():
        summaries[name], answers = examine_on_sources(
            name,
            _weights(model),
            lambda model=model: _answerer(job, model),  # type: ignore[misc]
            judges,
            sources,
            job.scratch / name,
            names=names,
            seed=job.seed,
            batch=config.batch_size,
            max_new_tokens=config.max_new_tokens,
            prompt=PROMPT if name == NAME else "chat",
        )
        predictions += answers
        figures |= source_figures(name, summaries[name], answers)
    write_json(job.folder / "models.json", summaries, indent=None)
    write_predictions(job.folder / PREDICTIONS, predictions)
    (job.folder / "report").mkdir()
    write_fragment(job.folder / "report" / "1_answers_by_source.html", sources_html(summaries))
    return figures


def _weights(model: str | Path) -> str:
    from ...hub import resolve

    folder = resolve(model, role="the model to evaluate")
    return fingerprint_files(path for path in folder.iterdir() if path.suffix in {".json", ".safetensors"})


def _answerer(job: Job, model: str | Path) -> ChatGenerator:
    from ...evaluation.chat_generator import ChatGenerator
    from ...loading import load_model

    config, optimize = job.preset.evaluation, job.preset.model.optimize_for_cpu
    loaded = load_model(model, role="the model to evaluate", optimize=optimize, **placement(job.preset))
    return ChatGenerator(*loaded, batch_size=config.batch_size, max_new_tokens=config.max_new_tokens)
