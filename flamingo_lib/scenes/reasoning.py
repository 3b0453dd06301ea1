"""Reasoning questions about a scene, with answers that show the step: LLaVA's "complex reasoning"."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .answers import SUBJECT_FIRST, at, full_answer, subject_first
from .graph import COLORS, POSITIONS, SHAPES, SIZES, Scene
from .lexicon import NUMBERS, Reference, capital
from .phrases import wrapped
from .questions import ask, possible_types

Answered = tuple[str, str, str]
"""Instruction, polite reasoning, curt answer."""

CORNERS = {"circle": 0, "ring": 0, "triangle": 3, "square": 4}


def reasoning(generator: Random, scene: Scene) -> Answered:
    """A random reasoning question that `scene` allows: `(instruction, polite answer with reason, curt answer)`."""
    topics = list(_TOPICS)
    generator.shuffle(topics)
    for topic in topics:
        found = topic(generator, scene)
        if found is not None:
            instruction, answer, curt = found
            return instruction, wrapped(generator, answer, opener=0.5, closer=0.4), curt
    raise AssertionError("comparing numbers is always possible")


def _number(count: int, target: Reference) -> str:
    return f"{NUMBERS[count] if count else 'no'} {target.text(count)}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _removed(generator: Random, scene: Scene) -> Answered | None:
    """How many are left without one of them."""
    if len(scene.objects) < 2:
        return None
    item, total = generator.choice(scene.objects), len(scene.objects)
    left = total - 1
    instruction = generator.choice(
        (
            f"How many objects would be left without the {item.name()}?",
            f"If we take away the {item.name()}, how many objects would be left?",
        )
    )
    objects = _number(left, Reference())
    answer = generator.choice(
        (
            f"There are {NUMBERS[total]} objects in the image. Without the {item.name()}, {objects} would be left.",
            f"The image shows {NUMBERS[total]} objects, so {objects} would be left without the {item.name()}.",
            f"I can count {NUMBERS[total]} objects. If we take away the {item.name()}, we would have {objects} left.",
        )
    )
    return instruction, answer, str(left)


def _more(generator: Random, scene: Scene) -> Answered | None:
    """Which of two kinds is more frequent."""
    if generator.random() < 0.5:
        first = Reference(color=generator.choice(scene.objects).color)
        second = Reference(color=generator.choice([color for color in COLORS if color != first.color]))
    else:
        first = Reference(shape=generator.choice(scene.objects).shape)
        second = Reference(shape=generator.choice([shape for shape in SHAPES if shape != first.shape]))
    if generator.random() < 0.5:
        first, second = second, first
    a, b = len(first.among(scene)), len(second.among(scene))
    instruction = (
        f"Are there more {first.text(2)} than {second.text(2)}{generator.choice((' in the image', ' here', ''))}?"
    )
    facts = f"there {_are(a)} {_number(a, first)} and {_number(b, second)}"
    if a == b:
        return instruction, f"No, {facts}, so the numbers are the same.", "no"
    more, less = (first, second) if a > b else (second, first)
    result = f"there are more {more.text(2)} than {less.text(2)}"
    yes = "yes" if a > b else "no"
    answer = generator.choice((f"{capital(yes)}, {result}, since {facts}.", f"{capital(yes)}, {facts}, so {result}."))
    return instruction, answer, yes


def _same(generator: Random, scene: Scene) -> Answered | None:
    """Whether all objects share an attribute."""
    if len(scene.objects) < 2:
        return None
    kind = generator.choice(("color", "shape", "size"))
    instruction = generator.choice(
        (f"Do all the objects have the same {kind}?", f"Are all the objects of the same {kind}?")
    )
    one, other = generator.sample(scene.objects, 2)
    values = [getattr(item, kind) for item in scene.objects]
    if len(set(values)) == 1:
        target = Reference(**{kind: values[0]})
        return (
            instruction,
            f"Yes, all the objects have the same {kind}, since I can see {_number(len(values), target)}.",
            "yes",
        )
    if getattr(one, kind) == getattr(other, kind):
        other = next(item for item in scene.objects if getattr(item, kind) != getattr(one, kind))
    if kind == "size":
        facts = f"the {one.name()} is {one.size} and the {other.name()} is {other.size}"
    else:
        facts = f"there is a {one.size} {one.name()} and a {other.size} {other.name()}"
    return instruction, generator.choice((f"No, {facts}.", f"No, {facts}, so they are different.")), "no"


def _corners(generator: Random, scene: Scene) -> Answered | None:
    """Adding up corners."""
    items = [item for item in scene.objects if item.shape in CORNERS]
    if len(items) < 2:
        return None
    one, other = generator.sample(items, 2)
    a, b = CORNERS[one.shape], CORNERS[other.shape]
    instruction = f"How many corners do the {one.name()} and the {other.name()} have in total?"
    first, second = (f"{NUMBERS[n] if n else 'no'} corners" for n in (a, b))
    total = f"{NUMBERS[a + b] if a + b else 'no'} corners"
    return (
        instruction,
        f"The {one.name()} has {first} and the {other.name()} has {second}, so they have {total} in total.",
        str(a + b),
    )


def _largest(generator: Random, scene: Scene) -> Answered | None:
    """The one object of its size."""
    size = generator.choice(SIZES)
    found = scene.find(size=size)
    if len(found) != 1 or len(scene.objects) < 2:
        return None
    most = {"small": "smallest", "large": "largest"}[size]
    name = found[0].name()
    instruction = generator.choice((f"Which object is the {most}?", f"Can you find the {most} object?"))
    answer = generator.choice(
        (
            f"The {name} is the only {size} object, so it is the {most} one.",
            f"The {most} one is the {name}, since it is the only {size} object.",
        )
    )
    return instruction, answer, name


def _line(generator: Random, scene: Scene) -> Answered | None:
    """Whether two objects share a row or a column."""
    if len(scene.objects) < 2:
        return None
    line = generator.choice(("row", "column"))
    one, other = generator.sample(scene.objects, 2)
    same = getattr(one, line) == getattr(other, line)
    yes, no = ("yes", "") if same else ("no", "not ")
    instruction = f"Are the {one.name()} and the {other.name()} in the same {line}?"
    facts = f"the {one.name()} is {at(one.position)} and the {other.name()} is {at(other.position)}"
    return instruction, f"{capital(yes)}, {facts}, so they are {no}in the same {line}.", yes


def _extreme(generator: Random, scene: Scene) -> Answered | None:
    """The object nearest to an edge."""
    edge, line, pick = generator.choice(
        (("top", "row", min), ("bottom", "row", max), ("left", "column", min), ("right", "column", max))
    )
    best = pick(getattr(item, line) for item in scene.objects)
    found = [item for item in scene.objects if getattr(item, line) == best]
    if len(found) != 1 or len(scene.objects) < 2:
        return None
    item = found[0]
    instruction = generator.choice(
        (f"Which object is closest to the {edge} of the image?", f"What is the object closest to the {edge}?")
    )
    answer = generator.choice(
        (
            f"The {item.name()} is closest to the {edge}, since it is {at(item.position)}.",
            f"The {item.name()} is {at(item.position)}, so it is the closest one.",
        )
    )
    return instruction, answer, item.name()


CLAIM_WORDINGS = (
    "Is it correct to say this? {}",
    "Would you agree with this? {}",
    "Do you think this is right? {}",
    "Can one say this about the image? {}",
    "True or false? {}",
    "Right or wrong? {}",
    "{} Do you agree?",
    "{} Is this correct?",
    "{} True or false?",
    "Somebody says this about the picture: {} Is that so?",
    "Check whether this is right. {}",
    "I believe this: {} Am I right?",
)
CLAIM_WEIGHTS = {"count": 2.0, "existence": 2.0, "relation": 3.0, "side": 1.0}
"""How often a claim is about each type of question, against 1 of the others."""
_SWAPPED = {"left": "right", "right": "left", "small": "large", "large": "small"}
_VALUES = {"color": COLORS, "shape": SHAPES, "position": POSITIONS, "count": ("0", "1", "2", "3", "4")}


def _claim(generator: Random, scene: Scene) -> Answered | None:
    """Whether a statement is right, and what is."""
    types = possible_types(scene)
    kind = generator.choices(types, [CLAIM_WEIGHTS.get(kind, 1.0) for kind in types])[0]
    question = ask(scene, generator, kind)
    wording = generator.choice(CLAIM_WORDINGS)
    if question.type in SUBJECT_FIRST:
        return wording.format(_without_yes(full_answer(question, "yes"))), subject_first(question), question.answer
    true = generator.random() < 0.5
    others = [value for value in _VALUES.get(question.type, ()) if value != question.answer]
    wrong = generator.choice(others) if others else _SWAPPED[question.answer]
    stated = full_answer(question, question.answer if true else wrong)
    yes = generator.choice(("Yes, that is right.", "Yes, this is correct."))
    no = generator.choice(("No, that is not right.", "No, this is not correct."))
    return wording.format(stated), f"{yes if true else no} {full_answer(question)}", "yes" if true else "no"


def _without_yes(text: str) -> str:
    return capital(text.removeprefix("Yes, ").removeprefix("No, "))


_TOPICS: tuple[Callable[[Random, Scene], Answered | None], ...] = (
    _removed,
    _more,
    _same,
    _corners,
    _largest,
    _line,
    _extreme,
    *(_claim,) * 8,
)
