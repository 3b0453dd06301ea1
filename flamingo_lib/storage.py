"""Files: atomic writes, JSON lines, fingerprints, and the quarantine for records that cannot be used."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .errors import DataError, FlamingoError


@contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "w") -> Iterator[IO]:
    """Open a temporary file beside `path`; on success it takes `path`'s place in one step, else it is removed."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(
            handle, mode, encoding=None if "b" in mode else "utf-8", newline=None if "b" in mode else "\n"
        ) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise FlamingoError(
            f"could not write: {error.strerror or error}",
            file=path,
            remedy="Free some space or choose another folder; nothing was changed.",
        ) from error
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary folder that becomes `path` when the block ends well; an older `path` is replaced, never mixed with."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        yield temporary
        os.chmod(temporary, 0o755)
        if path.exists():
            old = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".old"))
            os.rename(path, old / "old")
            os.rename(temporary, path)
            shutil.rmtree(old)
        else:
            os.rename(temporary, path)
    except OSError as error:
        raise FlamingoError(
            f"could not write: {error.strerror or error}",
            file=path,
            remedy="Free some space or choose another folder; nothing was changed.",
        ) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(path: str | os.PathLike, value: Any, *, indent: int | None = 2) -> None:
    """Write `value` as JSON, atomically."""
    with atomic_write(path) as file:
        json.dump(value, file, ensure_ascii=False, indent=indent, allow_nan=False)
        file.write("\n")


def read_json(path: str | os.PathLike) -> Any:
    """Read a JSON file; a missing, empty or broken one is a `DataError` that names it."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        raise DataError("the file is missing", file=path) from None
    except UnicodeDecodeError as error:
        raise DataError(f"the file is not UTF-8: {error.reason} at byte {error.start}", file=path) from error
    except json.JSONDecodeError as error:
        raise DataError(
            f"the file is not valid JSON: {error.msg}",
            file=path,
            record=f"line {error.lineno}",
            remedy="Download it again; it may be cut off.",
        ) from error


def write_jsonl(path: str | os.PathLike, values: Iterable[Any]) -> int:
    """Write one JSON value a line, atomically; returns how many."""
    count = 0
    with atomic_write(path) as file:
        for value in values:
            file.write(json.dumps(value, ensure_ascii=False, allow_nan=False) + "\n")
            count += 1
    return count


def read_jsonl(path: str | os.PathLike, quarantine: Quarantine | None = None) -> Iterator[Any]:
    """Yield one JSON value a line, skipping blank lines, without holding the file in memory.

    A broken line goes to `quarantine` if there is one, else it is a `DataError`.
    """
    path = Path(path)
    if not path.exists():
        raise DataError("the file is missing", file=path)
    with open(path, "rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                yield json.loads(line)
            except ValueError as error:  # JSONDecodeError and UnicodeDecodeError
                if quarantine is None:
                    raise DataError(f"not valid JSON: {error}", file=path, record=f"line {number}") from error
                quarantine.add(file=path.name, record=f"line {number}", reason=f"not valid JSON: {error}")


def fingerprint(*values: Any) -> str:
    """A 16-digit hexadecimal hash of JSON-like `values`, independent of the order of keys."""
    text = json.dumps(values, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def fingerprint_files(paths: Iterable[str | os.PathLike]) -> str:
    """A 16-digit hexadecimal hash of the files' names and contents, in sorted order."""
    digest = hashlib.blake2b(digest_size=8)
    for path in sorted(Path(path) for path in paths):
        digest.update(path.name.encode())
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
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a", encoding="utf-8") as out:
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
                remedy=f"See {self.path or 'the quarantine'} for all of them, or raise the allowed share.",
            )
