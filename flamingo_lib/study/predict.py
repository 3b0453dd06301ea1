"""Steps of the study that store predictions: of every model on one eval set, of every rewriter on the raw samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import Preset
from ..evaluation.predictions import Prediction, write_predictions
from ..pipeline.step import Job, Step
from ..pipeline.steps.answerer import load_answerer
from ..pipeline.steps.judges import judge_files
from ..pipeline.steps.records import read_records
from ..pipeline.steps.rewrite import REWRITTEN
from ..pipeline.steps.scenes import data_root
from ..pipeline.steps.sources import RAW
from ..pipeline.steps.training import MODEL, base_files
from ..records import Rewrite, Sample
from ..storage import read_json, write_json
from .claim_table import REWRITES
from .steps import as_asked

if TYPE_CHECKING:
    from ..evaluation.model_metrics import EvalSet, ModelMetrics
    from ..scenes.index import TruthIndex

PREDICTIONS, FACTS = "predictions.jsonl", "facts.json"
"""Files of a step that stores predictions: one line a question; how the model was trained."""

REWRITERS = {
    "rewriter": "rewrite",
    "rewriter_text_only": "rewrite_text_only",
    "rewriter_other_image": "rewrite_other_image",
    "rewriter_second_generation": "rewrite_second_generation",
}
"""The step whose result holds each rewriter's output."""

UNCHANGED_ROUGE = 0.98
"""Rouge-L of a rewrite and its raw annotation at or above which it counts as unchanged."""


BASES = ("base", "base_4shot")
"""The base asked without and with examples."""


def model_predictions_step(name: str, model: str) -> Step:
    """Stores what a model answers to the questions of the seed's eval set.

    Args:
        name: of the step.
        model: a training step, or one of `BASES`.
    """
    judges = judge_files("reward", "nli")
    is_base = model in BASES

    def run(job: Job) -> dict[str, Any]:
        """Write ``predictions.jsonl`` and ``facts.json``."""
        from ..evaluation.few_shot import SHOTS
        from ..evaluation.model_metrics import examine, make_eval_set
        from ..evaluation.pool_predictions import pool_predictions
        from ..judges.panel import load_judges
        from ..scenes.index import TruthIndex

        index = TruthIndex(data_root(job.inputs["scenes"], job.preset))
        eval_set = make_eval_set(index, job.preset.evaluation, seed=job.seed)
        loaded: Any = load_judges(job.preset.judges, only=["reward", "nli"])
        if is_base:
            metrics, facts = _examined_base(job, model, index, eval_set, loaded.reward)
        else:
            folder = job.inputs[model] / MODEL
            metrics = examine(model, load_answerer(job, folder), eval_set, loaded.reward)
            facts = training_facts(folder)
        shots = SHOTS if model == BASES[1] else 0
        found = pool_predictions(metrics, eval_set, index, loaded, seed=job.seed, shots=shots)
        write_predictions(job.folder / PREDICTIONS, map(with_rouge, found))
        write_json(job.folder / FACTS, facts)
        return {}

    def assets(preset: Preset) -> Sequence[Path]:
        return [*(base_files(preset) if is_base else ()), *judges(preset)]

    return Step(
        name,
        f"ask {model.replace('_', ' ')}",
        run,
        inputs=("scenes",) if is_base else ("scenes", model),
        config=("sources.root", "model", "evaluation", "judges"),
        assets=assets,
    )


def training_facts(folder: Path) -> dict[str, float]:
    """Steps, seconds, loss and tokens of a trained model, from its ``training.json``."""
    values = read_json(folder / "training.json")
    names = ("steps", "seconds", "loss", "tokens", "supervised_tokens", "trained_parameters")
    return {name: values[name] for name in names if name in values}


def with_rouge(item: Prediction) -> Prediction:
    """The prediction with ``rouge_l`` against the best of its references, which curt answers have too."""
    from ..judges.rouge import rouge_l_best

    if not item.references:
        return item
    return replace(item, scores=item.scores | {"rouge_l": round(rouge_l_best(item.response, item.references), 6)})


def _examined_base(
    job: Job, model: str, index: TruthIndex, eval_set: EvalSet, reward: Any
) -> tuple[ModelMetrics, dict[str, float]]:
    """The base in the prompt that suits it best on the held-in questions, without or with examples."""
    from ..evaluation.accuracy import checked_accuracy
    from ..evaluation.few_shot import ExamplePool, base_prompts
    from ..evaluation.model_metrics import examine

    prompts = base_prompts(load_answerer(job, job.preset.model.base, curt=True), ExamplePool(index, seed=job.seed))
    wanted = {name: asker for name, (shown, asker) in prompts.items() if bool(shown) == (model != BASES[0])}
    said = {name: asker.answer(eval_set.held_in, description=f"{model}, {name}") for name, asker in wanted.items()}
    tried = {name: checked_accuracy(eval_set.held_in, answers).value for name, answers in said.items()}
    best = max(tried, key=tried.__getitem__)
    metrics = examine(model, wanted[best], eval_set, reward, held_in=said[best])
    return metrics, {f"held_in.{name}": value for name, value in tried.items()}


