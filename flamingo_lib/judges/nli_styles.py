"""Right and wrong answers in the styles of different models, to measure how an NLI judge treats each style.

A judge that misses right answers of one style makes models of that style look worse than they are; evaluation corrects
for it by the judge's sensitivity and specificity (docs/method.md, section 6).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from ..scenes.graph import Scene, draw_scene
from ..scenes.language import REASONED, answer_sentence, full_answer, helpful, reasoned
from ..scenes.questions import Question, ask, possible_types
from ..seeding import derive_seed, generator
from .nli_examples import ANSWERS
from .nli_reasons import scene_answering
from .nli_wording import curt_text

STYLES = ("curt", "sentence", "full answer", "behind its evidence")
"""How models answer: raw annotations and tuned on them, rewrites, dialogues (the last two).

Only questions of the `scenes.language.REASONED` types are answered behind their evidence.
"""

REFERENCES = ("curt reference", "reference sentence")


@dataclass(frozen=True, slots=True)
class StyledAnswer:
    """A response of one style to a question, held against a reference of one kind.

    Attributes:
        question, reference, response: texts.
        right: whether the response gives the reference's answer.
        style: one of `STYLES`.
        against: one of `REFERENCES`.
    """

    question: str
    reference: str
    response: str
    right: bool
    style: str
    against: str


def styled_answers(seed: int, count: int) -> list[StyledAnswer]:
    """`count` unseen questions, each answered rightly or wrongly in every style, against either reference."""
    rows = []
    for index in range(count):
        random = generator(seed, "judges", "nli styles", index)
        scene = draw_scene(derive_seed(seed, "judges", "nli styles", index), "judges", held_out=random.random() < 0.3)
        question = ask(scene, random, random.choice(possible_types(scene)))
        right = index % 2 == 0
        told = question if right else replace(question, answer=_other(random, question))
        responses = [curt_text(random, told, told.answer), answer_sentence(random, told), helpful(random, scene, told)]
        if question.type in REASONED:
            responses.append(_reasoned(random, scene, question, told))
        references = (question.answer, full_answer(question))
        rows += [
            StyledAnswer(question.text, reference, response, right, style, against)
            for style, response in zip(STYLES, responses, strict=False)
            for against, reference in zip(REFERENCES, references, strict=True)
        ]
    return rows


def _reasoned(random: Random, scene: Scene, question: Question, told: Question) -> str:
    """The answer behind evidence: for itself, or, if it is wrong, half of the time for the right one."""
    found = scene_answering(random, scene, question, told.answer) if random.random() < 0.5 else None
    seen, asked = found or (scene, question)
    return reasoned(random, seen, replace(asked, answer=told.answer))


def _other(random: Random, question: Question) -> str:
    return random.choice([answer for answer in ANSWERS[question.type] if answer != question.answer])
