"""Step: examine the base, the rewriter and every tuned model with the same questions (docs/method.md, section 6)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import Preset
from ...records import Rewrite
from ...storage import read_json, write_json
from ..step import Job, Step
from .base import MODEL, base_files, base_inputs, base_of
from .evaluate_sources import evaluate_on_sources
from .judges import judge_files, resolve_judges
from .mixtures import REWRITES
from .placement import placement
from .records import read_records
from .rewrite import REWRITTEN, WRONG
from .scenes import data_root

if TYPE_CHECKING:
    from ...evaluation.chat_generator import ChatGenerator
    from ...evaluation.few_shot import BaseMetrics
    from ...evaluation.model_metrics import EvalSet, ModelMetrics
    from ...evaluation.predictions import Prediction
    from ...html import Markup
    from ...judges.panel import Judges
    from ...records import Sample
    from ...scenes.index import TruthIndex

BASE = "base"

PREDICTIONS = "predictions.jsonl"
"""Every answer of every model, scored: what tables, figures and claims are made from."""


def evaluation_step(preset: Preset) -> Step:
    """Examines the models of `preset.stages`."""
    files = judge_files("reward", "nli", "sts", "clip")

    def assets(preset: Preset) -> Sequence[Path]:
        return [*([] if base_inputs(preset) else base_files(preset)), *files(preset)]

    return Step(
        "evaluate",
        "examine every model",
        run,
        inputs=(*base_inputs(preset), "scenes", "rewrite", "filter", *preset.stages),
        config=("sources.root", "model", "evaluation", "judges", "stages"),
        assets=assets,
        resolve_auto=resolve_judges,
    )


def run(job: Job) -> dict[str, Any]:
    """Write ``models.json`` and ``predictions.jsonl`` (figures and answers of each model), and the report's parts.

    Without the truth of Scenes, models are asked about the held-out parts of sources (`evaluate_on_sources`).
    """
    from ...evaluation.model_metrics import make_eval_set
    from ...evaluation.pool_predictions import caption_samples, prediction_metrics
    from ...evaluation.predictions import write_predictions
    from ...evaluation.rewriting import by_task_html, by_task_metrics, rewriter_by_task
    from ...judges.panel import load_judges
    from ...scenes.index import GRAPHS, TruthIndex

    root = data_root(job.inputs["scenes"], job.preset)
    if not (root / GRAPHS).is_file():
        return evaluate_on_sources(job, root)
    index = TruthIndex(root)
    judges = load_judges(job.preset.judges, device=placement(job.preset)["device"])
    reward = judges.reward
    eval_set = make_eval_set(index, job.preset.evaluation, seed=job.seed)
    captions = caption_samples(index, job.preset.evaluation.captions, seed=job.seed)
    base = _examined_base(job, index, eval_set, reward, captions)
    models = {BASE: base.zero_shot, base.four_shot.name: base.four_shot}
    models |= {name: _examined(name, job, index, eval_set, reward, captions) for name in job.preset.stages}
    write_json(job.folder / "models.json", {name: model.to_json() for name, model in models.items()}, indent=None)
    told = [*_predictions(job, models, base, eval_set, index, judges, captions)]
    write_predictions(job.folder / PREDICTIONS, (item for predictions in told for item in predictions))
    judged = read_records(Rewrite, job.inputs["filter"] / REWRITES)
    tasks = rewriter_by_task(judged, index)
    shown = {name: model for name, model in models.items() if model is not base.four_shot}
    _report(job, shown, eval_set, {"the_rewriter_by_task": by_task_html(tasks)})
    metrics = eval_set.guess_metrics() | base.metrics()
    for model, predictions in zip(models.values(), told, strict=True):
        metrics |= model.metrics() | prediction_metrics(predictions)
    return metrics | by_task_metrics(tasks) | _rewriting(job, judged, index, reward)


def _answerer(job: Job, model: Any, *, curt: bool = False) -> ChatGenerator:
    from ...evaluation.chat_generator import ChatGenerator
    from ...training.stages import load_base

    config = job.preset.evaluation
    loaded = load_base(model, optimize=job.preset.model.optimize_for_cpu)
    return ChatGenerator(*loaded, batch_size=config.batch_size, max_new_tokens=config.max_new_tokens, curt=curt)


def _predictions(
    job: Job,
    models: dict[str, ModelMetrics],
    base: BaseMetrics,
    eval_set: EvalSet,
    index: TruthIndex,
    judges: Judges,
    captions: list[Sample],
) -> Iterator[list[Prediction]]:
    """The stored predictions of every model; the base describes images without examples only."""
    from ...evaluation.few_shot import SHOTS
    from ...evaluation.pool_predictions import pool_predictions
    from ...progress import track

    for name, model in track(models.items(), "scoring answers", len(models), "models"):
        described = job.scratch / f"{name}.captions.json"
        yield pool_predictions(
            model,
            eval_set,
            index,
            judges,
            seed=job.seed,
            shots=SHOTS if model is base.four_shot else 0,
            captions=captions if described.exists() else (),
            descriptions=read_json(described) if described.exists() else (),
        )


def _describe(name: str, job: Job, answerer: ChatGenerator, index: TruthIndex, captions: list[Sample]) -> None:
    """Ask a model for its descriptions and keep them."""
    from ...evaluation.pool_predictions import caption_files

    described = answerer.ask(
        [sample.instruction for sample in captions],
        caption_files(captions, index),
        description=f"{name}: descriptions",
    )
    write_json(job.scratch / f"{name}.captions.json", described, indent=None)


def _examined(
    name: str, job: Job, index: TruthIndex, eval_set: EvalSet, reward: Any, captions: list[Sample]
) -> ModelMetrics:
    """The figures of one tuned model; those that a killed run has finished are read."""
    from ...evaluation.model_metrics import ModelMetrics, examine

    done = job.scratch / f"{name}.json"
    if not done.exists():
        answerer = _answerer(job, job.inputs[name] / MODEL)
        _describe(name, job, answerer, index, captions)
        write_json(done, examine(name, answerer, eval_set, reward).to_json(), indent=None)
    return ModelMetrics.from_json(read_json(done))


def _examined_base(job: Job, index: TruthIndex, eval_set: EvalSet, reward: Any, captions: list[Sample]) -> BaseMetrics:
    """The figures of the base at its best zero-shot and few-shot prompts; likewise."""
    from ...evaluation.few_shot import BaseMetrics, ExamplePool, examine_base

    done = job.scratch / f"{BASE}.json"
    if not done.exists():
        answerer = _answerer(job, base_of(job), curt=True)
        _describe(BASE, job, answerer, index, captions)
        pool = ExamplePool(index, seed=job.seed)
        found = examine_base(answerer, eval_set, reward, pool)
        write_json(done, found.to_json(), indent=None)
    return BaseMetrics.from_json(read_json(done))


def _rewriting(job: Job, judged: Sequence[Rewrite], index: Any, reward: Any) -> dict[str, float]:
    """The rewriter's figures before filtering, and what is left of its mistakes after it."""
    from ...evaluation.rewriting import answer_preserved, paragraph_figures, rewriter_figures, rewriter_hallucinated

    rewritten = read_records(Rewrite, job.inputs["rewrite"] / REWRITTEN)
    kept = [item for item in judged if item.kept]
    metrics = rewriter_figures(rewritten, read_records(Rewrite, job.inputs["rewrite"] / WRONG), index, reward)
    _, false_claim, _ = paragraph_figures(kept, index)
    metrics |= {
        "pf1m.answer_preserved": answer_preserved(kept).value,
        "pf1m.hallucinated": rewriter_hallucinated(kept, index).value,
        "pf1m.paragraph_false_claim": false_claim,
    }
    return {name: value for name, value in metrics.items() if value == value}


def _report(job: Job, models: dict[str, ModelMetrics], eval_set: EvalSet, more: dict[str, Markup]) -> None:
    from ...evaluation.report import stage_sections
    from ...html import write_fragment

    folder = job.folder / "report"
    folder.mkdir()
    for number, (title, part) in enumerate((stage_sections(models, eval_set) | more).items(), start=1):
        name = "_".join(title.split())
        write_fragment(folder / f"{number:02d}_{name}.html", part)
