"""Schemas of rows: where the instruction, the images and the responses stand in a record of somebody's dataset.

Every schema gives the same thing, `Slot`s: a response that may be rewritten, its instruction and images, and where it
stands, so that writing back is one function for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..errors import ConfigError, DataError
from .containers import Container, Row
from .layouts import (
    ALPACA,
    IMAGE_NAMES,
    Slot,
    alpaca_slots,
    chat_slots,
    completion_slots,
    first_of,
    images_of,
    text_of,
    untagged,
)

SCHEMAS = ("columns", "llava", "sharegpt", "messages", "alpaca", "prompt-completion")

INSTRUCTION_NAMES = ("instruction", "question", "query", "prompt", "input")
RESPONSE_NAMES = ("response", "answer", "output", "completion", "caption", "label", "text")
CAPTION_INSTRUCTION = "Describe the image."
"""What a response without an instruction is taken to answer."""


@dataclass(frozen=True)
class Columns:
    """Names of the columns; None means that there is none."""

    response: str
    instruction: str | None = None
    image: str | None = None

    @classmethod
    def parse(cls, text: str) -> Columns:
        """``image=...,instruction=...,response=...`` as `Columns`.

        Raises:
            ConfigError: another name, or no response.
        """
        given: dict[str, str] = {}
        for part in text.split(","):
            name, separator, value = (word.strip() for word in part.partition("="))
            if not separator or not value or name not in ("image", "instruction", "response") or name in given:
                raise ConfigError(
                    f"not columns: {text!r}", remedy="Give --columns image=...,instruction=...,response=..."
                )
            given[name] = value
        if "response" not in given:
            raise ConfigError(f"no response among the columns {text!r}", remedy="Name the column that is rewritten.")
        return cls(**given)


@dataclass(frozen=True)
class Schema:
    """How the rows of a dataset are laid out.

    Attributes:
        name: one of `SCHEMAS`.
        slots: finds the slots of a row; `DataError` without file and record for a row that is not of the schema.
        words: what was found, for people.
    """

    name: str
    slots: Callable[[Row], list[Slot]] = field(repr=False)
    words: str = ""


def find_schema(
    container: Container, columns: Columns | None = None, name: str | None = None, info: Mapping[str, Any] | None = None
) -> Schema:
    """The schema of a container's rows, told by the first one.

    Args:
        container: the rows.
        columns: names of the columns; the rows are then a table, whatever else they hold.
        name: one of `SCHEMAS`, in place of what the first row says.
        info: the dataset's entry in LLaMA-Factory's ``dataset_info.json``.

    Raises:
        DataError: no rows, a column that is not there, or nothing that may be a response; the columns are named.
        ConfigError: an unknown name.
    """
    if name is not None and name not in SCHEMAS:
        raise ConfigError(f"there is no schema {name!r}", remedy=f"Use one of {', '.join(SCHEMAS)}.")
    first = next(container.rows(), None)
    if first is None:
        raise DataError("the dataset holds no rows", file=container.path)
    row = first[1]
    if columns is not None:
        for role, column in vars(columns).items():
            if column is not None and column not in row:
                raise DataError(
                    f"there is no column {column!r} for the {role}",
                    file=container.path,
                    remedy=f"The columns are {', '.join(map(str, row))}.",
                )
        return _table(columns)
    if info is not None:
        return _of_info(info)
    found = name or _guess(row)
    if found in ("llava", "sharegpt", "messages"):
        key = next((key for key in ("conversations", "messages") if isinstance(row.get(key), list)), None)
        if key is None:
            raise DataError(
                "the rows hold neither conversations nor messages",
                file=container.path,
                remedy=f"The columns are {', '.join(map(str, row))}; name them with --columns.",
            )
        return Schema(
            found, partial(chat_slots, key=key, images=first_of(row, IMAGE_NAMES)), f"turns in the column {key}"
        )
    if found == "alpaca":
        return Schema("alpaca", partial(alpaca_slots, names=ALPACA), "instruction, input and output")
    if found == "prompt-completion":
        return Schema("prompt-completion", completion_slots, "prompt and completion")
    response, instruction, image = (first_of(row, names) for names in (RESPONSE_NAMES, INSTRUCTION_NAMES, IMAGE_NAMES))
    if response is None:
        raise DataError(
            "no column may be the response",
            file=container.path,
            remedy=f"The columns are {', '.join(map(str, row))}; name them: --columns image=...,instruction=...,"
            "response=...",
        )
    return _table(Columns(response, instruction if instruction != response else None, image))


def _guess(row: Row) -> str:
    turns = row.get("conversations")
    if isinstance(turns, list) and turns and isinstance(turns[0], Mapping):
        return "llava" if "image" in row and "from" in turns[0] else "sharegpt"
    if isinstance(row.get("messages"), list):
        return "messages"
    if {"instruction", "output"} <= row.keys():
        return "alpaca"
    if {"prompt", "completion"} <= row.keys():
        return "prompt-completion"
    return "columns"


def _table(columns: Columns) -> Schema:
    words = ", ".join(f"{role} in {name}" for role, name in vars(columns).items() if name is not None)

    def slots(row: Row) -> list[Slot]:
        instruction = CAPTION_INSTRUCTION if columns.instruction is None else text_of(row, columns.instruction)
        images = images_of(row.get(columns.image)) if columns.image else ()
        return [Slot((columns.response,), untagged(instruction), text_of(row, columns.response), images)]

    return Schema("columns", slots, words)


def _of_info(info: Mapping[str, Any]) -> Schema:
    """The schema that an entry of ``dataset_info.json`` describes."""
    columns = info.get("columns") or {}
    if info.get("formatting", "alpaca") == "alpaca":
        names = ALPACA | {
            role: columns[given]
            for role, given in (
                ("instruction", "prompt"),
                ("input", "query"),
                ("output", "response"),
                ("images", "images"),
            )
            if given in columns
        }
        return Schema("alpaca", partial(alpaca_slots, names=names), "alpaca columns of dataset_info.json")
    tags = info.get("tags") or {}
    return Schema(
        "sharegpt",
        partial(
            chat_slots,
            key=columns.get("messages", "conversations"),
            images=columns.get("images"),
            speaker=tags.get("role_tag", "from"),
            content=tags.get("content_tag", "value"),
            assistants=frozenset((tags.get("assistant_tag", "gpt"),)),
            humans=frozenset((tags.get("user_tag", "human"),)),
        ),
        "sharegpt columns of dataset_info.json",
    )
