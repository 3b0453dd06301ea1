"""A model's metrics after each stage (docs/method.md, sections 4, 6): accuracy, hallucination, politeness, reward."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config import EvaluationConfig
from ..scenes.index import TruthIndex
from .accuracy import Share, chat_accuracy, checked_accuracy, exact_accuracy, guess_accuracy, hallucination
from .held_out_sources import SourceQuestion, read_held_out_sources
from .politeness import Reward, polite_share
from .questions import EvalItem, EvalQuestion, ask_pool, ask_texts

if TYPE_CHECKING:
    from .chat_generator import Answerer

NONE = Share(float("nan"), 0, {})


@dataclass(frozen=True)
class EvalSet:
    """The questions that every model of a run is asked: the same scenes, the same words.

    Attributes:
        held_in: on unseen scenes of known shape-colour pairs.
        held_out: about pairs that no training data shows.
        texts: instructions without an image.
        held_out_sources: questions of datasets that no stage trains on, by dataset.
    """

    held_in: tuple[EvalQuestion, ...]
    held_out: tuple[EvalQuestion, ...]
    texts: tuple[str, ...]
    held_out_sources: Mapping[str, tuple[SourceQuestion, ...]] = field(default_factory=dict)

    @property
    def source_questions(self) -> tuple[SourceQuestion, ...]:
        """The questions of all held-out sources, one source after the other."""
        return tuple(item for items in self.held_out_sources.values() for item in items)

    def items(self) -> Iterator[EvalItem]:
        """Every question about images: known pairs, unseen pairs, held-out sources."""
        yield from self.held_in
        yield from self.held_out
        yield from self.source_questions

    def guess_metrics(self) -> dict[str, float]:
        """Guess lines: what always giving the commonest answer of the type gets right, by pool, type and source."""
        values: dict[str, float] = {}
        for name, pool in (("held_in", self.held_in), ("held_out", self.held_out)):
            values |= accuracy_metrics(f"guess.{name}_accuracy", guess_accuracy(pool))
        sources = self.source_questions
        guessed = guess_accuracy(sources, [item.source for item in sources])
        return values | accuracy_metrics("guess.held_out_source_accuracy", guessed)


def accuracy_metrics(key: str, accuracy: Share) -> dict[str, float]:
    """An accuracy under `key`, and under ``key.<group>`` for each group; nothing of no questions."""
    groups = {f"{key}.{group}": value for group, (value, _) in accuracy.by_group.items()}
    return {key: accuracy.value, **groups} if accuracy.n else {}


@dataclass(frozen=True)
class ModelMetrics:
    """Metrics of one model, computed from its answers.

    Attributes:
        name: of the stage.
        held_in, held_out: right answers, read from free text, by question type.
        exact_held_in, exact_held_out: answers that are the curt answer and nothing else.
        hallucinated: held-in answers with a false claim.
        polite: share of visual answers that are full sentences.
        rewards: of the held-in answers (n,); `text_rewards` of the answers without an image.
        answers: to the held-in questions, in order.
        text_answers: to the instructions without an image.
        held_out_source: right answers to questions of held-out sources, by source.
        held_out_answers, source_answers: to the questions about unseen pairs, and of the held-out sources.
    """

    name: str
    held_in: Share
    held_out: Share
    exact_held_in: Share
    exact_held_out: Share
    hallucinated: Share
    polite: float
    rewards: np.ndarray
    text_rewards: np.ndarray
    text_polite: float
    answers: tuple[str, ...]
    text_answers: tuple[str, ...]
    held_out_source: Share = NONE
    held_out_answers: tuple[str, ...] = ()
    source_answers: tuple[str, ...] = ()

    def metrics(self) -> dict[str, float]:
        """The figures under their keys of ``metrics.json``."""
        prefix = f"stages.{self.name}."
        values = {
            "held_in_accuracy": self.held_in.value,
            "held_out_accuracy": self.held_out.value,
            "hallucinated": self.hallucinated.value,
            "polite": self.polite,
            "reward": float(np.median(self.rewards)),
            "text_polite": self.text_polite,
            "text_reward": float(np.median(self.text_rewards)) if len(self.text_rewards) else float("nan"),
        }
        found = {prefix + name: value for name, value in values.items() if value == value}
        return found | self.accuracies(f"stages.{self.name}")

    def accuracies(self, prefix: str) -> dict[str, float]:
        """Every accuracy, by type or source too, under keys that begin with `prefix`."""
        return (
            accuracy_metrics(f"{prefix}.held_in_accuracy", self.held_in)
            | accuracy_metrics(f"{prefix}.held_out_accuracy", self.held_out)
            | accuracy_metrics(f"{prefix}.held_out_source_accuracy", self.held_out_source)
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, answers included; `from_json` reads them."""
        return {name: _plain(getattr(self, name)) for name in self.__dataclass_fields__}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelMetrics:
        """The inverse of `to_json`."""
        read: dict[str, Any] = {}
        for name, value in values.items():
            if isinstance(value, Mapping):
                groups = {group: (float(one), int(n)) for group, (one, n) in value["by_group"].items()}
                read[name] = Share(_number(value["value"]), int(value["n"]), groups)
            elif value is None:
                read[name] = _number(value)
            elif name.endswith("rewards"):
                read[name] = np.asarray(value, np.float32)
            else:
                read[name] = tuple(value) if isinstance(value, list) else value
        return cls(**read)


