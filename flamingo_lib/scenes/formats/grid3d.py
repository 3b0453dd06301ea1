"""GRiD-3D: tokenised questions about relations and counts in one list, splits as lists of positions in it.

Five of its six tasks; shapes have no front and back, so none is asked about orientations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from random import Random
from typing import Any

from ..graph import Scene, SceneObject
from ..lexicon import RELATION_WORDS, RELATIONS, article, holds
from ..questions import ask, possible_types
from .album import Album, Entry

Asked = tuple[str, str]
"""Question in lower case, and its answer as GRiD-3D writes it."""


def existence(scene: Scene, generator: Random) -> Asked | None:
    """Whether an object is there: True or False."""
    question = ask(scene, generator, "existence")
    return f"is there {article(question.target.text())}?", _truth(question.answer)


def triple(scene: Scene, generator: Random) -> Asked | None:
    """Whether a subject, a relation and an object go together: True or False."""
    if "relation" not in possible_types(scene):
        return None
    question = ask(scene, generator, "relation")
    words, anchor = RELATION_WORDS[question.relation or ""], question.anchor.text() if question.anchor else ""
    return f"is the {question.target.text()} {words} the {anchor}?", _truth(question.answer)


def relation(scene: Scene, generator: Random) -> Asked | None:
    """How one object lies to another in the same row or column: left, right, above or below."""
    pairs = [
        (one, other)
        for one in scene.focus
        for other in scene.objects
        if one is not other and (one.row == other.row or one.column == other.column)
    ]
    if not pairs:
        return None
    one, other = generator.choice(pairs)
    answer = next(name for name in RELATIONS if holds(name, one, other)).removesuffix(" of")
    return f"what is the relation between the {one.name()} and the {other.name()}?", answer


def link(scene: Scene, generator: Random) -> Asked | None:
    """Which object lies so to another, if only one does: color and shape."""
    found: list[tuple[str, SceneObject, SceneObject]] = []
    for anchor in scene.objects:
        for name in RELATIONS:
            there = [item for item in scene.objects if item is not anchor and holds(name, item, anchor)]
            if len(there) == 1 and there[0] in scene.focus:
                found.append((name, there[0], anchor))
    if not found:
        return None
    name, item, anchor = generator.choice(found)
    return f"which object is {RELATION_WORDS[name]} the {anchor.name()}?", item.name()


def count(scene: Scene, generator: Random) -> Asked | None:
    """How many objects there are in all, of a kind, or beside another."""
    if generator.random() < 0.5 and len(scene.objects) > 1:
        anchor, name = generator.choice(scene.focus), generator.choice(RELATIONS)
        number = sum(holds(name, item, anchor) for item in scene.objects)
        return f"how many objects are {RELATION_WORDS[name]} the {anchor.name()}?", str(number)
    question = ask(scene, generator, "count")
    return f"how many {question.target.text(2)} are there?", question.answer


TASKS: dict[str, Callable[[Scene, Random], Asked | None]] = {
    "Existence Prediction": existence,
    "Triple Classification": triple,
    "Relation Prediction": relation,
    "Link Prediction": link,
    "Counting": count,
}
"""Task name -> what asks it; None where the scene does not allow it."""

QUESTIONS = 2


def write_grid3d(album: Album, splits: Iterable[tuple[str, list[Entry], int]]) -> dict[str, int]:
    """Write GRiD-3D: two questions an image, the tasks in turn.

    Args:
        splits: (name, scenes, most questions) of each.

    Returns:
        The number of questions of each split.
    """
    records: list[dict[str, Any]] = []
    counts = {}
    for split, entries, most in splits:
        start = len(records)
        for index, entry in enumerate(entries):
            asked = _questions(album.random("grid-3d", entry.image_id), entry.scene, index)
            asked = asked[: most - (len(records) - start)]
            if not asked:
                break
            album.add(entry, "grid-3d", f"grid-3d/images/{entry.image_id}.png")
            for task, question, answer in asked:
                tokens = question.replace("?", " ?").split()
                records.append({"img_idx": entry.image_id, "question": tokens, "answer": answer, "task": task})
        counts[split] = len(records) - start
        album.write("grid-3d", f"grid-3d/{split}_idxs.json", list(range(start, len(records))))
    album.write("grid-3d", "grid-3d/questions.json", records)
    return counts


def _questions(generator: Random, scene: Scene, index: int) -> list[tuple[str, str, str]]:
    """(task, question, answer) of two tasks: the next in turn that the scene allows."""
    names, found = list(TASKS), []
    for step in range(len(names)):
        task = names[(QUESTIONS * index + step) % len(names)]
        asked = TASKS[task](scene, generator)
        if asked is not None:
            found.append((task, *asked))
    return found[:QUESTIONS]


def _truth(answer: str) -> str:
    return "True" if answer == "yes" else "False"
