"""Few-shot prompts: a base model examined as bases are, in chat, in zero-shot and in few-shot prompts.

A base was never taught to chat. So it is asked in several prompts, without examples and with some before the question
(in-context learning, as in OpenFlamingo's evaluation), and counts at the prompt that suits it best.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..chat.template import END_OF_CHUNK, IMAGE, as_text
from ..errors import ConfigError, DataError
from ..scenes.index import TruthIndex
from ..seeding import generator
from ..sources import load_source
from .accuracy import checked_accuracy
from .chat_generator import Answerer, ChatGenerator
from .held_out_sources import SourceQuestion, read_examples, source_question
from .model_metrics import EvalSet, ModelMetrics, examine
from .politeness import Reward
from .questions import EvalItem, question_of

RAW_EXAMPLES = "vqa-v2"
"""The raw annotations from whose training split questions about Scenes get their examples."""


SHOTS = 4
"""Examples in the few-shot prompts that a base is examined with."""


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How a question, and each example before it, is written for a base.

    Attributes:
        image: what stands for an image.
        question: with ``{question}``, up to where the answer begins.
        end: what follows an example's answer.
    """

    image: str
    question: str
    end: str

    def prompt(self, question: str, images: int) -> str:
        """A question up to where its answer begins; what it spells out is text (`as_text`), never an image."""
        return self.image * images + self.question.format(question=as_text(question))

    def example(self, question: str, images: int, answer: str) -> str:
        """A question with its answer."""
        return f"{self.prompt(question, images)} {as_text(answer)}{self.end}"


FORMATS: Mapping[str, PromptFormat] = {
    "openflamingo": PromptFormat(IMAGE, "Question: {question} Short answer:", END_OF_CHUNK),
    "page": PromptFormat(IMAGE + END_OF_CHUNK, "\nQuestion: {question} Short answer:", "\n"),
}
"""Prompts by name: as OpenFlamingo's evaluation writes them (arXiv 2308.01390), and as a page of pictures with text."""

CHAT = "chat"
"""The zero-shot prompt that tuned models get: the chat template."""


class ExamplePool:
    """Examples for few-shot prompts: annotated questions from training splits, grouped by source and type.

    Args:
        index: of the data root. Questions about Scenes get examples from the raw annotations; those of a held-out
            source get them from its own training split, which no stage reads.
        seed: of the choice.

    Raises:
        DataError: the data root has no such annotations.
    """

    def __init__(self, index: TruthIndex, *, seed: int) -> None:
        self.index, self.seed = index, seed
        self._pools: dict[str, tuple[SourceQuestion, ...]] = {}

    def examples(self, item: EvalItem, count: int) -> list[SourceQuestion]:
        """`count` examples for `item`: of its type, each of another scene, none of a scene that `item` shows.

        The choice depends on the seed and on the item's id. Where too few are of the type, others of the source follow.
        """
        pool = list(self._of(item.source))
        random = generator(self.seed, "few-shot", item.id)
        random.shuffle(pool)
        pool.sort(key=lambda example: example.type != item.type)  # stable: those of the type stay in random order
        seen = {scene.id for scene in item.scenes}
        chosen: list[SourceQuestion] = []
        for example in pool:
            shown = {scene.id for scene in example.scenes}
            if len(chosen) < count and not shown & seen:
                chosen.append(example)
                seen |= shown
        if len(chosen) < count:
            raise DataError(
                f"{len(chosen)} examples of other scenes, but {count} are wanted",
                file=self.index.folder,
                record=item.id,
                remedy="Write more raw scenes (scenes.raw_scenes).",
            )
        return chosen

    def _of(self, source: str) -> tuple[SourceQuestion, ...]:
        if source not in self._pools:
            self._pools[source] = self._raw() if source == "scenes" else read_examples(self.index, source)
        return self._pools[source]

    def _raw(self) -> tuple[SourceQuestion, ...]:
        root = self.index.folder / RAW_EXAMPLES
        samples = load_source(RAW_EXAMPLES, root, split="train")
        found = []
        for sample in samples:
            question = question_of(sample)
            if question is not None:
                made = source_question(sample, root, self.index, "examples")
                found.append(replace(made, type=question.type))
        return tuple(found)


