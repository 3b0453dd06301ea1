"""Text about a scene as a hurried annotator writes it, all of it true: captions, referring expressions, rationales."""

from __future__ import annotations

import re
from random import Random

from .answers import at, full_answer
from .graph import Scene, SceneObject
from .lexicon import NUMBERS, RELATION_WORDS, RELATIONS, article, capital, holds, listing
from .questions import Question


def caption(generator: Random, scene: Scene) -> str:
    """A curt caption as a hurried annotator writes it: a lower-case fragment that names some of the objects."""
    items = list(scene.objects)
    generator.shuffle(items)
    some = items[: generator.randint(max(1, len(items) - 1), len(items))]
    size = generator.random() < 0.5
    names = [item.name(size) for item in some]
    ways = [
        ", ".join(names),
        " and ".join(article(name) for name in names),
        listing([article(name) for name in names]),
        "; ".join(f"{name} {item.position}" for name, item in zip(names, some, strict=True)),
        ", ".join(f"{item.position} {name}" for name, item in zip(names, some, strict=True)),
        f"{names[0]} {at(some[0].position)}",
        f"a picture of {listing([article(name) for name in names])}",
    ]
    if len(items) > 1:
        ways.append(f"{NUMBERS[len(items)]} objects, {article(names[0])} {at(some[0].position)}")
        one, other = items[:2]
        relation = generator.choice([name for name in RELATIONS if holds(name, one, other)])
        ways.append(f"{article(one.name(size))} {RELATION_WORDS[relation]} {article(other.name(size))}")
    return generator.choice(ways) + generator.choice(("", "", ".", " ."))


def expression(generator: Random, scene: Scene, item: SceneObject) -> str:
    """A referring expression for `item`, as RefCOCOg has them: a fragment that fits no other object."""
    ways = [
        f"the {item.name()}",
        item.name(size=True),
        f"{item.name()} {at(item.position)}",
        f"the {item.size} {item.shape} {at(item.position)}",
        f"{item.color} {item.shape} in {item.position}"
        if item.position == "center"
        else f"{item.position} {item.name()}",
    ]
    others = [other for other in scene.objects if other is not item]
    if others:
        other = generator.choice(others)
        relation = generator.choice([name for name in RELATIONS if holds(name, item, other)])
        ways.append(f"the {item.name()} {RELATION_WORDS[relation]} the {other.name()}")
    return generator.choice(ways)


def rationale(generator: Random, scene: Scene, question: Question) -> str:
    """Why the answer is right: a curt lower-case sentence, as in A-OKVQA."""
    found = question.target.among(scene)
    item = question.subject or (generator.choice(found) if found else None)
    ways = [full_answer(question)]
    if question.type == "count":
        ways = [f"{full_answer(question)[:-1]} in the image."]
        if found:
            ways.append(f"I count {listing([f'the {other.name()}' for other in found])}.")
    elif question.type == "existence" and item is None:
        ways += [f"The objects are {listing([article(other.name()) for other in scene.objects])}."]
    elif question.type in ("relation", "side") and item is not None and question.other is not None:
        ways.append(
            f"The {item.name()} is {at(item.position)} and the {question.other.name()} is "
            f"{at(question.other.position)}."
        )
    elif item is not None:
        ways += [
            f"The {item.name()} is {at(item.position)}.",
            f"There is {article(item.name(size=True))} in the image.",
        ]
    text = re.sub("^(Yes|No), ", "", generator.choice(ways))
    return generator.choice((capital(text), text[0].lower() + text[1:], text[0].lower() + text[1:-1]))
