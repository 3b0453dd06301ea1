"""Training examples for the tiny NLI judge on statements: does one statement about a scene support another?

The premise is what a draft states (a caption, a box in words, a count, a referring expression, a curt change), the
hypothesis a sentence of a description. Labels come from comparing what both texts claim; no picture is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

from ..scenes.annotations import caption, expression
from ..scenes.answers import answer_sentence, at
from ..scenes.changes import curt_change, describe_change
from ..scenes.graph import COLORS, POSITIONS, SHAPES, SIZES, Change, Scene, SceneObject, draw_scene, edit_scene
from ..scenes.language import object_sentence, paragraph, shown
from ..scenes.lexicon import OPPOSITE, RELATION_WORDS, RELATIONS, Reference, article, capital, holds
from ..scenes.phrases import CLOSERS, OPENERS
from ..scenes.questions import Question
from ..scenes.text_parser import tokens
from ..seeding import derive_seed, generator
from ..sources.boxes import box_statement, count_statement
from ..text import split_sentences
from .nli import CONTRADICTION, ENTAILMENT, NEUTRAL
from .statement_labels import statement_label

KINDS = {
    "object": 0.31,  # a box in words against a sentence about an object
    "caption": 0.18,  # a caption or referring expression against such a sentence
    "count": 0.1,
    "relation": 0.12,
    "change": 0.19,  # either way round
    "list": 0.07,  # against a sentence that lists several objects with their positions
    "courtesy": 0.03,
}
"""Kinds of examples, with their weights."""


@dataclass(frozen=True, slots=True)
class StatementExample:
    """A premise, a hypothesis, the index of their label in `nli.LABELS`, and one of `KINDS`."""

    premise: str
    hypothesis: str
    label: int
    kind: str


def statement_example(seed: int, split: str, index: int) -> StatementExample:
    """Example `index` of a split (``"train"`` or ``"test"``); splits share no scene and no draw."""
    key = ("judges", "statements", split, index)
    random = generator(seed, *key)
    scene = draw_scene(derive_seed(seed, *key), "judges", held_out=random.random() < 0.35)
    kind = random.choices(list(KINDS), weights=list(KINDS.values()))[0]
    if kind == "change":
        return StatementExample(*_change(random, scene), kind)
    if kind == "courtesy":
        premise = random.choice((_boxed(random.choice(scene.objects)), caption(random, scene)))
        return StatementExample(premise, random.choice((*OPENERS, *CLOSERS)), NEUTRAL, kind)
    premise, hypothesis = _pair(random, scene, kind)
    if random.random() < 0.05:
        hypothesis = hypothesis.lower().rstrip(".")
    return StatementExample(premise, hypothesis, statement_label(premise, hypothesis), kind)


def statement_examples(seed: int, split: str, count: int) -> list[StatementExample]:
    """The first `count` examples of a split."""
    return [statement_example(seed, split, index) for index in range(count)]


def _boxed(item: SceneObject) -> str:
    return box_statement(item.box())


def _pair(random: Random, scene: Scene, kind: str) -> tuple[str, str]:
    item = random.choice(scene.objects)
    if kind == "count":
        count = random.randint(1, 4) if random.random() < 0.5 else len(scene.objects)
        told = split_sentences(paragraph(random, scene, wrap=False))[0]
        if random.random() < 0.2:
            return caption(random, scene), told
        return count_statement(count, "object" if random.random() < 0.9 else item.shape), told
    if kind == "list":
        return _listed(random, scene)
    if kind == "relation":
        one, other = _two(random, scene)
        premise = _related(random, one, other)
        if random.random() < 0.35:  # the same objects, or one of them and a third
            third = _altered(random, random.choice((one, other)), scene)
            one, other = random.choice(((third, other), (one, third), (third, one)))
        elif random.random() < 0.5:
            one, other = other, one
        told = next(way for way in RELATIONS if RELATION_WORDS[way] in premise)
        way = random.choice((told, OPPOSITE[told])) if random.random() < 0.7 else random.choice(RELATIONS)
        return premise, f"The {one.name()} is {RELATION_WORDS[way]} the {other.name()}."
    about = item if random.random() < 0.42 else _altered(random, item, scene)
    hypothesis = _told(random, about)
    if kind == "object":
        return _boxed(item), hypothesis
    source = random.random()
    if source < 0.1:
        return _label_text(random, item), hypothesis
    return (caption(random, scene) if source < 0.65 else expression(random, scene, item)), hypothesis


def _listed(random: Random, scene: Scene) -> tuple[str, str]:
    """What the image shows, in one sentence: the premise's objects, some of them changed, or one of them twice."""
    items = list(scene.objects)
    way = random.random()
    if way < 0.4:
        index = random.randrange(len(items))
        items[index] = _altered(random, items[index], scene)
    elif way < 0.6:
        items.append(random.choice(items))
    elif way < 0.75 and len(items) > 1:
        items.pop(random.randrange(len(items)))
    told = shown(random, items)
    if random.random() < 0.4:
        return shown(random, scene.objects), told
    return (_boxed(random.choice(scene.objects)) if random.random() < 0.5 else caption(random, scene)), told


