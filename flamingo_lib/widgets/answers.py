"""Models' stored answers to one question: picture, truth, and what was measured of each answer, as HTML."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..evaluation.predictions import Prediction
from ..evaluation.selection import VISUAL_POOLS, aligned, select, title_of
from ..html import Markup, badge, card, join, message, picture, table
from ..pipeline.record_html import marked_difference

if TYPE_CHECKING:
    from PIL.Image import Image

Pictures = Callable[[Prediction], Sequence["Image"]]
"""A stored prediction to the images that its question is about."""

POOL_WORDS = {
    "held_in": "held-in",
    "held_out": "held-out: unseen pair",
    "held_out_source": "held-out: unseen source",
}
"""Pools by the names of figure 9."""


def answers_by_model(
    predictions: Iterable[Prediction], models: Sequence[str] | None = None, pools: Sequence[str] = VISUAL_POOLS
) -> dict[str, list[Prediction]]:
    """Predictions of the visual pools by model, all in one order of questions.

    Args:
        predictions: stored ones; those without the score ``correct`` are passed over.
        models: only these; None for all.
        pools: only these.

    Raises:
        DataError: the models answered different questions.
    """
    return aligned(select(predictions, models=models, pools=pools, score="correct"))


def is_right(item: Prediction) -> bool:
    """Whether an answer is right about the right subject."""
    return item.scores["correct"] > 0.5


def answer_card(answers: Mapping[str, Prediction], pictures: Pictures, *, difference: bool = False) -> Markup:
    """One question with its picture, the truth, and each model's answer.

    Args:
        answers: to one question, by what the model is called.
        pictures: opens the question's images.
        difference: mark the words that the last answer has and the first has not.
    """
    first, *_, last = answers.values()
    texts = {name: item.response for name, item in answers.items()}
    if difference and len(answers) > 1:
        removed, added = marked_difference(first.response, last.response)
        texts = {**texts, next(iter(texts)): removed, next(reversed(texts)): added}
    rows = [(name, texts[name], *_measured(item)) for name, item in answers.items()]
    shown = table(("model", "answer", "truth", "claims", "style", "reward"), rows)
    where = f"the picture asked about, of the scene {first.id}"
    media = [picture(image, alt=where, side=120) for image in pictures(first)]
    truth = message(f"truth: {' / '.join(dict.fromkeys(first.references)) or 'not known'}")
    note = ", ".join(part for part in (first.type, POOL_WORDS.get(first.pool, first.pool), first.id) if part)
    return card(first.instruction or "no instruction", truth, note=note, media=media, below=shown)


def _measured(item: Prediction) -> tuple[str, str, str, float | None]:
    right = badge("right", "good") if is_right(item) else badge("wrong", "bad")
    false = item.scores.get("hallucinated")
    claims = "–" if false is None else badge("a false claim", "bad") if false else badge("none false", "good")
    polite = item.scores.get("polite")
    style = "–" if polite is None else "sentence" if polite else "curt"
    return right, claims, style, item.scores.get("reward")


def tally(first: Sequence[Prediction], second: Sequence[Prediction], names: tuple[str, str]) -> Markup:
    """How often two models are right together, each alone, and neither; and their difference of mean reward."""
    pairs = [(is_right(a), is_right(b)) for a, b in zip(first, second, strict=True)]
    counts = {pair: pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))}
    words = (
        f"Of {len(pairs):,} questions both are right on {counts[True, True]:,}, only {names[0]} on "
        f"{counts[True, False]:,}, only {names[1]} on {counts[False, True]:,}, neither on {counts[False, False]:,}."
    )
    rewards = [[item.scores.get("reward") for item in items] for items in (first, second)]
    if pairs and not any(value is None for values in rewards for value in values):
        means = [sum(values) / len(values) for values in rewards]  # type: ignore[arg-type]
        words += f" Mean reward: {names[0]} {means[0]:.3f}, {names[1]} {means[1]:.3f}."
    return join([message(words)])


def titles(models: Collection[str]) -> list[tuple[str, str]]:
    """Options of a list to choose one of two models from: what people read, and its name.

    Raises:
        ConfigError: there are fewer than two models.
    """
    if len(models) < 2:
        raise ConfigError("answers of two models are needed", remedy="Evaluate a second model on these questions.")
    return [(title_of(name), name) for name in models]
