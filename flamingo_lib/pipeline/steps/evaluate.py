"""Step: what the examination of every model and of the rewriter comes to (docs/method.md, section 6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...config import Preset
from ...records import Rewrite
from ...storage import read_json, write_json
from ..step import Job, Step
from .base import NAME as BASE
from .examine import EXAMINED, examination
from .examine_sources import PREDICTIONS, report_on_held_out_parts
from .judges import judge_files
from .mixtures import REWRITES
from .placement import placement
from .records import read_records
from .rewrite import REWRITTEN, WRONG
from .scenes import data_root

if TYPE_CHECKING:
    from ...evaluation.model_metrics import EvalSet, ModelMetrics
    from ...html import Markup


def evaluation_step(preset: Preset) -> Step:
    """Brings together what is known of the base, the rewriter and the models of `preset.stages`."""
    examined = [examination(name) for name in (BASE, *preset.stages)]
    return Step(
        "evaluate",
        "compare all models",
        run,
        inputs=("scenes", "rewrite", "filter", *examined),
        config=("sources.root", "evaluation", "judges", "stages", "model.device"),
        assets=judge_files("reward"),
    )


def run(job: Job) -> dict[str, Any]:
    """Write ``models.json`` and ``predictions.jsonl`` (figures and answers of each model), and the report's parts."""
    from ...evaluation.few_shot import BaseMetrics
    from ...evaluation.model_metrics import ModelMetrics, make_eval_set
    from ...evaluation.pool_predictions import prediction_metrics
    from ...evaluation.predictions import read_predictions, write_predictions
    from ...evaluation.rewriting import by_task_html, by_task_metrics, rewriter_by_task
    from ...judges.panel import load_judges
    from ...scenes.index import GRAPHS, TruthIndex

    root = data_root(job.inputs["scenes"], job.preset)
    folders = {name: job.inputs[examination(name)] for name in (BASE, *job.preset.stages)}
    if not (root / GRAPHS).is_file():
        return report_on_held_out_parts(job, folders)
    index = TruthIndex(root)
    eval_set = make_eval_set(index, job.preset.evaluation, seed=job.seed)
    base = BaseMetrics.from_json(read_json(folders[BASE] / EXAMINED))
    tuned = {name: ModelMetrics.from_json(read_json(folders[name] / EXAMINED)) for name in job.preset.stages}
    models = {BASE: base.zero_shot, base.four_shot.name: base.four_shot, **tuned}
    write_json(job.folder / "models.json", {name: model.to_json() for name, model in models.items()}, indent=None)
    answers = [item for folder in folders.values() for item in read_predictions(folder / PREDICTIONS)]
    write_predictions(job.folder / PREDICTIONS, answers)
    judged = read_records(Rewrite, job.inputs["filter"] / REWRITES)
    tasks = rewriter_by_task(judged, index)
    _report(job, {BASE: base.zero_shot, **tuned}, eval_set, {"the_rewriter_by_task": by_task_html(tasks)})
    metrics = eval_set.guess_metrics() | base.metrics()
    for name, model in models.items():
        metrics |= model.metrics() | prediction_metrics([item for item in answers if item.model == name])
    reward = load_judges(job.preset.judges, only=["reward"], device=placement(job.preset)["device"]).reward
    return metrics | by_task_metrics(tasks) | _rewriting(job, judged, index, reward)


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
