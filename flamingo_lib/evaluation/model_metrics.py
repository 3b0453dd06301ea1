"""A model's metrics after each stage (docs/method.md, sections 4, 6): accuracy, hallucination, politeness, reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..config import EvaluationConfig
from ..scenes.index import TruthIndex
from .accuracy import Share, chat_accuracy, exact_accuracy, hallucination
from .chat_generator import ChatGenerator
from .politeness import Reward, polite_share
from .questions import EvalQuestion, ask_pool, ask_texts


@dataclass(frozen=True)
class EvalSet:
    """The questions that every model of a run is asked: the same scenes, the same words.

    Attributes:
        held_in: on unseen scenes of known shape-colour pairs.
        held_out: about pairs that no training data shows.
        texts: instructions without an image.
    """

    held_in: tuple[EvalQuestion, ...]
    held_out: tuple[EvalQuestion, ...]
    texts: tuple[str, ...]


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
        return {prefix + name: value for name, value in values.items() if value == value}

    def base_metrics(self) -> dict[str, float]:
        """The base's figures: exact curt answers, over all and by question type."""
        values = {
            "base.held_in_accuracy": self.exact_held_in.value,
            "base.held_out_accuracy": self.exact_held_out.value,
        }
        values |= {f"base.held_in_accuracy.{kind}": value for kind, (value, _) in self.exact_held_in.by_group.items()}
        return values

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, answers included; `from_json` reads them."""
        plain = {}
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            plain[name] = (
                value.tolist()
                if isinstance(value, np.ndarray)
                else vars(value)
                if isinstance(value, Share)
                else list(value)
                if isinstance(value, tuple)
                else value
            )
        return plain

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelMetrics:
        """The inverse of `to_json`."""
        read: dict[str, Any] = {}
        for name, value in values.items():
            if isinstance(value, Mapping):
                groups = {group: (float(one), int(n)) for group, (one, n) in value["by_group"].items()}
                read[name] = Share(float(value["value"]), int(value["n"]), groups)
            elif name.endswith("rewards"):
                read[name] = np.asarray(value, np.float32)
            else:
                read[name] = tuple(value) if isinstance(value, list) else value
        return cls(**read)


def make_eval_set(index: TruthIndex, config: EvaluationConfig, *, seed: int) -> EvalSet:
    """The questions of one run; `seed` and the data root decide them."""
    return EvalSet(
        tuple(ask_pool(index, "held_in", config.questions, seed=seed)),
        tuple(ask_pool(index, "held_out", config.held_out_questions, seed=seed)),
        tuple(instruction for instruction, _ in ask_texts(config.texts, seed=seed)),
    )


def examine(name: str, answerer: ChatGenerator, eval_set: EvalSet, reward: Reward) -> ModelMetrics:
    """Ask a model everything in `eval_set` and measure its answers."""

    def ask(asked: Sequence[EvalQuestion], words: str) -> list[str]:
        return answerer.ask(
            [item.question.text for item in asked], [[item.image] for item in asked], description=f"{name}: {words}"
        )

    inside, outside = ask(eval_set.held_in, "known pairs"), ask(eval_set.held_out, "unseen pairs")
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
    )
