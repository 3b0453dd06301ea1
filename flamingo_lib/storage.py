"""Files: JSON, JSON lines, fingerprints, and the quarantine for records that cannot be used; atomic writes too."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

from .atomic import atomic_folder, atomic_write, is_disk_full, storage_error, storage_errors
from .errors import DataError

__all__ = [
    "Quarantine",
    "atomic_folder",
    "atomic_write",
    "fingerprint",
    "fingerprint_files",
    "first_of",
    "is_disk_full",
    "read_json",
    "read_jsonl",
    "require_images",
    "storage_error",
    "storage_errors",
    "write_json",
    "write_jsonl",
]


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)  # made once: `json.loads` would make one for every line


def _check_text(source: str, value: Any) -> None:
    """Refuse halves of surrogate pairs: they can be read but never be written as UTF-8."""
    if "\\ud" in source or "\\uD" in source:
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise ValueError("half of a surrogate pair") from None


def _open_bytes(path: str | os.PathLike) -> IO[bytes]:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise DataError("the file is missing", file=path) from None
    except IsADirectoryError:
        raise DataError("this is a folder, not a file", file=path, remedy="Give the file in it.") from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror or error}", file=path) from error


def first_of(names: Sequence[str | os.PathLike], shown: int = 5) -> str:
    """The first names in words, and how many follow: ``"a, b and 7 more"``."""
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(map(str, names[:shown])) + more


def require_images(
    images: Iterable[tuple[str | os.PathLike, str]],
    *,
    remedy: str = "Put the images into their folder, or leave the records out.",
) -> None:
    """Look for every image file before work begins, so that one run names all that is missing.

    Args:
        images: each file with the id of the record that shows it.
        remedy: what to do where some are missing.

    Raises:
        DataError: images are missing; all are counted, the first named with their records.
    """
    there: set[str] = set()
    missing: dict[str, str] = {}
    for file, record in images:
        path = os.fspath(file)
        if path in there or path in missing:
            continue
        if os.path.isfile(path):
            there.add(path)
        else:
            missing[path] = record
    if missing:
        what = "an image is missing" if len(missing) == 1 else f"{len(missing):,} images are missing"
        named = first_of([f"{file} (record {record})" for file, record in missing.items()])
        raise DataError(f"{what}: {named}", remedy=remedy)


def write_json(path: str | os.PathLike, value: Any, *, indent: int | None = 2) -> None:
    """Write `value` as JSON, atomically.

    Raises:
        DataError: NaN, an infinity, or half of a surrogate pair, which JSON cannot hold.
        StorageError: the file cannot be written.
    """
    with atomic_write(path) as file:
        try:
            json.dump(value, file, ensure_ascii=False, indent=indent, allow_nan=False)
        except ValueError as error:
            raise DataError(f"cannot be written as JSON: {error}", file=path) from error
        file.write("\n")


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file (UTF-8, with or without a byte order mark).

    Raises:
        DataError: the file is missing, a folder, empty, not UTF-8, or not JSON (NaN and infinities are not); it is
            named.
    """
    with _open_bytes(path) as file:
        content = file.read()
    try:
        text = content.decode("utf-8-sig")
        value = _DECODER.decode(text)
        _check_text(text, value)
    except UnicodeDecodeError as error:
        raise DataError(f"the file is not UTF-8: {error.reason} at byte {error.start}", file=path) from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"the file is not valid JSON: {error.msg}",
            file=path,
            record=f"line {error.lineno}",
            remedy="Download it again; it may be cut off.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"the file is not valid JSON: {error}", file=path) from error
    return value


def write_jsonl(path: str | os.PathLike, values: Iterable[Any]) -> int:
    """Write one JSON value a line, atomically; returns how many.

    Raises:
        DataError: a value that JSON cannot hold (see `write_json`); its line is named.
        StorageError: the file cannot be written.
    """
    count = 0
    with atomic_write(path) as file:
        for value in values:
            count += 1
            try:
                file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
            except ValueError as error:
                raise DataError(f"cannot be written as JSON: {error}", file=path, record=f"line {count}") from error
    return count


def read_jsonl(path: str | os.PathLike, quarantine: Quarantine | None = None) -> Iterator[Any]:
    """Yield one JSON value a line, skipping blank lines, without holding the file in memory.

    A broken line (not UTF-8, not JSON, NaN, half of a surrogate pair) goes to `quarantine` if there is one.

    Raises:
        DataError: the file is missing or a folder, or a line is broken and there is no `quarantine`.
    """
    path = Path(path)
    with _open_bytes(path) as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                if not text.strip():
                    continue
                value = _DECODER.decode(text)
                _check_text(text, value)
            except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
                if quarantine is None:
                    whole = number == 1 and line.lstrip(b"\xef\xbb\xbf \t").startswith((b"[", b"{"))
                    raise DataError(
                        f"not valid JSON: {error}",
                        file=path,
                        record=f"line {number}",
                        remedy="This file is read line by line, one JSON value a line." if whole else None,
                    ) from error
                quarantine.add(file=path.name, record=f"line {number}", reason=f"not valid JSON: {error}")
                continue
            yield value


def fingerprint(*values: Any) -> str:
    """A 16-digit hexadecimal hash of JSON-like `values`, independent of the order of keys."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def fingerprint_files(paths: Iterable[str | os.PathLike]) -> str:
    """A 16-digit hexadecimal hash of the files' names and contents, in sorted order."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(path) for path in paths):
        digest.update(path.name.encode("utf-8", "surrogateescape"))
        with open(path, "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()


class Quarantine:
    """Where records go that cannot be used: one line each in `quarantine.jsonl` with file, record and reason.

    Args:
        path: the file to write to; None only counts.
        max_share: the share of bad records (0 to 1) over which `check` stops the run.
    """

    def __init__(self, path: str | os.PathLike | None = None, *, max_share: float = 0.1) -> None:
        self.path = None if path is None else Path(path)
        self.max_share = max_share
        self.entries: list[dict[str, str]] = []

    def add(self, *, file: str, record: str | int, reason: str) -> None:
        """Put one record aside."""
        entry = {"file": str(file), "record": str(record), "reason": reason}
        self.entries.append(entry)
        if self.path is not None:
            # what is no text, as in names of files that are not UTF-8, is written as JSON's own escapes
            with storage_errors(self.path):
                self.path.parent.mkdir(parents=True, exist_ok=True)
                with open(self.path, "a", encoding="utf-8", errors="backslashreplace") as out:
                    out.write(json.dumps(entry, ensure_ascii=False) + "\n")

    def __len__(self) -> int:
        return len(self.entries)

    def counts(self) -> Counter[str]:
        """How many records were put aside for each reason (the part before any colon)."""
        return Counter(entry["reason"].split(":")[0] for entry in self.entries)

    def check(self, total: int) -> None:
        """Stop the run if more than `max_share` of `total` records were bad."""
        if total and len(self) > self.max_share * total:
            first = self.entries[0]
            raise DataError(
                (
                    f"{len(self)} of {total} records cannot be used, more than the allowed {self.max_share:.0%}; the "
                    f"first: {first['reason']}"
                ),
                file=first["file"],
                record=first["record"],
                remedy=f"See {self.path or 'the quarantine'} for all of them; mend or take out these records.",
            )
