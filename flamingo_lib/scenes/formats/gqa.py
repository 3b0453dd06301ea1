"""GQA: questions with short and full answers in one object keyed by id, and scene graphs."""

from __future__ import annotations

from typing import Any

from ..graph import Scene
from ..language import full_answer
from ..lexicon import RELATION_WORDS, RELATIONS, holds
from ..questions import Question
from .album import Album, Entry
from .clevr import program
from .coco import box_xywh
from .vqa import distinct_questions

QUESTIONS = 2

STRUCTURAL = {"existence": "verify", "relation": "verify", "count": "query", "side": "choose"}
SEMANTIC = {"existence": "obj", "relation": "rel", "side": "rel", "position": "global", "count": "cat"}


def question_record(question: Question, image_id: str) -> dict[str, Any]:
    """A record of GQA's questions file."""
    steps = program(question)
    semantic = [
        {
            "operation": step["function"].replace("_", " "),
            "argument": ", ".join(step["value_inputs"]) or "?",
            "dependencies": step["inputs"],
        }
        for step in steps
    ]
    return {
        "semantic": semantic,
        "entailed": [],
        "equivalent": [],
        "question": question.text,
        "imageId": image_id,
        "isBalanced": True,
        "groups": {"global": None, "local": f"{question.type}-{question.target.text().replace(' ', '_')}"},
        "answer": question.answer,
        "semanticStr": "->".join(
            f"{step['operation']}: {step['argument']} {step['dependencies']}" for step in semantic
        ),
        "annotations": {"answer": {}, "question": {}, "fullAnswer": {}},
        "types": {
            "detailed": question.type,
            "semantic": SEMANTIC.get(question.type, "attr"),
            "structural": STRUCTURAL.get(question.type, "query"),
        },
        "fullAnswer": full_answer(question),
    }


def graph_record(scene: Scene, image_id: int, size: int) -> dict[str, Any]:
    """A scene graph as GQA writes them: objects by id, boxes in whole pixels, relations between objects."""
    ids = [str(image_id * 10 + index) for index in range(len(scene.objects))]
    objects = {}
    for number, item in zip(ids, scene.objects, strict=True):
        x, y, w, h = (round(value) for value in box_xywh(item, size))
        relations = [
            {"name": RELATION_WORDS[relation], "object": other_id}
            for other_id, other in zip(ids, scene.objects, strict=True)
            for relation in RELATIONS
            if other is not item and holds(relation, item, other)
        ]
        objects[number] = {
            "name": item.shape,
            "x": x,
            "y": y,
            "w": w,
            "h": h,
            "attributes": [item.color, item.size],
            "relations": relations,
        }
    return {"width": size, "height": size, "objects": objects}


def write_gqa(album: Album, entries: list[Entry], split: str) -> int:
    """Balanced questions, scene graphs and pictures of one split; returns the number of questions."""
    questions, graphs = {}, {}
    for entry in entries:
        image_id = str(entry.image_id)
        album.add(entry, "gqa", f"images/{image_id}.jpg")
        graphs[image_id] = graph_record(entry.scene, entry.image_id, album.image_size)
        for index, question in enumerate(distinct_questions(entry, album.random("gqa", entry.image_id), QUESTIONS)):
            questions[f"{entry.image_id}{index:03d}"] = question_record(question, image_id)
    album.write("gqa", f"{split}_balanced_questions.json", questions)
    album.write("gqa", f"{split}_sceneGraphs.json", graphs)
    return len(questions)
