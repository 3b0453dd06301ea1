"""Annotation files in the form they have: a JSON list, one JSON object or JSON lines; and lines of plain text.

The form is told by a file's content, whatever its name says.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Collection, Iterator
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from ..errors import DataError
from .json_stream import CHUNK, Report, content_of, open_bytes, read_items

LONGEST_LINE = 16 << 20
"""Bytes searched for the end of the first line."""

Form = Literal["list", "object", "lines", "line", ""]


def read_lines(path: str | PathLike, report: Report | None = None) -> Iterator[tuple[int, str]]:
    """Yield ``(line number, text)`` of a UTF-8 text file without line ends, skipping blank lines."""
    path, number = Path(path), 0
    if (found := content_of(path)).startswith(("an HTML page", "a ZIP", "a PDF", "UTF-16")):
        raise DataError(f"the file is not lines of text but {found}", file=path, remedy="Get the file itself.")
    with open_bytes(path) as file:
        try:
            for number, line in enumerate(file, start=1):
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                except UnicodeDecodeError:
                    if report is None:
                        raise DataError("not UTF-8", file=path, record=f"line {number}") from None
                    report(f"line {number}", "not UTF-8")
                    continue
                if text.strip():
                    yield number, text
        except (EOFError, OSError, zlib.error) as error:
            reason = f"the compressed file is cut off or broken: {error}"
            if report is None or not number:
                raise DataError(reason, file=path, remedy="Download it again.") from error
            report(f"after line {number}", reason)


def json_form(path: str | PathLike) -> Form:
    """A JSON file's form: "list", "lines" of objects, one "line" that is an object, or "object"; "" if none of these.

    An "object" stands over several lines, or over one that is very long.
    """
    with open_bytes(path) as file:
        try:
            head = file.read(CHUNK).lstrip(b"\xef\xbb\xbf \t\r\n")
            if head[:1] != b"{":
                return "list" if head[:1] == b"[" else ""
            while b"\n" not in head and len(head) < LONGEST_LINE and (more := file.read(CHUNK)):
                head += more
            line, _, rest = head.partition(b"\n")
            while not rest.strip() and (more := file.read(CHUNK)):
                rest += more
        except (EOFError, OSError, zlib.error):
            return "object"  # what can be read of it is read all the same
    if not line.rstrip().endswith(b"}"):
        return "object"
    try:
        json.loads(line, strict=False)
    except (ValueError, RecursionError):
        whole = False
    else:
        whole = True
    if rest.lstrip()[:1] == b"{":
        return "lines"
    return "line" if whole and not rest.strip() else "object"


def refuse_other_form(path: str | PathLike, sections: Collection[str]) -> None:
    """`DataError` if a file that is to be one object with several `sections` is JSON lines or a list."""
    form = json_form(path)
    if len(sections) > 1 and form in ("lines", "list"):
        held = "JSON lines, one value a line" if form == "lines" else "a JSON list"
        raise DataError(
            f"the file is {held}, not one JSON object with {', '.join(sorted(sections))}",
            file=path,
            remedy="Get the file as its makers published it.",
        )


def read_records(
    path: str | PathLike,
    sections: Collection[str] | None = None,
    report: Report | None = None,
    *,
    keyed: bool = False,
) -> Iterator[tuple[str, int | str, Any]]:
    """As `read_items`; a file of JSON lines, whatever its name, is read as the list of its values.

    Args:
        keyed: the file is to be one object of records by their keys.

    Raises:
        DataError: JSON lines or a list in place of an object with several sections or keys; an object that is neither
            such nor one record.
    """
    path = Path(path)
    if sections:
        refuse_other_form(path, sections)
    form = json_form(path)
    if keyed and form in ("lines", "list"):
        held = "JSON lines, one value a line" if form == "lines" else "a JSON list"
        raise DataError(
            f"the file is {held}, not one JSON object of records by their keys",
            file=path,
            remedy="Get the file as its makers published it.",
        )
    if form == "lines":
        section = next(iter(sections), "") if sections else ""
        for index, (_, _, value) in enumerate(read_json_lines(path, report)):
            yield section, index, value
        return
    for number, (section, key, value) in enumerate(read_items(path, sections, report)):
        if number == 0 and isinstance(key, str) and not (keyed or sections or isinstance(value, dict)):
            if form == "line":  # JSON lines of a single record
                yield from (("", 0, record) for _, _, record in read_json_lines(path, report))
                return
            raise DataError(
                f"the file is one JSON object, beginning with {key!r}, and not a list of records",
                file=path,
                remedy="Give a JSON list, or JSON lines.",
            )
        yield section, key, value


def read_json_lines(path: str | PathLike, report: Report | None = None) -> Iterator[tuple[str, int | str, Any]]:
    """As `read_items`, of a file with one JSON value a line, keyed by line number.

    A file that is one JSON list, whatever its name, is read as that.
    """
    path = Path(path)
    with open_bytes(path) as file:
        try:
            head = file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")
        except (EOFError, OSError, zlib.error):
            head = b""  # what can be read of it follows below
    if head.startswith(b"["):
        yield from read_items(path, None, report)
        return
    if head.partition(b"\n")[0].rstrip() == b"{":
        raise DataError(
            "the file is one JSON object over several lines, neither a list nor JSON lines",
            file=path,
            remedy="Give a JSON list, or JSON lines: one value a line.",
        )
    for number, text in read_lines(path, report):
        try:
            yield "", number, json.loads(text, strict=False)
        except (ValueError, RecursionError) as error:
            what = error.msg if isinstance(error, json.JSONDecodeError) else "a whole number of thousands of digits"
            reason = "nested too deeply" if isinstance(error, RecursionError) else f"not valid JSON: {what}"
            if report is None:
                raise DataError(reason, file=path, record=f"line {number}") from error
            report(f"line {number}", reason)
