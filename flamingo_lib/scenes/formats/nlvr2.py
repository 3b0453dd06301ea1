"""NLVR2: statements about two pictures, true or false, as JSON lines; two statements a pair of pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from ..graph import HELD_IN_PAIRS, SHAPES, Scene
from ..lexicon import NUMBERS, PLURALS, article, capital
from .album import Album, Entry

STATEMENTS = 2
SIDES = ("left", "right")
TRIES = 40
ADDRESS = "https://example.org/{}.png"

Stated = tuple[str, bool]
"""A statement, and whether it holds."""


def one_image(generator: Random, pair: tuple[Scene, Scene]) -> Stated:
    """An object of the left or the right picture."""
    side = generator.randrange(2)
    shape, color = _named(generator, pair)
    thing = article(f"{color} {shape}")
    ways = (
        f"The {SIDES[side]} image contains {thing}.",
        f"There is {thing} in the {SIDES[side]} image.",
    )
    return generator.choice(ways), bool(pair[side].find(shape=shape, color=color))


def either(generator: Random, pair: tuple[Scene, Scene]) -> Stated:
    """An object of any of the two."""
    shape, color = _named(generator, pair)
    found = any(scene.find(shape=shape, color=color) for scene in pair)
    return f"At least one of the images shows {article(f'{color} {shape}')}.", found


def both(generator: Random, pair: tuple[Scene, Scene]) -> Stated:
    """A shape or a color that both pictures share."""
    if generator.random() < 0.5:
        shape = generator.choice(SHAPES)
        return f"Both images contain {article(shape)}.", all(scene.find(shape=shape) for scene in pair)
    color = generator.choice([item.color for scene in pair for item in scene.objects])
    return f"Both images contain {article(color)} object.", all(scene.find(color=color) for scene in pair)


def counted(generator: Random, pair: tuple[Scene, Scene]) -> Stated:
    """The number of objects in one picture."""
    side, number = generator.randrange(2), generator.randint(1, 4)
    objects = "object" if number == 1 else "objects"
    true = len(pair[side].objects) == number
    return f"The {SIDES[side]} image contains exactly {NUMBERS[number]} {objects}.", true


def more(generator: Random, pair: tuple[Scene, Scene]) -> Stated:
    """Which picture holds more."""
    side = generator.randrange(2)
    true = len(pair[side].objects) > len(pair[1 - side].objects)
    return f"There are more objects in the {SIDES[side]} image than in the {SIDES[1 - side]} image.", true


def as_many(generator: Random, pair: tuple[Scene, Scene]) -> Stated:
    """Whether both hold as many."""
    return "Both images show the same number of objects.", len(pair[0].objects) == len(pair[1].objects)


def in_total(generator: Random, pair: tuple[Scene, Scene]) -> Stated:
    """The number of one shape in both together."""
    shape = generator.choice([item.shape for scene in pair for item in scene.objects])
    number = generator.randint(1, 3)
    true = sum(len(scene.find(shape=shape)) for scene in pair) == number
    noun = shape if number == 1 else PLURALS[shape]
    return f"{capital(NUMBERS[number])} {noun} can be seen in the two images.", true


STATED: tuple[Callable[[Random, tuple[Scene, Scene]], Stated], ...] = (
    *(one_image, one_image, either, both, counted, counted, more, as_many, in_total),
)
"""What makes statements, by how often it is drawn."""


def statement(generator: Random, pair: tuple[Scene, Scene], truth: bool, besides: Sequence[str] = ()) -> Stated:
    """A statement about two scenes, none of `besides`, that holds if `truth`; the second value says whether it does.

    The odd pair for which no such statement is drawn in `TRIES` gets one of the other truth value.
    """
    made = STATED[0](generator, pair)
    for _ in range(TRIES):
        made = generator.choice(STATED)(generator, pair)
        if made[1] == truth and made[0] not in besides:
            break
    return made


def write_nlvr2(album: Album, entries: list[Entry], split: str, most: int) -> int:
    """Write NLVR2: up to `most` statements on pairs of following scenes; returns their number."""
    records: list[dict[str, Any]] = []
    for index, (left, right) in enumerate(zip(entries[::2], entries[1::2], strict=False)):
        if len(records) >= most:
            break
        generator = album.random("nlvr2", left.image_id)
        folder = {"directory": index % 100} if split == "train" else {}
        path = f"images/{split}/{folder['directory']}" if folder else f"images/{split}"
        for side, entry in enumerate((left, right)):
            album.add(entry, "nlvr2", f"{path}/{split}-{index}-0-img{side}.png")
        said: list[str] = []
        for number in range(min(STATEMENTS, most - len(records))):
            sentence, true = statement(generator, (left.scene, right.scene), generator.random() < 0.5, said)
            said.append(sentence)
            label = str(true)
            records.append(
                {
                    "identifier": f"{split}-{index}-0-{number}",
                    "sentence": sentence,
                    "label": label,
                    "left_url": ADDRESS.format(left.image_id),
                    "right_url": ADDRESS.format(right.image_id),
                    "writer": generator.randrange(25),
                    "validation": {str(generator.randrange(25)): label},
                    "query": "shapes",
                    "synset": "shape",
                    **folder,
                }
            )
    album.write("nlvr2", f"nlvr2/data/{split}.json", records, lines=True)
    return len(records)


def _named(generator: Random, pair: tuple[Scene, Scene]) -> tuple[str, str]:
    """Shape and color of an object of one of the pictures, or of a known pair that shares one of them."""
    item = generator.choice([item for scene in pair for item in scene.focus])
    if generator.random() < 0.6:
        return item.pair
    near = [other for other in HELD_IN_PAIRS if (other[0] == item.shape) != (other[1] == item.color)]
    return generator.choice(near)
