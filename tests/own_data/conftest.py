"""A folder of images, and datasets of the layouts people use."""

from __future__ import annotations

import csv
import json

import pytest
from PIL import Image

QUESTION, ANSWER = "What color is the circle?", "red"


@pytest.fixture
def folder(tmp_path):
    for number in range(4):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.new("RGB", (24, 24), (40 * number, 0, 0)).save(tmp_path / "images" / f"{number}.png")
    return tmp_path


def turns(number, speaker="from", text="value", human="human", assistant="gpt"):
    return [
        {speaker: human, text: f"<image>\n{QUESTION} {number}"},
        {speaker: assistant, text: f"{ANSWER} {number}"},
        {speaker: human, text: "And its size?"},
        {speaker: assistant, text: "small"},
    ]


ROWS = {
    "columns": lambda n: {"image": f"images/{n}.png", "question": f"{QUESTION} {n}", "answer": f"{ANSWER} {n}", "x": n},
    "llava": lambda n: {"id": str(n), "image": f"images/{n}.png", "conversations": turns(n)},
    "sharegpt": lambda n: {"conversations": turns(n), "images": [f"images/{n}.png"]},
    "messages": lambda n: {
        "messages": turns(n, "role", "content", "user", "assistant"),
        "images": [f"images/{n}.png"],
    },
    "alpaca": lambda n: {
        "instruction": f"<image>{QUESTION}",
        "input": str(n),
        "output": f"{ANSWER} {n}",
        "images": [f"images/{n}.png"],
    },
    "prompt-completion": lambda n: {
        "images": [f"images/{n}.png"],
        "prompt": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": f"{QUESTION} {n}"}]}],
        "completion": [{"role": "assistant", "content": [{"type": "text", "text": f"{ANSWER} {n}"}]}],
    },
}


def write(folder, kind, rows):
    """Write `rows` as a container of `kind` in `folder`; returns its path."""
    if kind in ("csv", "tsv"):
        path = folder / f"data.{kind}"
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if kind == "tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "jsonl":
        path = folder / "data.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    elif kind == "json":
        path = folder / "data.json"
        path.write_text(json.dumps(rows, indent=1))
    elif kind == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as parquet

        path = folder / "data.parquet"
        parquet.write_table(pa.Table.from_pylist(rows), path)
    return path