def rewriter_predictions_step(name: str, model: str, rewrites: str) -> Step:
    """Stores a rewriter's outputs, as the answers to the raw samples' instructions.

    Args:
        name: of the step.
        model: of the stored predictions.
        rewrites: the step whose result holds the outputs.
    """

    def run(job: Job) -> dict[str, Any]:
        """Write ``predictions.jsonl`` and ``facts.json``."""
        from ..judges.panel import load_judges
        from ..rewriting.pictures import Pictures
        from ..scenes.index import GRAPHS, TruthIndex

        root = data_root(job.inputs["scenes"], job.preset)
        samples = read_records(Sample, job.inputs["sources"] / RAW)
        found = as_asked(read_records(Rewrite, job.inputs[rewrites] / REWRITTEN), samples)
        judges = load_judges(job.preset.judges, only=["reward", "clip"])
        index = TruthIndex(root) if (root / GRAPHS).is_file() else None
        stored = rewriter_predictions(model, found, judges, index, Pictures(root), seed=job.seed)
        write_predictions(job.folder / PREDICTIONS, stored)
        write_json(job.folder / FACTS, {})
        return {}

    return Step(
        name,
        f"judge {model.replace('_', ' ')}",
        run,
        inputs=("scenes", "sources", rewrites),
        config=("sources.root", "judges"),
        assets=judge_files("reward", "clip"),
    )


def rewriter_predictions(
    model: str, rewrites: Sequence[Rewrite], judges: Any, index: TruthIndex | None, pictures: Any, *, seed: int
) -> list[Prediction]:
    """Each rewrite with its scores, whatever a filter would say of it.

    Scores: ``reward``, ``reward_raw`` and ``beats_raw`` (1, or one half of equal rewards), ``unchanged``, ``polite``;
    of answers and descriptions of known scenes ``false_addition``; of descriptions ``clipscore``.
    """
    from ..evaluation.rewriting import describes
    from ..judges.rouge import rouge_l
    from ..scenes.ground_truth import is_polite_sentence

    samples = [item.sample for item in rewrites]
    asked, texts = [sample.instruction for sample in samples], [item.final for item in rewrites]
    new, old = judges.reward(asked, texts), judges.reward(asked, [sample.raw for sample in samples])
    described = [number for number, sample in enumerate(samples) if describes(sample)]
    clip = judges.clip([pictures(samples[number]) for number in described], [texts[number] for number in described])
    clipscores = {number: float(own.mean()) for number, own in zip(described, clip, strict=True) if len(own)}
    stored = []
    for number, (item, sample) in enumerate(zip(rewrites, samples, strict=True)):
        scores: dict[str, float] = {
            "reward": float(new[number]),
            "reward_raw": float(old[number]),
            "beats_raw": float(new[number] > old[number]) + 0.5 * float(new[number] == old[number]),
            "unchanged": float(rouge_l(item.final, sample.raw) >= UNCHANGED_ROUGE),
            "polite": float(is_polite_sentence(item.final)),
        }
        scores |= _false_addition(item, index)
        if number in clipscores:
            scores["clipscore"] = clipscores[number]
        stored.append(
            Prediction(
                id=sample.id,
                model=model,
                seed=seed,
                pool=REWRITES,
                source=sample.source,
                type=sample.task,
                instruction=sample.instruction,
                references=(sample.raw,),
                response=item.final,
                images=tuple(f"{sample.source}/{image}" for image in sample.images),
                scores={name: round(value, 6) for name, value in scores.items()},
                meta={"task": sample.task},
            )
        )
    return stored


def _false_addition(item: Rewrite, index: TruthIndex | None) -> Mapping[str, float]:
    """Whether a rewrite says something false of its scene; empty where that is not known."""
    from ..evaluation.questions import question_of, scene_of
    from ..evaluation.rewriting import describes
    from ..records import VQA_TASKS
    from ..scenes.ground_truth import hallucinated

    question = question_of(item.sample) if item.sample.task in VQA_TASKS else None
    if index is None or not (question or describes(item.sample)):
        return {}
    return {"false_addition": float(hallucinated(scene_of(item.sample, index), item.final, question))}
