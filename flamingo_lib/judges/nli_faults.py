"""Rewrites that do not give the answer, for the NLI judge's examples: beside the point, torn, about another object."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from ..scenes.answers import at, subject_first
from ..scenes.graph import COLORS, POSITIONS, SHAPES, Scene
from ..scenes.language import REASONED, answer_sentence, evidence, reason, reasoning
from ..scenes.lexicon import OPPOSITE, RELATION_WORDS, RELATIONS, Reference, article, capital, reference
from ..scenes.phrases import CLOSERS, OPENERS
from ..scenes.questions import Question
from ..text import split_sentences
from .nli_wording import ANSWERS, perhaps_yes


def beside_the_point(random: Random, scene: Scene, question: Question) -> str | None:
    """A statement about the asked object that answers another question, or a piece of reasoning."""
    if question.type in REASONED and random.random() < 0.2:
        return random.choice((reason, evidence))(random, scene, question) or None
    if random.random() < 0.2:
        said = [
            sentence
            for sentence in split_sentences(reasoning(random, scene)[1])
            if sentence not in (*OPENERS, *CLOSERS)
        ]
        return random.choice(said) if said else None
    kinds = [
        kind for kind in ("color", "shape", "size", "position", "side", "relation", "count") if kind != question.type
    ]
    weights = [8.0 if kind == _TEMPTING.get(question.type) else 1.0 for kind in kinds]
    kind, target = random.choices(kinds, weights)[0], question.target
    if kind in ("side", "relation"):
        anchor = question.anchor or random.choice((target, reference(random.choice(scene.objects))))
        if question.type == "existence" and random.random() < 0.5:
            relation = Question("relation", "", "", target, anchor, random.choice(RELATIONS))
            return answer_sentence(random, relation, random.choice(("yes", "no")))
        return _related(random, kind, target, anchor)
    true = getattr(question.subject, kind, None)
    answer = true if true in ANSWERS[kind] and random.random() < 0.6 else random.choice(ANSWERS[kind])
    return perhaps_yes(random, question, answer_sentence(random, Question(kind, "", "", target), answer))


_TEMPTING = {"side": "position", "color": "size", "position": "size", "shape": "size", "size": "position"}
"""By question type, the attribute that a small model states instead, read off the annotation's reason."""


def _related(random: Random, kind: str, target: Reference, anchor: Reference) -> str:
    """A plain statement of how two objects lie."""
    question = Question(kind, "", "", target, anchor, random.choice(RELATIONS))
    sentence = answer_sentence(random, question, random.choice(("left", "right")) if kind == "side" else "yes")
    return capital(sentence.removeprefix("Yes, "))


def torn(random: Random, question: Question, answer: str) -> str | None:
    """A self-contradictory sentence: polarity against statement, inconsistent positions, an object beside itself."""
    way = random.random()
    if question.type in ("relation", "side") and question.anchor is not None and way < 0.25:
        start = capital(answer) if question.type == "relation" else "Yes"
        first, second = random.choice(POSITIONS), random.choice(POSITIONS)
        positions = f"is {at(first)} and the {question.anchor.text()} is {at(second)}, so they are in the same column"
        return f"{start}, the {question.target.text()} {positions}."
    if question.type == "relation" and question.relation and way < 0.4:
        start = subject_first(question, "yes")
        return f"{start[:-1]}, not {RELATION_WORDS[question.relation]} it."
    if question.type == "relation" and answer == "no" and way < 0.75:
        return answer_sentence(random, replace(question, relation=OPPOSITE[question.relation or ""]), "no")
    if question.type == "existence" and answer == "no" and way < 0.5:
        there = f"The image also shows {article(question.target.text())} {at(random.choice(POSITIONS))}."
        return f"{answer_sentence(random, question, answer)} {there}"
    if question.type in ("existence", "relation"):
        opposite = "no" if answer == "yes" else "yes"
        first, rest = answer_sentence(random, question, opposite).split(",", 1)
        return f"{'No' if first == 'Yes' else 'Yes'},{rest}"
    if question.type in ("side", "position"):
        relation = random.choice(RELATIONS)
        itself = Question("relation", "", "", question.target, question.target, relation)
        return capital(answer_sentence(random, itself, "yes").removeprefix("Yes, "))
    return None


def other_subject(random: Random, question: Question) -> Question | None:
    """The same question of an object, or in relation to one, that differs in color or shape."""
    role = "anchor" if question.anchor is not None and random.random() < 0.5 else "target"
    reference: Reference = getattr(question, role)
    if reference.color is None and reference.shape is None:
        named = random.choice((Reference(color=random.choice(COLORS)), Reference(shape=random.choice(SHAPES))))
        return replace(question, target=named) if question.type == "count" else None
    if question.type == "count" and random.random() < 0.6:
        named = Reference(color=random.choice(COLORS), shape=random.choice((None, reference.shape)))
        return replace(question, target=random.choice((named, Reference(), Reference())))
    changed = Reference(
        reference.color and random.choice([color for color in COLORS if color != reference.color]),
        reference.shape and random.choice([shape for shape in SHAPES if shape != reference.shape]),
        reference.size,
    )
    if reference.color and reference.shape and random.random() < 0.6:
        changed = replace(changed, **random.choice(({"color": reference.color}, {"shape": reference.shape})))
    return replace(question, anchor=changed) if role == "anchor" else replace(question, target=changed)
