"""Text files read line by line: plain lines, and JSON with one value a line."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import DataError
from .json_stream import Report, open_bytes, read_items


def read_lines(path: str | PathLike, report: Report | None = None) -> Iterator[tuple[int, str]]:
    """Yield ``(line number, text)`` of a UTF-8 text file without line ends, skipping blank lines."""
    path, number = Path(path), 0
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
        except (EOFError, OSError, gzip.zlib.error) as error:
            reason = f"the compressed file is cut off or broken: {error}"
            if report is None or not number:
                raise DataError(reason, file=path, remedy="Download it again.") from error
            report(f"after line {number}", reason)


def read_json_lines(path: str | PathLike, report: Report | None = None) -> Iterator[tuple[str, int | str, Any]]:
    """As `read_items`, of a file with one JSON value a line; a file that is one JSON list is read as that."""
    path = Path(path)
    with open_bytes(path) as file:
        try:
            head = file.read(256).lstrip(b"\xef\xbb\xbf \t\r\n")
        except (EOFError, OSError, gzip.zlib.error):
            head = b""  # what can be read of it follows below
    if head.startswith(b"["):
        yield from read_items(path, None, report)
        return
    for number, text in read_lines(path, report):
        try:
            yield "", number, json.loads(text, strict=False)
        except (ValueError, RecursionError) as error:
            if report is None:
                raise DataError(f"not valid JSON: {error}", file=path, record=f"line {number}") from error
            report(f"line {number}", f"not valid JSON: {error}")
