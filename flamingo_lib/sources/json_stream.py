"""Reading annotation files piece by piece: JSON of any size.

`json.load` holds a whole file as objects, several times its size. Here each record is parsed by the same C scanner,
handed on, and forgotten, so that memory holds one record and a buffer. A cut-off file still gives every whole record
before the cut.
"""

from __future__ import annotations

import codecs
import gc
import json
import re
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from ..errors import DataError
from .annotation_files import content_of, open_bytes

CHUNK = 1 << 18
"""Bytes read at a time: few enough that the records of a block stay in the processor's cache."""

MAX_RECORD = 256 << 20
"""Characters over which a single record is refused."""

Report = Callable[[str, str], None]
"""Called with (record, reason) for each record that cannot be read."""

_scan = cast(Any, json.JSONDecoder(strict=False)).scan_once
_skip = re.compile(r"[ \t\n\r,]*").match
_blank = re.compile(r"[ \t\n\r]*").match
_joint = re.compile(r'[ \t\n\r]*,[ \t\n\r]*(\{)[ \t\n\r]*"[^"\\]*"').match
_undecoded = re.compile("[\udc80-\udcff]").search

MAX_GUESSES = 3
"""Wrong guesses of where a block of records ends before they are parsed one by one."""


@contextmanager
def collector_paused() -> Iterator[None]:
    """Spare Python's cycle collector the work of looking through millions of plain records while they are built."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


class _CutOff(Exception):
    """The text ended, or broke, inside a value, or went on after the last."""


def _list_of(kind: type) -> Any:
    return list[kind]  # type: ignore[valid-type]  # a type that is known at run time


class _Stream:
    """A buffer of decoded text over a file, and a position in it."""

    def __init__(self, file: IO[bytes], path: Path, kinds: Mapping[str, type]) -> None:
        self.file, self.path = file, path
        self.text, self.at, self.ended = "", 0, False
        self.damaged = False  # some bytes were not UTF-8; they stand in the text as lone surrogates
        self.fills = 0
        self._rest = b""
        self._plain = msgspec.json.Decoder(list)
        self._typed = {section: msgspec.json.Decoder(_list_of(kind)) for section, kind in kinds.items()}
        self.fill()
        self.text = self.text.removeprefix("\ufeff")

    def fill(self) -> bool:
        """Refill the buffer; False at the end of the file. The chunk doubles while one record does not fit."""
        size = max(CHUNK, len(self.text) - self.at)
        try:
            block = self.file.read(size)
        except (EOFError, OSError, zlib.error) as error:
            raise DataError(f"the compressed file is cut off or broken: {error}", file=self.path) from error
        self.ended = not block
        data = self._rest + block
        try:
            text, used = codecs.utf_8_decode(data, "strict", self.ended)
        except UnicodeDecodeError:
            self.damaged = True
            text, used = codecs.utf_8_decode(data, "surrogateescape", self.ended)
        self._rest = data[used:]
        self.text = self.text[self.at :] + text
        self.at = 0
        self.fills += 1
        return not self.ended

    def peek(self, skip: Callable[[str, int], Any] = _blank) -> str:
        """The next character that is not blank; "" at the end."""
        while True:
            self.at = skip(self.text, self.at).end()
            if self.at < len(self.text):
                return self.text[self.at]
            if not self.fill():
                return ""

    def value(self) -> Any:
        """The value that begins here; `_CutOff` with a reason if there is no whole one."""
        while True:
            try:
                value, end = _scan(self.text, self.at)
            except StopIteration as stop:
                place, message, open_string = stop.value, "a value is missing", False
            except json.JSONDecodeError as error:
                place, message, open_string = error.pos, error.msg, error.msg.startswith("Unterminated")
            except RecursionError:
                raise _CutOff("nested too deeply") from None
            else:
                room = 2 if isinstance(value, (int, float)) else 0  # "1" may be the beginning of "1e+9"
                if end + room < len(self.text) or self.ended:
                    self.at = end
                    return value
                place, message, open_string = end, "the file ends", False
            if not open_string and place < len(self.text) - 16:
                raise _CutOff(f"not valid JSON: {message}")
            if len(self.text) - self.at > MAX_RECORD:
                raise _CutOff(f"a record is larger than {MAX_RECORD >> 20} million characters")
            if self.ended:
                raise _CutOff("the file is cut off in the middle of a record")
            self.fill()

    def name(self) -> str:
        """The key that begins here, and on to its value."""
        key, colon = self.value(), self.peek()
        if not colon:
            raise _CutOff("the file is cut off in the middle of a record")
        if not isinstance(key, str) or colon != ":":
            raise _CutOff("not valid JSON: a key and a colon were expected")
        self.at += 1
        self.peek()
        return key

    def items(self, section: str = "") -> Iterator[tuple[int | str, list[Any], bool]]:
        """Blocks of the array or object that begins here: (first position or key, values, undamaged).

        An array gives several values at a time.
        """
        closing = "]" if self.text[self.at] == "[" else "}"
        self.at += 1
        position = guesses = 0
        while True:
            mark = self.peek(_skip)
            if mark == closing:
                self.at += 1
                return
            if not mark:
                raise _CutOff("the file is cut off after this many records")
            key: int | str = position
            if closing == "}":
                key = self.name()
            while mark == "{" and self.text.find("}", self.at) < 0 and self.fill():
                pass  # no object ends in the buffer: reading on is cheaper than trying
            start, fills = self.at, self.fills
            value = self.value()
            if self.damaged:  # a refill drops what was read, so the value then begins at 0
                start = start if fills == self.fills else 0
                yield key, [value], _undecoded(self.text, start, self.at) is None
            else:
                yield key, [value], True
            position += 1
            if closing == "]" and mark == "{" and guesses < MAX_GUESSES and not self.damaged:
                values = self.block(section)
                guesses += values is None
                if values:
                    yield position, values, True
                    position += len(values)

    def block(self, section: str) -> list[Any] | None:
        """The objects that follow in the buffer, parsed in one go; empty if only one, None if a guess was wrong.

        The text between the object just read and the next, with that one's first key, tells how objects are joined; the
        last such joint in the buffer is taken for the end of a whole object. If it isn't (a nested object looks the
        same), what stands before it is no list and does not parse, so a wrong guess is never believed.
        """
        joint = _joint(self.text, self.at)
        if joint is None:
            return []  # the next record has not been read yet
        end = self.text.rfind(self.text[self.at - 1 : joint.end()], self.at)
        if end <= self.at:
            return []
        text = f"[{self.text[joint.start(1) : end + 1]}]"
        try:
            values = self._typed.get(section, self._plain).decode(text)
        except msgspec.ValidationError:  # one of them is of another kind
            try:
                values = self._plain.decode(text)
            except ValueError:
                return None
        except ValueError:
            return None
        self.at = end + 1
        return values


def read_blocks(
    path: str | PathLike, sections: Collection[str] | Mapping[str, type] | None = None, report: Report | None = None
) -> Iterator[tuple[str, int | str, list[Any]]]:
    """Yield ``(section, key of the first, records)`` of a JSON file, a buffer's worth of records in memory at a time.

    Args:
        path: a ``.json`` or ``.json.gz`` file.
        sections: names of top-level arrays or objects whose items are wanted, e.g. ``{"images", "annotations"}``; all
            else is skipped. A mapping also gives the `msgspec.Struct` that most records of a section become; any may
            still come as a plain mapping. None: the items of the top level itself. A file that is one plain list gives
            its items under section ``""``.
        report: called for each record that cannot be read (cut off, not UTF-8); without it such a record is a
            `DataError`.

    Yields:
        section: the name of the array it stands in, ``""`` at top level.
        key: the position in an array, the key in an object.
    """
    path = Path(path)

    def bad(record: str, reason: str) -> None:
        if report is None:
            raise DataError(reason, file=path, record=record, remedy="Download it again; it may be cut off.")
        report(record, reason)

    with open_bytes(path) as file:
        stream = _Stream(file, path, sections if isinstance(sections, Mapping) else {})
        first = stream.peek()
        if first not in ("[", "{") or not first:
            found = content_of(path)
            raise DataError(
                f"the file is not a JSON list or object{f' but {found}' if found else ''}",
                file=path,
                remedy="Get the annotation file itself.",
            )
        where, last = "", "the beginning"
        try:
            if first == "[" or sections is None:
                for key, values, whole in stream.items():
                    last = str(key) if isinstance(key, str) else str(key + len(values) - 1)
                    if whole:
                        yield "", key, values
                    else:
                        bad(last, "not UTF-8")
                if stream.peek():
                    raise _CutOff("there is more text after the end of the JSON")
                return
            stream.at += 1
            while (mark := stream.peek(_skip)) != "}":
                if not mark:
                    raise _CutOff("the file is cut off between records")
                where = stream.name()
                if stream.peek() in ("[", "{"):
                    wanted = where in sections
                    for key, values, whole in stream.items(where if wanted else ""):
                        last = f"{where} {key if isinstance(key, str) else key + len(values) - 1}"
                        if wanted and whole:
                            yield where, key, values
                        elif wanted:
                            bad(last, "not UTF-8")
                else:
                    stream.value()
            stream.at += 1
            if stream.peek():
                raise _CutOff("there is more text after the end of the JSON")
        except _CutOff as error:
            bad(f"after {last}", str(error))


def read_items(
    path: str | PathLike, sections: Collection[str] | None = None, report: Report | None = None
) -> Iterator[tuple[str, int | str, Any]]:
    """As `read_blocks`, one ``(section, key, record)`` at a time."""
    for section, key, values in read_blocks(path, sections, report):
        if isinstance(key, str):
            yield section, key, values[0]
        else:
            for place, value in enumerate(values, start=key):
                yield section, place, value
