"""Layouts of a record: where its responses stand, with what they answer and the images before them.

Sources: LLaVA's ``docs/Finetune_Custom_Data.md``; LLaMA-Factory's ``data/README.md``; TRL's "Dataset formats and
types".
"""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import DataError
from .containers import Row

IMAGE_NAMES = ("image", "images", "image_path", "image_file", "img", "file_name", "filename", "picture")
ASSISTANTS = frozenset(("gpt", "assistant", "model", "chatgpt", "bot"))
HUMANS = frozenset(("human", "user"))

_TAG = re.compile(r"\s*<image>\s*")


@dataclass(frozen=True)
class Slot:
    """A response of a row that may be rewritten.

    Attributes:
        path: keys and indices from the row to the response's text.
        instruction: what it answers, without image tags.
        response: its text.
        images: the images that stand before it in the row, as the row has them: paths, or mappings with ``bytes``.
        turn: its number among the row's responses, from 0.
    """

    path: tuple[str | int, ...]
    instruction: str
    response: str
    images: tuple[Any, ...]
    turn: int = 0


def put(row: Row, texts: Mapping[tuple[str | int, ...], str]) -> Row:
    """A copy of `row` with other texts at some paths."""
    changed = copy.deepcopy(row)
    for path, text in texts.items():
        place: Any = changed
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = text
    return changed


def first_of(row: Row, names: Sequence[str]) -> str | None:
    """The first of `names` that is a column of the row."""
    return next((name for name in names if name in row), None)


ALPACA = {"instruction": "instruction", "input": "input", "output": "output", "images": "images"}


def alpaca_slots(row: Row, *, names: Mapping[str, str]) -> list[Slot]:
    """The one response of a row with instruction, input and output."""
    parts = [text_of(row, names["instruction"])]
    if row.get(names["input"]):
        parts.append(text_of(row, names["input"]))
    column = names["images"] if names["images"] in row else first_of(row, IMAGE_NAMES)
    images = images_of(row.get(column)) if column else ()
    return [Slot((names["output"],), untagged("\n".join(parts)), text_of(row, names["output"]), images)]


def completion_slots(row: Row) -> list[Slot]:
    """The one response of a row with prompt and completion, as text or as messages."""
    column = first_of(row, IMAGE_NAMES)
    images = images_of(row.get(column)) if column else ()
    prompt, completion = row["prompt"], row["completion"]
    if isinstance(prompt, str) and isinstance(completion, str):
        return [Slot(("completion",), untagged(prompt), completion, images)]
    if isinstance(prompt, list) and isinstance(completion, list) and prompt and completion:
        asked, _ = _content(prompt[-1], "content")
        path = ("completion", 0, *_text_path(completion[0], "content"))
        return [Slot(path, asked, _content(completion[0], "content")[0], images)]
    raise DataError("prompt and completion are neither both text nor both messages")


def chat_slots(
    row: Row,
    *,
    key: str,
    images: str | None,
    speaker: str | None = None,
    content: str | None = None,
    assistants: frozenset[str] = ASSISTANTS,
    humans: frozenset[str] = HUMANS,
) -> list[Slot]:
    """Every response of a row of turns; a response sees the images of the turns before it."""
    turns = row.get(key)
    if not isinstance(turns, list):
        raise DataError(f"{key} is no list of turns")
    files = images_of(row.get(images)) if images else ()
    slots: list[Slot] = []
    asked, shown, tagged = "", 0, 0
    for number, turn in enumerate(turns):
        if not isinstance(turn, Mapping):
            raise DataError(f"turn {number + 1} is no object")
        who = turn.get(speaker or ("from" if "from" in turn else "role"))
        where = content or ("value" if "value" in turn else "content")
        if where not in turn:
            raise DataError(f"turn {number + 1} has no text")
        text, tags = _content(turn, where)
        if who in assistants:
            if not asked:
                raise DataError(f"turn {number + 1} answers nothing")
            slots.append(Slot((key, number, *_text_path(turn, where)), asked, text, files[:shown], len(slots)))
            asked = ""
        elif who in humans:
            asked, shown, tagged = text, shown + tags, tagged + tags
    if tagged and tagged != len(files):
        raise DataError(f"the turns speak of {tagged} images, but the row has {len(files)}")
    if not tagged and files:
        slots = [Slot(slot.path, slot.instruction, slot.response, files, slot.turn) for slot in slots]
    if not slots:
        raise DataError("no turn is a response", remedy="Check who speaks: human and gpt, or user and assistant.")
    return slots


def _content(turn: Mapping[str, Any], where: str) -> tuple[str, int]:
    """A turn's text without image tags, and how many images it brings."""
    value = turn[where]
    if isinstance(value, str):
        return untagged(value), value.count("<image>")
    if isinstance(value, list) and all(isinstance(part, Mapping) for part in value):
        texts = [str(part.get("text") or "") for part in value if part.get("type") == "text"]
        return untagged(" ".join(texts)), sum(part.get("type") == "image" for part in value)
    raise DataError(f"{where} is neither text nor a list of parts")


def _text_path(turn: Mapping[str, Any], where: str) -> tuple[str | int, ...]:
    value = turn[where]
    if isinstance(value, str):
        return (where,)
    number = next((number for number, part in enumerate(value) if part.get("type") == "text"), None)
    if number is None:
        raise DataError("a response without text")
    return (where, number, "text")


def text_of(row: Row, column: str) -> str:
    """A column's text; a number is its digits. `DataError` if it is neither."""
    value = row.get(column)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        kind = "missing" if value is None else type(value).__name__
        raise DataError(f"{column} is no text but {kind}")
    return str(value)


def untagged(text: str) -> str:
    """`text` without image tags."""
    return _TAG.sub("\n", text).strip()


def images_of(value: Any) -> tuple[Any, ...]:
    """An image column's value as images: one or a list, paths or mappings with bytes."""
    if value is None or value == "":
        return ()
    if isinstance(value, (list, tuple)):
        return tuple(image for image in value if image is not None)
    return (value,)
