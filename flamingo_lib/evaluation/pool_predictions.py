"""Stored predictions of an eval set: each pool's questions with one model's answers, scored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..judges.panel import Judges
from ..records import Sample
from ..scenes.graph import Scene
from ..scenes.index import TruthIndex
from ..sources import load_source
from ..sources.images import open_image
from .metrics.captions import rouge_l_mean
from .metrics.judged import nli_accuracy, reward_mean
from .metrics.select import TASK_KEY
from .metrics.truth import chair_instance, chair_sentence, object_recall
from .metrics.values import MetricValue
from .model_metrics import EvalSet, ModelMetrics
from .predictions import Prediction
from .questions import POOLS, EvalItem, EvalQuestion, stored_prediction
from .scoring import Truth, score
from .source_questions import to_prediction

CAPTION_SOURCE = "mscoco-captions"
"""Whose images and reference captions the pool ``captions`` takes."""


def caption_samples(index: TruthIndex, count: int, *, seed: int) -> list[Sample]:
    """Captioned images of unseen scenes of known pairs, the first `count` or as many as there are.

    The seed decides the instructions' wording.

    Raises:
        DataError: the data root has none.
    """
    if not count:
        return []
    found = []
    for sample in load_source(CAPTION_SOURCE, Path(index.folder) / CAPTION_SOURCE, split="val", seed=seed):
        if index.pool(sample.images[0], CAPTION_SOURCE) == POOLS["held_in"]:
            found.append(sample)
            if len(found) == count:
                break
    if not found:
        raise DataError(
            "there are no captioned images of unseen scenes",
            file=index.folder,
            remedy="Write the Scenes data root again, or set evaluation.captions=0.",
        )
    return found


def caption_files(samples: Sequence[Sample], index: TruthIndex) -> list[list[str]]:
    """The image files of `samples`, for a `ChatGenerator`."""
    return [[str(Path(index.folder) / sample.source / image) for image in sample.images] for sample in samples]


def pool_predictions(
    metrics: ModelMetrics,
    eval_set: EvalSet,
    index: TruthIndex,
    judges: Judges,
    *,
    seed: int,
    shots: int = 0,
    captions: Sequence[Sample] = (),
    descriptions: Sequence[str] = (),
) -> list[Prediction]:
    """One model's answers to every pool of an eval set as stored predictions, scored.

    Args:
        metrics: of the model; its answers are taken, and its name.
        eval_set: what it was asked.
        index: of the data root; images are stored relative to it.
        judges: those that are loaded score what fits them.
        seed: of the run.
        shots: examples that stood before each question.
        captions: samples that it described; `descriptions` are its responses.

    Raises:
        DataError: it has more or fewer answers than questions: answers to another eval set.
    """
    made: list[tuple[Prediction, Truth | None]] = []
    for item, response in _answered(metrics, eval_set):
        made.append((_prediction(item, response, metrics.name, index, seed, shots), _truth(item)))
    for number, (text, response) in enumerate(_pairs("texts", eval_set.texts, metrics.text_answers, metrics.name)):
        meta = {TASK_KEY: "instruction"}
        made.append(
            (
                Prediction(f"texts/{number}", metrics.name, seed, "texts", "scenes", "", text, (), response, meta=meta),
                None,
            )
        )
    for sample, response in _pairs("captions", captions, descriptions, metrics.name):
        told = to_prediction(sample, response, model=metrics.name, seed=seed, pool="captions", shots=0)
        images = tuple(f"{sample.source}/{image}" for image in sample.images)
        scene = index.scene(sample.images[0], sample.source)
        meta = told.meta | {"objects": _objects(scene)}
        made.append((replace(told, images=images, meta=meta), Truth(scene)))
    return score(
        [prediction for prediction, _ in made],
        judges,
        images=lambda item: [open_image(index.folder, image) for image in item.images],
        truths=[truth for _, truth in made],
    )


def prediction_metrics(predictions: Sequence[Prediction]) -> dict[str, float]:
    """Figures of one model that only its stored predictions tell, under their keys of ``metrics.json``.

    NLI-entailed accuracy and mean reward by pool, as the paper's figure 9 has them; Rouge-L, CHAIR and object recall of
    the descriptions. What there is nothing to measure on is left out.
    """
    values: dict[str, MetricValue] = {}
    for pool in ("held_in", "held_out", "held_out_source"):
        own = [item for item in predictions if item.pool == pool]
        values |= {f"{pool}_nli_accuracy": nli_accuracy(own), f"{pool}_reward_mean": reward_mean(own)}
    told = [item for item in predictions if item.pool == "captions"]
    values |= {
        "caption_rouge_l": rouge_l_mean(told),
        "caption_chair_instance": chair_instance(told),
        "caption_chair_sentence": chair_sentence(told),
        "caption_object_recall": object_recall(told),
    }
    model = predictions[0].model if predictions else ""
    return {f"stages.{model}.{name}": value.value for name, value in values.items() if value.n}


def _answered(metrics: ModelMetrics, eval_set: EvalSet) -> Iterator[tuple[EvalItem, str]]:
    """Every question about images with the model's answer."""
    yield from _pairs("held_in", eval_set.held_in, metrics.answers, metrics.name)
    yield from _pairs("held_out", eval_set.held_out, metrics.held_out_answers, metrics.name)
    yield from _pairs("held_out_source", eval_set.source_questions, metrics.source_answers, metrics.name)


def _pairs(pool: str, asked: Sequence[Any], answers: Sequence[str], model: str) -> Iterator[tuple[Any, str]]:
    if len(asked) != len(answers):
        raise DataError(
            f"{model!r} has {len(answers)} answers to the {len(asked)} questions of the pool {pool!r}",
            remedy="Its answers are to another eval set: examine it again.",
        )
    yield from zip(asked, answers, strict=True)


def _prediction(item: EvalItem, response: str, model: str, index: TruthIndex, seed: int, shots: int) -> Prediction:
    made = stored_prediction(item, response, model=model, seed=seed, root=index.folder, shots=shots)
    if len(item.scenes) != 1:
        return made
    return replace(made, meta=made.meta | {"objects": _objects(item.scenes[0])})


def _objects(scene: Scene) -> list[str]:
    return [f"{item.color} {item.shape}" for item in scene.objects]


def _truth(item: EvalItem) -> Truth | None:
    """The scene and question behind a question of Scenes; other sources are checked by their own rules."""
    return Truth(item.scene, item.question) if isinstance(item, EvalQuestion) else None