@dataclass(frozen=True)
class PromptedBase:
    """A base model asked in one prompt format; answers are cut at the end of the line.

    Attributes:
        generator: of the base.
        format: a name in `FORMATS`.
        shots: examples before each question.
        pool: where they come from; needed with `shots`.

    Raises:
        ConfigError: an unknown format, or examples asked for without a pool.
    """

    generator: ChatGenerator
    format: str
    shots: int = 0
    pool: ExamplePool | None = None

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise ConfigError(f"unknown prompt format {self.format!r}", remedy=f"Use one of {', '.join(FORMATS)}.")
        if self.shots and self.pool is None:
            raise ConfigError("a few-shot prompt needs a pool of examples", remedy="Give an ExamplePool.")

    def prompt(self, item: EvalItem) -> tuple[str, list[str]]:
        """The text before `item`'s answer, and the images it brings, in order."""
        form = FORMATS[self.format]
        shown = self.pool.examples(item, self.shots) if self.pool is not None and self.shots else []
        text = "".join(form.example(one.instruction, len(one.images), one.references[0]) for one in shown)
        images = [image for one in shown for image in one.images]
        return text + form.prompt(item.instruction, len(item.images)), [*images, *item.images]

    def answer(self, asked: Sequence[EvalItem], *, description: str = "answering") -> list[str]:
        """The base's answer to each question."""
        made = [self.prompt(item) for item in asked]
        return self.generator.complete(
            [text for text, _ in made], [images for _, images in made], description=description
        )

    def ask(
        self,
        instructions: Sequence[str],
        images: Sequence[Sequence[str | os.PathLike]],
        *,
        description: str = "answering",
    ) -> list[str]:
        """Answers to instructions that are not of the eval set's questions; without examples."""
        form = FORMATS[self.format]
        prompts = [form.prompt(text, len(files)) for text, files in zip(instructions, images, strict=True)]
        return self.generator.complete([text.lstrip("\n") for text in prompts], images, description=description)


@dataclass(frozen=True)
class BaseMetrics:
    """A base model's metrics at its best prompts.

    Attributes:
        zero_shot, four_shot: metrics at the better prompt without and with examples, by held-in accuracy.
        held_in: held-in accuracy at every prompt tried: name of the prompt -> accuracy.
        prompts: the name of the prompt that `zero_shot` and `four_shot` stand for.
    """

    zero_shot: ModelMetrics
    four_shot: ModelMetrics
    held_in: Mapping[str, float] = field(default_factory=dict)
    prompts: tuple[str, str] = ("", "")

    @property
    def best(self) -> ModelMetrics:
        """The better of both by held-in accuracy; zero-shot if they are equal."""
        return self.four_shot if self.four_shot.held_in.value > self.zero_shot.held_in.value else self.zero_shot

    def metrics(self) -> dict[str, float]:
        """Accuracies read from free text: ``base.*`` at the better prompt of all, then both, then every prompt tried.

        ``base.exact.*`` are answers that are the curt answer and nothing else, at the same prompt as ``base.*``.
        """
        return {
            **self.best.accuracies("base"),
            **self.zero_shot.accuracies("base.zero_shot"),
            **self.four_shot.accuracies("base.four_shot"),
            "base.exact.held_in_accuracy": self.best.exact_held_in.value,
            "base.exact.held_out_accuracy": self.best.exact_held_out.value,
            **{f"base.prompt.{name}.held_in_accuracy": value for name, value in self.held_in.items()},
        }

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; `from_json` reads them."""
        return {
            "zero_shot": self.zero_shot.to_json(),
            "four_shot": self.four_shot.to_json(),
            "held_in": dict(self.held_in),
            "prompts": list(self.prompts),
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> BaseMetrics:
        """The inverse of `to_json`."""
        zero, four = (ModelMetrics.from_json(values[name]) for name in ("zero_shot", "four_shot"))
        return cls(zero, four, dict(values["held_in"]), tuple(values["prompts"]))


def base_prompts(answerer: ChatGenerator, pool: ExamplePool) -> dict[str, tuple[int, Answerer]]:
    """Every prompt a base is tried with: name -> (examples shown, what asks so)."""
    return {
        CHAT: (0, answerer),
        **{name: (0, PromptedBase(answerer, name)) for name in FORMATS},
        **{f"{name}_four_shot": (SHOTS, PromptedBase(answerer, name, SHOTS, pool)) for name in FORMATS},
    }


def examine_base(answerer: ChatGenerator, eval_set: EvalSet, reward: Reward, pool: ExamplePool) -> BaseMetrics:
    """Try every prompt on the held-in questions, then ask everything in the best zero-shot and few-shot prompts.

    Args:
        answerer: of the base, with `curt` on.
        eval_set: the questions that every model is asked.
        reward: rates responses to instructions.
        pool: where examples come from.
    """
    prompts = base_prompts(answerer, pool)
    said = {name: asker.answer(eval_set.held_in, description=f"base, {name}") for name, (_, asker) in prompts.items()}
    tried = {name: checked_accuracy(eval_set.held_in, answers).value for name, answers in said.items()}

    def at_best(model: str, few: bool) -> tuple[str, ModelMetrics]:
        best = max((name for name, (count, _) in prompts.items() if bool(count) == few), key=tried.__getitem__)
        return best, examine(model, prompts[best][1], eval_set, reward, held_in=said[best])

    (zero_prompt, zero), (four_prompt, four) = at_best("base", False), at_best("base_4shot", True)
    return BaseMetrics(zero, four, tried, (zero_prompt, four_prompt))
