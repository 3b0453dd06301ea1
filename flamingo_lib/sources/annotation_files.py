"""Opening annotation files: through gzip where their bytes say so, and told from what stands in their place."""

from __future__ import annotations

import gzip
import zlib
from os import PathLike
from pathlib import Path
from typing import IO, cast

from ..errors import DataError
from ..file_kinds import describe_content

GZIP = b"\x1f\x8b"
"""How a gzip file begins."""


def open_bytes(path: str | PathLike) -> IO[bytes]:
    """Open for reading, through gzip if the first bytes say so, whatever the name.

    Raises:
        DataError: the file is missing, empty, a Git LFS pointer, or named ``.gz`` and neither packed nor JSON.
    """
    path = Path(path)
    try:
        with open(path, "rb") as file:
            head = file.read(64)
        if not head:
            raise DataError("the file is empty (zero bytes)", file=path, remedy="Download it again.")
        if head.startswith(b"version https://git-lfs"):
            raise DataError(f"the file is {describe_content(head)}", file=path)
        if path.suffix == ".gz" and not head.startswith(GZIP) and head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] not in b"[{":
            reason = "the compressed file is cut off or broken: it does not begin as one"
            raise DataError(reason, file=path, remedy="Download it again.")
        return cast(IO[bytes], gzip.open(path, "rb")) if head.startswith(GZIP) else open(path, "rb")
    except FileNotFoundError:
        raise DataError("the file is missing", file=path) from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}", file=path) from error


def content_of(path: str | PathLike) -> str:
    """What a file is by its first bytes, such as "an HTML page"; "" if nothing is known (`describe_content`)."""
    try:
        with open_bytes(path) as file:
            return describe_content(file.read(1024))
    except (EOFError, OSError, zlib.error):
        return ""
