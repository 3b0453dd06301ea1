"""Two systems' answers to the same questions."""

from __future__ import annotations

import json

import pytest
from PIL import Image


@pytest.fixture
def answers(tmp_path):
    """(file of a, file of b): 20 questions; b is polite, a is curt; each with an image."""
    for number in range(20):
        Image.new("RGB", (40, 30), (10 * number, 0, 0)).save(tmp_path / f"{number}.png")
    for name, text in (("a", "red"), ("b", "Sure! The circle is red.")):
        with open(tmp_path / f"{name}.jsonl", "w") as file:
            for number in range(20):
                row = {"id": f"q{number}", "instruction": f"What color is circle {number}?", "response": text}
                row |= {"images": [f"{number}.png"], "references": ["red"]}
                file.write(json.dumps(row) + "\n")
    return tmp_path / "a.jsonl", tmp_path / "b.jsonl"
