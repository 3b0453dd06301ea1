"""CLEVR: questions with the programs that answer them, and scene files."""

from __future__ import annotations

from typing import Any

from ..graph import Scene
from ..lexicon import Reference, holds
from ..questions import QUESTION_TYPES, Question
from .album import Album, Entry
from .vqa import distinct_questions

QUESTIONS = 2
DIRECTIONS = {
    "right": [1.0, 0.0, 0.0],
    "left": [-1.0, 0.0, 0.0],
    "front": [0.0, -1.0, 0.0],
    "behind": [0.0, 1.0, 0.0],
    "above": [0.0, 0.0, 1.0],
    "below": [0.0, 0.0, -1.0],
}
SIDES = {"left": "left of", "right": "right of", "behind": "above", "front": "below"}
"""CLEVR looks down at a table: what is farther back stands higher in the picture."""

Step = dict[str, Any]


def program(question: Question) -> list[Step]:
    """The functional program of `question`: each step names its function, the steps it reads, and its values."""
    steps: list[Step] = []

    def add(function: str, inputs: list[int], *values: str) -> int:
        steps.append({"function": function, "inputs": inputs, "value_inputs": list(values)})
        return len(steps) - 1

    def filtered(reference: Reference) -> int:
        last = add("scene", [])
        for name in ("color", "shape", "size"):
            value = getattr(reference, name)
            if value is not None:
                last = add(f"filter_{name}", [last], value)
        return last

    if question.type == "count":
        add("count", [filtered(question.target)])
    elif question.type == "existence":
        add("exist", [filtered(question.target)])
    elif question.type in ("relation", "side"):
        anchor = add("unique", [filtered(question.anchor or Reference())])
        if question.type == "side":
            target = add("unique", [filtered(question.target)])
            add("query_side", [target, anchor])
        else:
            side = next(name for name, relation in SIDES.items() if relation == question.relation)
            last = add("relate", [anchor], side)
            for name in ("color", "shape"):
                last = add(f"filter_{name}", [last], getattr(question.target, name))
            add("exist", [last])
    else:
        add(f"query_{question.type}", [add("unique", [filtered(question.target)])])
    return steps


def scene_record(scene: Scene, split: str, index: int, file_name: str, size: int) -> dict[str, Any]:
    """A record of CLEVR's scenes file."""
    objects = [
        {
            "shape": item.shape,
            "size": item.size,
            "material": "rubber",
            "color": item.color,
            "3d_coords": [round(6 * item.cx - 3, 3), round(3 - 6 * item.cy, 3), round(3 * item.radius, 3)],
            "rotation": 0.0,
            "pixel_coords": [round(item.cx * size), round(item.cy * size), 10.0],
        }
        for item in scene.objects
    ]
    relationships = {
        name: [
            [other for other, b in enumerate(scene.objects) if b is not a and holds(relation, b, a)]
            for a in scene.objects
        ]
        for name, relation in SIDES.items()
    }
    head = {"split": split, "image_index": index, "image_filename": file_name, "directions": DIRECTIONS}
    return {**head, "objects": objects, "relationships": relationships}


def write_clevr(album: Album, entries: list[Entry], split: str) -> int:
    """Questions, scenes and pictures of one split; returns the number of questions."""
    questions: list[dict[str, Any]] = []
    scenes: list[dict[str, Any]] = []
    info = {"date": "2023-07-03", "version": "1.0", "split": split, "license": "CC0 1.0"}
    for index, entry in enumerate(entries):
        name = f"CLEVR_{split}_{index:06d}.png"
        album.add(entry, "clevr", f"CLEVR_v1.0/images/{split}/{name}")
        scenes.append(scene_record(entry.scene, split, index, name, album.image_size))
        for question in distinct_questions(entry, album.random("clevr", entry.image_id), QUESTIONS):
            questions.append(
                {
                    "split": split,
                    "image_filename": name,
                    "image_index": index,
                    "question": question.text,
                    "answer": question.answer,
                    "program": program(question),
                    "question_index": len(questions),
                    "question_family_index": QUESTION_TYPES.index(question.type),
                }
            )
    album.write("clevr", f"CLEVR_v1.0/questions/CLEVR_{split}_questions.json", {"info": info, "questions": questions})
    album.write("clevr", f"CLEVR_v1.0/scenes/CLEVR_{split}_scenes.json", {"info": info, "scenes": scenes})
    return len(questions)
