"""Training data of one's own: chats as JSON lines or a JSON list, and PF-1M as `flamingo build-pf1m` wrote it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..pf1m.images import record_files
from ..pf1m.record import parse_record
from ..records import Conversation, Turn
from ..sources.image_files import Roots
from ..sources.images import resolve
from ..sources.json_lines import read_json_lines
from ..sources.json_stream import open_bytes
from ..storage import read_json
from ..text import is_blank
from .examples import pf1m_example

RECORDS, PLACES = "pf1m.json", "sources.json"
"""What `flamingo build-pf1m` writes: the records, and where the datasets lie that they were made from."""

TURN_FIELDS = {"instruction": str, "response": str, "draft": str, "images": int}

REMEDY = (
    'Give chats: one {"id": ..., "turns": [{"instruction": ..., "response": ..., "images": 1}], "images": ["a.png"]} '
    "a line, or all of them in one JSON list; or PF-1M's records."
)


def read_examples(path: str | os.PathLike, root: str | os.PathLike | None = None) -> Iterator[Conversation]:
    """Conversations of a file: chats as JSON lines or as one JSON list, or PF-1M records; their images inside `root`.

    A chat is ``{"id", "turns": [{"instruction", "response", "images", "draft"}], "images": [...]}``; `images` of a turn
    says how many of the chat's images stand in it (0 if left out). A record of PF-1M has ``input`` and ``output``.

    Args:
        path: the file, or a folder with a ``pf1m.json``.
        root: the folder that image paths are relative to. By default that of the file; of what `flamingo build-pf1m`
            wrote, the datasets' folders.

    Raises:
        DataError: what is neither, a field of a wrong type, or an image outside `root`; file and line (of a list: the
            record's number) are named.
    """
    file = Path(path)
    if file.is_dir():
        file /= RECORDS
        if not file.is_file():
            raise DataError(f"the folder holds no {RECORDS}", file=path, remedy="Give a file of chats. " + REMEDY)
    roots = _roots(file) if root is None else root
    name = ""
    for name, values in _numbered(file):
        where: dict[str, Any] = {"file": file, "record": name}
        if not isinstance(values, Mapping):
            raise DataError(f"not a chat but {_kind(values)}", **where, remedy=REMEDY)
        if "turns" not in values and "output" in values:
            yield _of_record(values, file, name, roots)
        elif isinstance(roots, Mapping):
            raise DataError("not a record of PF-1M", **where, remedy="Give --images for chats.")
        else:
            yield _of_chat(values, Path(roots), partial(DataError, **where, remedy=REMEDY), name)
    if not name:
        raise DataError("the file holds no chat", file=file, remedy=REMEDY)


def _roots(file: Path) -> Roots:
    """Where the images of `file` lie if nobody says it: the datasets' own folders, or beside it."""
    locations = read_json(file.parent / PLACES) if (file.parent / PLACES).is_file() else None
    known = locations.get("roots") if isinstance(locations, dict) else None
    return known if isinstance(known, dict) and file.name == RECORDS else file.parent


def _numbered(file: Path) -> Iterator[tuple[str, Any]]:
    """The JSON values of a file of lines, or of one list, each with its location in words."""
    with open_bytes(file) as stream:
        is_list = stream.read(256).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")
    for _, key, values in read_json_lines(file):
        yield f"record {int(key) + 1}" if is_list else f"line {key}", values


def _of_record(values: Mapping[str, Any], file: Path, name: str, roots: Roots) -> Conversation:
    record = parse_record(values, file=file, position=name)
    for text in (record.input, record.output):
        _check_text(text, lambda what: DataError(what, file=file, record=name))
    try:
        return pf1m_example(record, record_files(record, file.parent, roots), name)
    except DataError as error:
        raise DataError(f"{error.what}: {error.file or ''}", file=file, record=name, remedy=error.remedy) from error


def _of_chat(values: Mapping[str, Any], root: Path, wrong: Callable[[str], DataError], name: str) -> Conversation:
    turns, images = values.get("turns"), values.get("images")
    if not isinstance(turns, list) or not turns:
        raise wrong("not a chat: turns is " + ("an empty list" if turns == [] else f"{_kind(turns)}, not a list"))
    identity = values.get("id")
    if identity is not None and (isinstance(identity, bool) or not isinstance(identity, (str, int))):
        raise wrong(f"not a chat: id is {_kind(identity)}, not text or a whole number")
    images = [] if images is None else images
    if not isinstance(images, list) or not all(isinstance(image, str) and image for image in images):
        raise wrong("not a chat: images is not a list of paths")
    try:
        files = tuple(str(resolve(root, image)) for image in images)
    except DataError as error:
        raise wrong(f"an image outside the images' folder: {error.what}: {error.file or ''}") from error
    made = tuple(_turn(turn, number, wrong) for number, turn in enumerate(turns, start=1))
    try:
        return Conversation(str(name.split()[-1] if identity is None else identity), made, files)
    except DataError as error:
        raise wrong(error.what) from error


def _turn(values: Any, number: int, wrong: Callable[[str], DataError]) -> Turn:
    if not isinstance(values, Mapping):
        raise wrong(f"not a chat: turn {number} is {_kind(values)}, not an object")
    for field, value in values.items():
        kind = TURN_FIELDS.get(field)
        if kind is None:
            raise wrong(f"not a chat: turn {number} has an unknown field {field!r}")
        if value is None and field != "instruction":
            continue
        if not isinstance(value, kind) or isinstance(value, bool):
            wanted = "text" if kind is str else "a whole number"
            raise wrong(f"not a chat: {field} of turn {number} is {_kind(value)}, not {wanted}")
        if isinstance(value, str):
            _check_text(value, wrong)
    if "instruction" not in values:
        raise wrong(f"not a chat: turn {number} has no instruction")
    if values.get("response") is None:
        raise wrong(f"a turn without a response: turn {number}")
    if is_blank(values["response"]):
        raise wrong(f"the response of turn {number} is empty or shows nothing")
    if (values.get("images") or 0) < 0:
        raise wrong(f"not a chat: images of turn {number} is negative")
    return Turn(values["instruction"], values["response"], values.get("images") or 0, values.get("draft"))


def _check_text(text: str, wrong: Callable[[str], DataError]) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise wrong("not UTF-8: half of a surrogate pair") from None


def _kind(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "missing"}
    return names.get(type(value), "a number")
