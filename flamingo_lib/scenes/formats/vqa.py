"""VQA-v2 (ten answers a question), A-OKVQA (choices and rationales) and VSR (true or false statements)."""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import Any

from ..annotations import rationale
from ..graph import COLORS, POSITIONS, SHAPES, SIZES
from ..language import full_answer
from ..lexicon import NUMBERS, RELATION_WORDS
from ..questions import Question, ask, possible_types
from .album import Album, Entry
from .coco import INFO, LICENSES

QUESTIONS = 3
DISAGREEMENT = 0.06
"""Probability that one of the ten annotators gives another answer."""

ANSWERS = {
    "color": COLORS,
    "shape": SHAPES,
    "size": SIZES,
    "position": POSITIONS,
    "count": ("0", "1", "2", "3", "4"),
    "existence": ("yes", "no"),
    "relation": ("yes", "no"),
    "side": ("left", "right"),
}
"""Every curt answer of each question type."""

CHOICE_TYPES = ("color", "shape", "count", "position", "side")
_CHOICES = {**ANSWERS, "side": ("left", "right", "above", "below")}


TYPE_WEIGHTS = {"count": 3.0, "existence": 3.0, "relation": 3.0, "side": 3.0}
"""How often annotators ask each type of question, against 1 of the others: much of the real sets is yes or no, counts
and relations.
"""


def distinct_questions(entry: Entry, generator: Random, count: int) -> list[Question]:
    """Up to `count` questions about a scene, of different types drawn by `TYPE_WEIGHTS`."""
    turns = {kind: generator.random() ** (1 / TYPE_WEIGHTS.get(kind, 1.0)) for kind in possible_types(entry.scene)}
    return [ask(entry.scene, generator, kind) for kind in sorted(turns, key=turns.__getitem__, reverse=True)[:count]]


def ten_answers(generator: Random, question: Question) -> list[str]:
    """Ten annotators' answers: mostly the answer, now and then another of its type or another spelling."""
    others = [answer for answer in ANSWERS[question.type] if answer != question.answer]
    if question.type == "count":
        others.append(NUMBERS[int(question.answer)])
    answers = [generator.choice(others) if generator.random() < DISAGREEMENT else question.answer for _ in range(10)]
    return answers if Counter(answers)[question.answer] > 5 else [question.answer] * 10


def write_vqa(album: Album, entries: list[Entry], split: str) -> int:
    """VQA-v2: three questions an image; returns the number of questions."""
    questions, annotations = [], []
    for entry in entries:
        generator = album.random("vqa-v2", entry.image_id)
        for index, question in enumerate(distinct_questions(entry, generator, QUESTIONS)):
            number = entry.image_id * 1000 + index
            questions.append({"image_id": entry.image_id, "question": question.text, "question_id": number})
            annotations.append(_annotation(generator, entry, question, number))
        album.add(entry, "vqa-v2", f"{split}2014/{entry.coco(split)}")
    generator = album.random("vqa-v2", f"order/{split}")
    generator.shuffle(annotations)  # the official files must be joined by id, not by position
    head = {"info": INFO, "license": LICENSES[0], "data_type": "mscoco", "data_subtype": f"{split}2014"}
    task = {"task_type": "Open-Ended"}
    album.write("vqa-v2", f"v2_OpenEnded_mscoco_{split}2014_questions.json", {**head, **task, "questions": questions})
    album.write("vqa-v2", f"v2_mscoco_{split}2014_annotations.json", {**head, "annotations": annotations})
    return len(questions)


def _annotation(generator: Random, entry: Entry, question: Question, number: int) -> dict[str, Any]:
    kind = "number" if question.type == "count" else "yes/no" if question.answer in ("yes", "no") else "other"
    answers = [
        {"answer": answer, "answer_confidence": "yes" if answer == question.answer else "maybe", "answer_id": index + 1}
        for index, answer in enumerate(ten_answers(generator, question))
    ]
    return {
        "question_type": " ".join(question.text.lower().split()[:2]),
        "multiple_choice_answer": question.answer,
        "answers": answers,
        "image_id": entry.image_id,
        "answer_type": kind,
        "question_id": number,
    }


def four_choices(generator: Random, question: Question) -> list[str]:
    """The answer and three wrong ones of its kind, in any order; `question.type` is one of `CHOICE_TYPES`."""
    wrong = [answer for answer in _CHOICES[question.type] if answer != question.answer]
    choices = [question.answer, *generator.sample(wrong, 3)]
    generator.shuffle(choices)
    return choices


def write_aokvqa(album: Album, entries: list[Entry], split: str) -> int:
    """Write A-OKVQA: a question with four choices, ten answers and three rationales an image; returns the count."""
    records = []
    for entry in entries:
        generator = album.random("a-okvqa", entry.image_id)
        types = [kind for kind in possible_types(entry.scene) if kind in CHOICE_TYPES]
        question = ask(entry.scene, generator, generator.choice(types))
        choices = four_choices(generator, question)
        records.append(
            {
                "split": split,
                "image_id": entry.image_id,
                "question_id": f"{album.random('a-okvqa-id', entry.image_id).getrandbits(88):022x}",
                "question": question.text,
                "choices": choices,
                "correct_choice_idx": choices.index(question.answer),
                "direct_answers": ten_answers(generator, question),
                "difficult_direct_answer": False,
                "rationales": [rationale(generator, entry.scene, question) for _ in range(3)],
            }
        )
        album.add(entry, "a-okvqa", f"{split}2017/{entry.image_id:012d}.jpg")
    album.write("a-okvqa", f"aokvqa_v1p0_{split}.json", records)
    return len(records)


def write_vsr(album: Album, entries: list[Entry], part: str, kind: str = "random", most: int | None = None) -> int:
    """Write VSR: up to two statements an image on how two objects lie, half of them false; returns the count.

    Args:
        album: takes the pictures and the file.
        entries: the scenes; those with one object are passed over.
        part, kind: the split, as the makers name its folder and file.
        most: statements at most, an even number; None writes all.
    """
    records: list[dict[str, Any]] = []
    for entry in entries:
        if "relation" not in possible_types(entry.scene):
            continue
        if most is not None and len(records) >= most:
            break
        name = f"{entry.image_id:012d}.jpg"
        album.add(entry, "vsr", f"images/{name}")
        generator = album.random("vsr", entry.image_id)
        for _ in range(2):
            question = ask(entry.scene, generator, "relation")
            relation, true = question.relation or "", question.answer == "yes"
            statement = full_answer(question, "yes").removeprefix("Yes, ").removesuffix(".")
            votes = str(sorted(generator.sample(range(25), 2)))
            records.append(
                {
                    "image": name,
                    "image_link": "",
                    "caption": statement[0].upper() + statement[1:] + ".",
                    "label": int(true),
                    "relation": RELATION_WORDS[relation].removeprefix("to the "),
                    "annotator_id": generator.randrange(25),
                    "vote_true_validator_id": votes if true else "[]",
                    "vote_false_validator_id": "[]" if true else votes,
                    **(
                        {"subj": question.target.text(), "obj": question.anchor.text() if question.anchor else ""}
                        if kind == "zeroshot"
                        else {}
                    ),
                    **({"reference_frame": "viewer"} if kind == "random" else {}),
                }
            )
    album.write("vsr", f"data/splits/{kind}/{part}.jsonl", records, lines=True)
    return len(records)
