"""Step: examine the base, the rewriter and every tuned model with the same questions (docs/method.md, section 6)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import Preset
from ...records import Rewrite
from ...storage import read_json, write_json
from ..step import Job, Step
from .judges import judge_files
from .mixtures import REWRITES
from .records import read_records
from .rewrite import REWRITTEN, WRONG
from .scenes import data_root
from .training import MODEL, base_files

if TYPE_CHECKING:
    from ...evaluation.model_metrics import EvalSet, ModelMetrics
    from ...html import Markup

BASE = "base"


def evaluation_step(preset: Preset) -> Step:
    """Examines the models of `preset.stages`."""
    files = judge_files("reward")

    def assets(preset: Preset) -> Sequence[Path]:
        return [*base_files(preset), *files(preset)]

    return Step(
        "evaluate",
        "examine every model",
        run,
        inputs=("scenes", "rewrite", "filter", *preset.stages),
        config=("sources.root", "model", "evaluation", "judges", "stages"),
        assets=assets,
    )


def run(job: Job) -> dict[str, Any]:
    """Write ``models.json`` (answers and figures of each model) and fragments for the report."""
    from ...evaluation.model_metrics import make_eval_set
    from ...evaluation.rewriting import by_task_html, rewriter_by_task
    from ...judges.panel import load_judges
    from ...scenes.index import TruthIndex

    index = TruthIndex(data_root(job.inputs["scenes"], job.preset))
    reward = load_judges(job.preset.judges, only=["reward"]).reward
    eval_set = make_eval_set(index, job.preset.evaluation, seed=job.seed)
    models = {name: _examined(name, job, eval_set, reward) for name in (BASE, *job.preset.stages)}
    write_json(job.folder / "models.json", {name: model.to_json() for name, model in models.items()}, indent=None)
    judged = read_records(Rewrite, job.inputs["filter"] / REWRITES)
    tasks = rewriter_by_task(judged, index)
    _report(job, models, eval_set, {"the_rewriter_by_task": by_task_html(tasks)})
    metrics = models[BASE].base_metrics()
    for model in models.values():
        metrics |= model.metrics()
    metrics |= {
        f"rewriter.by_task.{task}.{name}": value
        for task, row in tasks.items()
        for name, value in row.items()
        if value is not None
    }
    return metrics | _rewriting(job, judged, index, reward)


def _examined(name: str, job: Job, eval_set: EvalSet, reward: Any) -> ModelMetrics:
    """The figures of one model; those that a killed run has finished are read."""
    from ...evaluation.chat_generator import ChatGenerator
    from ...evaluation.model_metrics import ModelMetrics, examine
    from ...training.stages import load_base

    done = job.scratch / f"{name}.json"
    if not done.exists():
        config = job.preset.evaluation
        model = job.preset.model.base if name == BASE else job.inputs[name] / MODEL
        loaded = load_base(model, optimize=job.preset.model.optimize_for_cpu)
        answerer = ChatGenerator(
            *loaded, batch_size=config.batch_size, max_new_tokens=config.max_new_tokens, curt=name == BASE
        )
        write_json(done, examine(name, answerer, eval_set, reward).to_json(), indent=None)
    return ModelMetrics.from_json(read_json(done))


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


def _report(job: Job, models: dict[str, ModelMetrics], eval_set: EvalSet, more: Mapping[str, Markup]) -> None:
    from ...evaluation.report import stage_sections
    from ...html import write_fragment

    folder = job.folder / "report"
    folder.mkdir()
    for number, (title, part) in enumerate((stage_sections(models, eval_set) | more).items(), start=1):
        name = "_".join(title.split())
        write_fragment(folder / f"{number:02d}_{name}.html", part)
