"""Questions about a scene: eight types, several wordings each, curt exact answers, and a parser that reads them all."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from random import Random

from ..errors import DataError
from .graph import COLORS, HELD_OUT_PAIRS, PAIRS, SHAPES, Scene, SceneObject
from .lexicon import OPPOSITE, PLURALS, RELATION_WORDS, RELATIONS, Reference, article, holds, reference

QUESTION_TYPES = ("color", "shape", "count", "existence", "relation", "side", "position", "size")

WORDINGS = {
    "color": (
        "What color is the {target}?",
        "What is the color of the {target}?",
        "Which color does the {target} have?",
        "Can you tell me the color of the {target}?",
        "What color does the {target} have in the image?",
    ),
    "shape": (
        "What shape is the {target}?",
        "What is the shape of the {target}?",
        "Which shape does the {target} have?",
        "Can you tell me the shape of the {target}?",
        "What kind of shape is the {target}?",
    ),
    "count": (
        "How many {targets} are there?",
        "How many {targets} are in the image?",
        "How many {targets} can you see?",
        "What is the number of {targets}?",
        "Can you count the {targets}?",
    ),
    "existence": (
        "Is there {a_target}?",
        "Is there {a_target} in the image?",
        "Can you see {a_target}?",
        "Does the image show {a_target}?",
        "Do you see {a_target} in the picture?",
    ),
    "relation": (
        "Is the {target} {relation} the {anchor}?",
        "Is the {target} located {relation} the {anchor}?",
        "Can you see the {target} {relation} the {anchor}?",
        "Does the {target} appear {relation} the {anchor}?",
    ),
    "side": (
        "On which side of the {anchor} is the {target}?",
        "Is the {target} to the left or right of the {anchor}?",
        "On what side of the {anchor} can I find the {target}?",
    ),
    "position": (
        "Where is the {target}?",
        "Where is the {target} in the image?",
        "Where can I find the {target}?",
        "What is the position of the {target}?",
        "In which part of the image is the {target}?",
    ),
    "size": (
        "How big is the {target}?",
        "What size is the {target}?",
        "What is the size of the {target}?",
        "Is the {target} small or large?",
    ),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question and, if it was asked of a scene, its answer.

    Attributes:
        type: one of `QUESTION_TYPES`.
        text: the question as asked.
        answer: curt: ``"red"``, ``"ring"``, ``"2"``, ``"yes"``, ``"left"``, ``"top left"``, ``"small"``; empty if only
            parsed.
        target: what is asked about. Color questions name the shape, shape questions the color, count questions any of
            both.
        anchor: the other object of relation and side questions.
        relation: of relation questions, one of `RELATIONS`.
        subject, other: the objects that `target` and `anchor` speak of, where they are in the scene.
    """

    type: str
    text: str
    answer: str
    target: Reference
    anchor: Reference | None = None
    relation: str | None = None
    subject: SceneObject | None = None
    other: SceneObject | None = None


def wordings(question: Question) -> tuple[str, ...]:
    """Every text that asks `question`."""
    target, anchor = question.target, question.anchor
    values = {
        "target": target.text(),
        "targets": target.text(2),
        "a_target": article(target.text()),
        "anchor": anchor.text() if anchor else "",
        "relation": RELATION_WORDS.get(question.relation or "", ""),
    }
    return tuple(wording.format(**values) for wording in WORDINGS[question.type])


def answer_question(scene: Scene, question: Question) -> str:
    """The curt true answer; ``""`` where the scene gives none (nothing there to ask about, or several that differ)."""
    found = question.target.among(scene)
    if question.type == "count":
        return str(len(found))
    if question.type == "existence":
        return "yes" if found else "no"
    if question.type in ("relation", "side"):
        others = question.anchor.among(scene) if question.anchor else ()
        if len(found) != 1 or len(others) != 1:
            return ""
        one, other = found[0], others[0]
        if question.type == "relation":
            return "yes" if holds(question.relation or "", one, other) else "no"
        return "left" if one.column < other.column else "right" if one.column > other.column else ""
    values = {getattr(item, question.type) for item in found}
    return values.pop() if len(values) == 1 else ""


def possible_types(scene: Scene) -> tuple[str, ...]:
    """The types `ask` can ask of `scene`: some need two objects, or an attribute that tells one from the rest."""
    return tuple(kind for kind in QUESTION_TYPES if _candidates(scene, kind))


def ask(scene: Scene, generator: Random, type: str | None = None) -> Question:
    """A random question of `type`, or of any type the scene allows; in held-out scenes about the held-out object.

    Raises:
        DataError: `type` is unknown, or not among `possible_types(scene)`.
    """
    kind = type or generator.choice(possible_types(scene))
    if kind not in QUESTION_TYPES:
        raise DataError(f"there is no question type {kind!r}", remedy=f"Use one of {', '.join(QUESTION_TYPES)}.")
    candidates = _candidates(scene, kind)
    if not candidates:
        raise DataError(
            f"the scene allows no {kind} question", record=scene.id, remedy="Choose among possible_types(scene)."
        )
    if kind == "count":
        question = _count(scene, generator)
    elif kind == "existence":
        question = _existence(scene, generator)
    else:
        question = _about(generator, kind, *generator.choice(candidates))
    return replace(question, text=generator.choice(wordings(question)), answer=answer_question(scene, question))


