"""Steps: ask one model the questions that all are asked, and score its answers (docs/method.md, section 6).

Each model has a step of its own, so that it is examined as soon as it is trained, beside the training of the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...config import Preset
from ...storage import write_json
from ..step import Job, Step
from .answerer import load_answerer
from .base import MODEL, NAME, base_files, base_inputs, base_of
from .examine_sources import PREDICTIONS, examine_on_held_out_parts
from .judges import judge_files, resolve_judges
from .placement import placement
from .scenes import data_root

if TYPE_CHECKING:
    from ...evaluation.chat_generator import ChatGenerator
    from ...evaluation.few_shot import BaseMetrics
    from ...evaluation.model_metrics import ModelMetrics
    from ...judges.panel import Judges
    from ...records import Sample
    from ...scenes.index import TruthIndex

EXAMINED = "examined.json"
"""The file of such a step with the model's metrics (of the base, at its best prompts); its answers are beside it."""


def examination(model: str) -> str:
    """The name of the step that examines `model`: a stage, or the base."""
    return f"examine_{model}"


def examination_step(model: str, preset: Preset) -> Step:
    """Examines `model`: a stage of the preset, or the base."""
    judges = judge_files("reward", "nli", "sts", "clip")
    is_base = model == NAME

    def run(job: Job) -> dict[str, Any]:
        """Write ``examined.json`` and ``predictions.jsonl``.

        Without the truth of Scenes, the model is asked about the held-out parts of sources.
        """
        from ...judges.panel import load_judges
        from ...scenes.index import GRAPHS, TruthIndex

        root = data_root(job.inputs["scenes"], job.preset)
        weights = base_of(job) if is_base else job.inputs[model] / MODEL
        loaded = load_judges(job.preset.judges, device=placement(job.preset)["device"])
        if (root / GRAPHS).is_file():
            _examine_on_scenes(job, model, weights, TruthIndex(root), loaded)
        else:
            examine_on_held_out_parts(job, model, weights, root, loaded)
        return {}

    def assets(preset: Preset) -> Sequence[Path]:
        return [*(base_files(preset) if is_base and not base_inputs(preset) else ()), *judges(preset)]

    return Step(
        examination(model),
        f"examine {model}",
        run,
        inputs=("scenes", *(base_inputs(preset) if is_base else (model,))),
        config=("sources.root", "model", "evaluation", "judges"),
        assets=assets,
        resolve_auto=resolve_judges,
    )


def _examine_on_scenes(job: Job, name: str, weights: str | Path, index: TruthIndex, judges: Judges) -> None:
    from ...evaluation.few_shot import SHOTS, ExamplePool, examine_base
    from ...evaluation.model_metrics import examine, make_eval_set
    from ...evaluation.pool_predictions import caption_samples, pool_predictions
    from ...evaluation.predictions import write_predictions

    config = job.preset.evaluation
    eval_set = make_eval_set(index, config, seed=job.seed)
    captions = caption_samples(index, config.captions, seed=job.seed)
    answerer = load_answerer(job, weights, curt=name == NAME)
    described = _descriptions(name, answerer, index, captions)
    reward: Any = judges.reward
    examined: ModelMetrics | BaseMetrics
    if name == NAME:
        examined = examine_base(answerer, eval_set, reward, ExamplePool(index, seed=job.seed))
        asked = [(examined.zero_shot, 0, captions, described), (examined.four_shot, SHOTS, (), ())]
    else:
        examined = examine(name, answerer, eval_set, reward)
        asked = [(examined, 0, captions, described)]
    write_json(job.folder / EXAMINED, examined.to_json(), indent=None)
    write_predictions(
        job.folder / PREDICTIONS,
        (
            prediction
            for metrics, shots, samples, told in asked
            for prediction in pool_predictions(
                metrics, eval_set, index, judges, seed=job.seed, shots=shots, captions=samples, descriptions=told
            )
        ),
    )


def _descriptions(name: str, answerer: ChatGenerator, index: TruthIndex, captions: Sequence[Sample]) -> list[str]:
    """What a model says of the captioned images; of the base, without examples."""
    from ...evaluation.pool_predictions import caption_files

    asked = [sample.instruction for sample in captions]
    return answerer.ask(asked, caption_files(captions, index), description=f"{name}: descriptions")
