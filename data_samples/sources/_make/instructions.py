"""Samples of the text-only instruction sets and of the released PF-1M."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from .drawing import drawn
from .files import write_json, write_lines

PREAMBLE = (
    "The followings are specific object locations within the image, along with detailed coordinates. "
    "These coordinates are in the form of bounding boxes, represented as (x1, y1, x2, y2) "
    "with floating numbers ranging from 0 to 1. "
    "These values correspond to the top left x, top left y, bottom right x, and bottom right y."
)


def _node(
    name: str, parent: str | None, role: str, text: str, rank: int | None, replies: list[dict], lang: str = "en"
) -> dict:
    return {
        "message_id": name,
        "parent_id": parent,
        "user_id": "u1",
        "text": text,
        "role": role,
        "lang": lang,
        "review_count": 3,
        "review_result": True,
        "deleted": False,
        "rank": rank,
        "synthetic": False,
        "model_name": None,
        "emojis": {"+1": 2},
        "labels": {"quality": {"value": 0.75, "count": 3}},
        "replies": replies,
    }


def oasst_1(root: Path) -> None:
    last = [_node("a5", "a4", "assistant", "Gladly. The dress rehearsal of a plan is a test.", 0, [])]
    follow = [_node("a4", "a2", "prompter", "Could you say it in one sentence?", 0, last)]
    tree = _node(
        "a1", None, "prompter", "Why do people test their plans?", None,
        [
            _node("a3", "a1", "assistant", "because", 1, []),
            _node(
                "a2", "a1", "assistant", "Testing a plan shows its flaws while they are still cheap to mend.", 0, follow
            ),
        ],
    )  # fmt: skip
    german = _node(
        "b1",
        None,
        "prompter",
        "Wie heißt du?",
        None,
        [_node("b2", "b1", "assistant", "Ich bin ein Assistent.", 0, [], "de")],
        "de",
    )
    open_end = _node("c1", None, "prompter", "Is anyone there?", None, [])
    records = [
        {"message_tree_id": "a1", "tree_state": "ready_for_export", "prompt": tree},
        {"message_tree_id": "b1", "tree_state": "ready_for_export", "prompt": german},
        {"message_tree_id": "c1", "tree_state": "aborted_low_grade", "prompt": open_end},
    ]
    root.mkdir(parents=True, exist_ok=True)
    content = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records).encode()
    (root / "2023-04-12_oasst_ready.trees.jsonl.gz").write_bytes(gzip.compress(content, mtime=0))


def alpaca_gpt4(root: Path) -> None:
    write_json(
        root / "data/alpaca_gpt4_data.json",
        [
            {
                "instruction": "Name three fruits.",
                "input": "",
                "output": "Three fruits are the apple, the pear, and the plum.",
            },
            {
                "instruction": "Put this in the past tense.",
                "input": "She walks home.",
                "output": "In the past tense it reads: She walked home.",
            },
        ],
    )
    write_json(
        root / "data/unnatural_instruction_gpt4_data.json",
        [{"instruction": "Add the numbers.", "input": "2 and 3", "output": "The sum is 5."}],
    )


def gpteacher(root: Path) -> None:
    write_json(
        root / "Instruct/gpt4-instruct-similarity-0.6-dataset.json",
        [{"instruction": "Give a synonym of the word.", "input": "large", "response": "A synonym of large is big."}],
    )
    write_json(
        root / "Roleplay/roleplay-simple-deduped-roleplay-instruct.json",
        [
            {
                "instruction": "Speak as a gardener.",
                "input": "",
                "response": "Good morning! The roses want water before the sun is high.",
            }
        ],
    )


def instruction_wild(root: Path) -> None:
    write_json(
        root / "data/instinwild_en.json",
        [
            {
                "instruction": "Suggest a title for a story about rain.",
                "input": "",
                "output": "A fitting title would be: The Long Wet Summer.",
                "id": 1,
            }
        ],
    )
    write_lines(root / "data_v2/user_1.jsonl", [{"instruction": "Write a limerick.", "instruction_type": "writing"}])


def pf_1m(root: Path) -> None:
    caption = "mscoco_2014/train2014/COCO_train2014_000000000009.jpg"
    question = "mscoco_2017/train2017/000000000101.jpg"
    placed = drawn(root / caption, "coco9")
    drawn(root / question, "aok101")
    a, b = placed
    lines = [
        f"{thing.name}: [{thing.x / 96:.3g}, {thing.y / 72:.3g}, "
        f"{(thing.x + thing.side) / 96:.3g}, {(thing.y + thing.side) / 72:.3g}]"
        for thing in placed
    ]
    records = [
        {
            "input": f"Describe the image.<img_path>{caption}<img_path>",
            "output": f"The image shows a {a.name} on the left and a {b.name} on the right.",
            "rouge_score": 0.2286,
            "filtered_paragraphs": [[16.0191, "There is also a dog in the background."]],
            "paragraph_clip_scores": [23.2587],
            "sts_similarity": 0.6137,
            "original": f"A {a.name} and a {b.name}.\na {a.name} next to a {b.name}\n\n{PREAMBLE}\n"
            + "\n".join(lines)
            + "\n",
            "reward": 4.571,
        },
        {
            "input": f"Which paint was used? <img_path>{question}<img_path>\nblue, red, or green?",
            "output": "The shape on the left was painted in that color, as the picture shows.",
            "rouge_score": 0.2833,
            "nli_similarity": [-5.6781, 4.6424, -0.4625],
            "original": "Answer: blue. The shape is blue",
            "reward": 5.2507,
        },
    ]
    write_json(root / "PF-1M.json", records)


MAKERS = {
    "oasst-1": oasst_1,
    "alpaca-gpt4": alpaca_gpt4,
    "gpteacher": gpteacher,
    "instruction-wild": instruction_wild,
    "pf-1m": pf_1m,
}