def _plain(value: Any) -> Any:
    """A field as plain JSON; NaN, the share of no cases, as None."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Share):
        return {**vars(value), "value": _plain(value.value)}
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and value != value else value


def _number(value: float | None) -> float:
    """The inverse of `_plain` for a share."""
    return float("nan") if value is None else float(value)


def make_eval_set(index: TruthIndex, config: EvaluationConfig, *, seed: int) -> EvalSet:
    """The questions of one run; `seed` and the data root decide them."""
    return EvalSet(
        tuple(ask_pool(index, "held_in", config.questions, seed=seed)),
        tuple(ask_pool(index, "held_out", config.held_out_questions, seed=seed)),
        tuple(instruction for instruction, _ in ask_texts(config.texts, seed=seed)),
        read_held_out_sources(index, config.held_out_sources, limit=config.held_out_source_questions, seed=seed),
    )


def examine(
    name: str, answerer: Answerer, eval_set: EvalSet, reward: Reward, *, held_in: Sequence[str] | None = None
) -> ModelMetrics:
    """Ask a model everything in `eval_set` and measure its answers.

    Args:
        name: of the model.
        answerer: a `ChatGenerator`, or a prompt of a base model (`few_shot.PromptedBase`).
        eval_set: the questions.
        reward: rates responses to instructions.
        held_in: its answers to the held-in questions, if it was asked them before.
    """

    def ask(asked: Sequence[EvalItem], words: str) -> list[str]:
        return answerer.answer(asked, description=f"{name}: {words}")

    inside = ask(eval_set.held_in, "known pairs") if held_in is None else list(held_in)
    outside = ask(eval_set.held_out, "unseen pairs")
    sources = eval_set.source_questions
    of_sources = ask(sources, "held-out sources") if sources else []
    texts = answerer.ask(eval_set.texts, [[] for _ in eval_set.texts], description=f"{name}: texts")
    return ModelMetrics(
        name=name,
        held_in=chat_accuracy(eval_set.held_in, inside),
        held_out=chat_accuracy(eval_set.held_out, outside),
        exact_held_in=exact_accuracy(eval_set.held_in, inside),
        exact_held_out=exact_accuracy(eval_set.held_out, outside),
        hallucinated=hallucination(eval_set.held_in, inside),
        polite=polite_share([*inside, *outside]),
        rewards=reward([item.question.text for item in eval_set.held_in], inside),
        text_rewards=reward(eval_set.texts, texts) if texts else np.zeros(0, np.float32),
        text_polite=polite_share(texts),
        answers=tuple(inside),
        text_answers=tuple(texts),
        held_out_source=checked_accuracy(sources, of_sources, [item.source for item in sources]),
        held_out_answers=tuple(outside),
        source_answers=tuple(of_sources),
    )