def _candidates(scene: Scene, kind: str) -> list[tuple[SceneObject, SceneObject | None]]:
    """Objects (and partners) a question of this type can be about."""
    focus = scene.focus
    if kind == "color":
        return [(item, None) for item in focus if len(scene.find(shape=item.shape)) == 1]
    if kind == "shape":
        return [(item, None) for item in focus if len(scene.find(color=item.color)) == 1]
    if kind in ("relation", "side"):
        pairs = [(one, other) for one in focus for other in scene.objects if other is not one]
        return [(one, other) for one, other in pairs if kind == "relation" or one.column != other.column]
    return [(item, None) for item in focus]


def _about(generator: Random, kind: str, item: SceneObject, other: SceneObject | None) -> Question:
    """A question without text and answer about one object, or about a pair."""
    if kind == "color":
        return Question(kind, "", "", Reference(shape=item.shape), subject=item)
    if kind == "shape":
        return Question(kind, "", "", Reference(color=item.color), subject=item)
    if other is None:
        return Question(kind, "", "", reference(item), subject=item)
    relation = None
    if kind == "relation":
        true = [name for name in RELATIONS if holds(name, item, other)]
        relation = generator.choice(true)
        if generator.random() < 0.5:
            relation = OPPOSITE[relation]
    return Question(kind, "", "", reference(item), reference(other), relation, item, other)


def _count(scene: Scene, generator: Random) -> Question:
    """All objects, those of a color, or those of a shape; colors and shapes mostly ones that are there."""
    way = generator.random()
    item = generator.choice(scene.focus)
    there = generator.random() < 0.75
    if way < 0.4:
        return Question("count", "", "", Reference())
    if way < 0.7:
        return Question("count", "", "", Reference(color=item.color if there else generator.choice(COLORS)))
    return Question("count", "", "", Reference(shape=item.shape if there else generator.choice(SHAPES)))


def _existence(scene: Scene, generator: Random) -> Question:
    """An object that is there, or one that is not: mostly one that shares its color or shape with one that is."""
    if generator.random() < 0.5:
        item = generator.choice(scene.focus)
        return Question("existence", "", "", reference(item), subject=item)
    present = {item.pair for item in scene.objects}
    absent = [pair for pair in PAIRS if pair not in present and (scene.held_out or pair not in HELD_OUT_PAIRS)]
    item = generator.choice(scene.focus)
    near = [pair for pair in absent if pair[0] == item.shape or pair[1] == item.color]
    shape, color = generator.choice(near if near and generator.random() < 0.7 else absent)
    return Question("existence", "", "", Reference(color, shape))


_NAMES = {
    "target": r"(?P<target>(?:[a-z]+ ){0,2}[a-z]+)",
    "targets": r"(?P<targets>(?:[a-z]+ ){0,2}[a-z]+)",
    "a_target": r"an? (?P<target>(?:[a-z]+ ){1,2}[a-z]+)",
    "anchor": r"(?P<anchor>[a-z]+ [a-z]+)",
    "relation": "(?P<relation>" + "|".join(RELATION_WORDS.values()) + ")",
}


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    """One pattern a wording, the more specific (longer) ones first."""
    rows = []
    for kind, texts in WORDINGS.items():
        for text in texts:
            pattern = re.escape(text.lower()).replace(r"\{", "{").replace(r"\}", "}").replace(r"\ ", " ")
            rows.append((len(text), kind, re.compile(pattern.format(**_NAMES) + "$")))
    rows.sort(key=lambda row: -row[0])
    return tuple((kind, pattern) for _, kind, pattern in rows)


_SINGULAR = {plural: shape for shape, plural in PLURALS.items()} | {"objects": "object"}


def _read_reference(words: str) -> Reference | None:
    """The reference that `Reference.text` would write as `words`, singular or plural; None if there is none."""
    *adjectives, noun = words.split()
    noun = _SINGULAR.get(noun, noun)
    color = size = None
    for word in adjectives:
        if word in COLORS and color is None:
            color = word
        elif word in ("small", "large") and size is None and color is None:
            size = word
        else:
            return None
    if noun != "object" and noun not in SHAPES:
        return None
    return Reference(color, None if noun == "object" else noun, size)


def parse_question(text: str) -> Question:
    """What `text` asks: exact for every wording that `ask` uses, with type, target, anchor and relation, but no answer.

    What follows the question mark (answers to choose from) is passed over.

    Raises:
        DataError: no wording fits.
    """
    asked = " ".join(text.lower().split())
    asked = asked[: asked.find("?") + 1] or asked
    relations = {words: name for name, words in RELATION_WORDS.items()}
    for kind, pattern in _patterns():
        match = pattern.match(asked)
        if match is None:
            continue
        groups = match.groupdict()
        target = _read_reference(groups.get("target") or groups.get("targets") or "")
        anchor = _read_reference(groups["anchor"]) if "anchor" in groups else None
        if target is None or ("anchor" in groups and anchor is None):
            continue
        return Question(kind, text, "", target, anchor, relations.get(groups.get("relation", "")))
    raise DataError(f"no question of the Scenes world: {text!r}")