def _told(random: Random, item: SceneObject) -> str:
    """A sentence about an object, at times without its size or position."""
    way = random.random()
    if way < 0.45:
        return object_sentence(random, item, random.randint(0, 1))
    if way < 0.55:
        return object_sentence(random, item, 0).replace(f"{item.size} ", "", 1)
    name, long, where = item.name(), item.name(size=True), at(item.position)
    if way < 0.75:
        kind = random.choice(("position", "position", "size", "color", "shape", "existence"))
        return answer_sentence(random, Question(kind, "", "yes", _target(kind, item)), _answer(kind, item))
    return capital(
        random.choice(
            (
                f"the image shows {article(random.choice((name, long)))}.",
                f"there is {article(random.choice((name, long)))}.",
                f"you can see {article(random.choice((name, long)))}.",
                f"it is {article(random.choice((name, long)))}.",
                f"the object is {article(long)} {where}.",
                f"{article(item.size + ' ' + item.shape)} that is {item.color} is {where}.",
                f"{where} sits {article(long)}.",
                f"{where} of the image, {article(name)} is visible.",
                f"the {long} is {where} of the image.",
                f"the {name} is {item.size} and lies {where}.",
                f"this is the {name} {where}.",
                f"the picture also has {article(long)}, which is {where}.",
                f"another object is the {long} {where}.",
            )
        )
    )


def _target(kind: str, item: SceneObject) -> Reference:
    if kind == "color":
        return Reference(shape=item.shape)
    return Reference(color=item.color, shape=None if kind == "shape" else item.shape)


def _answer(kind: str, item: SceneObject) -> str:
    return "yes" if kind == "existence" else str(getattr(item, kind))


def _label_text(random: Random, item: SceneObject) -> str:
    """The class of an image's object, as classification sets are put into words."""
    templates = ("A photo of {}.", "This is {}.", "An image of {}.", "A picture that shows {}.", "It is {}.", "{}")
    return random.choice(templates).format(article(item.shape))


def _altered(random: Random, item: SceneObject, scene: Scene) -> SceneObject:
    """An object with one attribute changed, at times two; or another object of the scene."""
    if len(scene.objects) > 1 and random.random() < 0.3:
        return random.choice([other for other in scene.objects if other is not item])
    for _ in range(1 if random.random() < 0.75 else 2):
        name = random.choice(("color", "shape", "size", "cell", "cell"))
        values: Sequence = {"color": COLORS, "shape": SHAPES, "size": SIZES, "cell": range(len(POSITIONS))}[name]
        item = replace(item, **{name: random.choice([value for value in values if value != getattr(item, name)])})
    return item


def _two(random: Random, scene: Scene) -> tuple[SceneObject, SceneObject]:
    one = random.choice(scene.objects)
    others = [other for other in scene.objects if other is not one]
    other = random.choice(others) if others else replace(one, shape=random.choice(
        [shape for shape in SHAPES if shape != one.shape]), cell=(one.cell + random.randint(1, 8)) % 9)  # fmt: skip
    return one, other


def _related(random: Random, one: SceneObject, other: SceneObject) -> str:
    """A relation that holds, as a caption or as boxes tell it."""
    ways = [name for name in RELATIONS if holds(name, one, other)]
    way = random.choice(ways)
    if random.random() < 0.3:
        return f"{article(one.name())} {RELATION_WORDS[way]} {article(other.name())}"
    return f"The {one.name()} is {RELATION_WORDS[way]} the {other.name()}."


def _change(random: Random, scene: Scene) -> tuple[str, str, int]:
    """A curt change and a sentence, in either order: the same change, another one, or a mere description."""
    _, change = edit_scene(scene, random)
    way, sentence = random.random(), ""
    if way < 0.25:  # what is there, not what has changed
        item = change.after or change.before
        sentence = _told(random, item if item and random.random() < 0.7 else random.choice(scene.objects))
        same = False
    else:
        same = way < 0.62
        told: Change | None = change if same else edit_scene(scene, random)[1]
        if not same and random.random() < 0.5:
            told = _other_change(random, change)
        same = told == change
        body = split_sentences(describe_change(random, told))
        sentence = next(part for part in body if part not in (*OPENERS, *CLOSERS))
    curt = curt_change(random, change)
    premise, hypothesis = (curt, sentence) if random.random() < 0.4 else (sentence, curt)
    if way < 0.25 and premise == curt:
        return premise, hypothesis, statement_label(premise, hypothesis)
    if same:
        return premise, hypothesis, ENTAILMENT if _naming(hypothesis) <= _naming(premise) else NEUTRAL
    return premise, hypothesis, NEUTRAL if way < 0.25 else CONTRADICTION


def _other_change(random: Random, change: Change) -> Change:
    """The change with another object in it, or another end."""
    before, after = change.before, change.after
    if change.kind in ("moved", "recolored") and after is not None and random.random() < 0.5:
        return replace(change, after=_instead(random, after, "cell" if change.kind == "moved" else "color", before))
    name = random.choice(("color", "shape"))
    taken = {getattr(item, name) for item in (before, after) if item}
    value = random.choice([other for other in (COLORS if name == "color" else SHAPES) if other not in taken])
    if change.kind == "recolored" and name == "color" and before is not None:
        return replace(change, before=_with(before, name, value))
    return replace(
        change,
        before=before and _with(before, name, value),
        after=after and _with(after, name, value),
    )


def _with(item: SceneObject, name: str, value: Any) -> SceneObject:
    return replace(item, **{name: value})


def _instead(random: Random, item: SceneObject, name: str, other: SceneObject | None) -> SceneObject:
    """`item` with another cell or color than its own and `other`'s."""
    values: Sequence[Any] = range(len(POSITIONS)) if name == "cell" else COLORS
    taken = {getattr(one, name) for one in (other, item) if one}
    return _with(item, name, random.choice([value for value in values if value not in taken]))


_NAMING = {*COLORS, *SHAPES, *" ".join(POSITIONS).split()}


def _naming(text: str) -> set[str]:
    return {word for word in tokens(text) if word in _NAMING}
