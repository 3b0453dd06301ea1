"""Files: atomic writes, JSON lines, fingerprints, and the quarantine for records that cannot be used."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import secrets
import shutil
import stat
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NoReturn

from .errors import DataError, FlamingoError, StorageError

_FREE_SPACE = "Free some space or choose another folder"
_REMEDIES = {
    errno.ENOSPC: _FREE_SPACE,
    errno.EDQUOT: _FREE_SPACE,
    errno.EFBIG: "Choose a file system, or a limit, that allows larger files",
    errno.EIO: "Check the disk",
    errno.EROFS: "Choose a folder on a file system that is not read-only",
    errno.EACCES: "Check the permissions, or choose another folder",
    errno.EPERM: "Check the permissions, or choose another folder",
    errno.ENOENT: "Check the path",
    errno.EISDIR: "A folder has this name: give a file's",
    errno.ENOTDIR: "A part of the path is a file: choose another folder",
    errno.EEXIST: "A part of the path is a file: choose another folder",
    errno.ENAMETOOLONG: "Choose a shorter name",
    errno.ENOLCK: "Choose a folder on a file system that has locks",
}
_WITHOUT_A_NAME = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ENOLCK}
"""Error numbers of write, flush, fsync and flock, which do not say which file they were for."""

_FULL_BELOW = 1 << 20
"""Free bytes under which a failed write means a full disk, whatever words a library has for it."""


def storage_error(error: OSError, path: str | os.PathLike | None = None, *, note: str = "") -> StorageError | None:
    """What an `OSError` means for people, or None where it isn't about a file (a network's, a library's own).

    Args:
        error: what the operating system reported.
        path: the file to name; None takes the error's own.
        note: said after the remedy, e.g. what became of the old content.
    """
    if error.errno is None or (path is None and error.errno not in _REMEDIES):
        return None
    writing = path is not None or error.errno in _WITHOUT_A_NAME
    return StorageError(
        f"could not {'write' if writing else 'use a file'}: {error.strerror or error}",
        file=error.filename if path is None else path,
        remedy=_REMEDIES.get(error.errno, "Choose another folder") + (f"; {note}." if note else "."),
    )


def is_disk_full(error: BaseException, folder: str | os.PathLike) -> bool:
    """True if `error` came of a full disk: by its number, its text, or the space left where `folder` lies.

    Libraries that write for themselves (safetensors, `torch.save`, Pillow) raise errors of their own kinds.
    """
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if os.strerror(errno.ENOSPC) in str(error):
        return True
    with suppress(OSError):
        return shutil.disk_usage(folder).free < _FULL_BELOW
    return False


@contextmanager
def storage_errors(path: str | os.PathLike, temporary: Path | None = None, *, note: str = "") -> Iterator[None]:
    """Turn an `OSError` about writing `path` into a `StorageError`; one about any other file passes through.

    Args:
        path: the file or folder being written.
        temporary: what is written first and then renamed to `path`.
        note: as in `storage_error`.
    """
    path = Path(path)
    try:
        yield
    except OSError as error:
        if isinstance(error.filename, str):
            name = Path(error.filename)
            ours = name == path or name in path.parents or (temporary is not None and name.is_relative_to(temporary))
        else:
            ours = error.errno in _WITHOUT_A_NAME
        known = storage_error(error, path, note=note) if ours else None
        if known is None:
            raise
        raise known from error


def _beside(path: Path, ending: str) -> Path:
    """A new hidden name in `path`'s folder."""
    name = os.fsdecode(os.fsencode(path.name)[:200])  # with the rest below the usual limit of 255 bytes
    return path.with_name(f".{name}.{secrets.token_hex(4)}.{ending}") if name else path / f".{ending}"


@contextmanager
def atomic_write(path: str | os.PathLike, mode: str = "w") -> Iterator[IO]:
    """Write a file atomically: open a temporary file beside `path`, and rename it to `path` when the block ends well.

    If anything fails, and if the process is killed, `path` keeps its old content. The file's permissions follow the
    umask. Text is UTF-8 with ``\\n`` at the ends of lines.

    Args:
        path: the file; its folder is made.
        mode: ``"w"`` or ``"wb"``.

    Raises:
        StorageError: the file cannot be written; the old content is still there.
    """
    path = Path(path)
    temporary = _beside(path, "part")
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with storage_errors(path, temporary, note="nothing was changed"):
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(temporary, mode.replace("w", "x"), **text) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Write a folder atomically: a temporary folder becomes `path` when the block ends well.

    An older `path` is replaced, never mixed with; it stays if anything fails. No file in the new folder has narrower
    permissions than the umask gives, whatever the library that wrote it chose.

    Raises:
        StorageError: the folder cannot be written, or a file has its name; an older folder is still there.
    """
    path = Path(path)
    temporary = _beside(path, "part")
    try:
        with storage_errors(path, temporary, note="nothing was changed"):
            if path.exists() and not path.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.mkdir()
            try:
                yield temporary
            except Exception as error:
                plain = isinstance(error, FlamingoError) or getattr(error, "errno", None) is not None
                if plain or not is_disk_full(error, temporary):
                    raise
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(temporary)) from error
            _widen_permissions(temporary)
            _rename_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _widen_permissions(folder: Path) -> None:
    """Give what is in `folder` at least the permissions that the umask gave to `folder` itself."""
    allowed = stat.S_IMODE(folder.stat().st_mode) & 0o777
    for root, folders, files in os.walk(folder):
        for names, wanted in ((folders, allowed), (files, allowed & 0o666)):
            for name in names:
                entry = os.path.join(root, name)
                mode = os.lstat(entry).st_mode
                if not stat.S_ISLNK(mode) and stat.S_IMODE(mode) | wanted != stat.S_IMODE(mode):
                    os.chmod(entry, stat.S_IMODE(mode) | wanted)


def _rename_folder(new: Path, path: Path) -> None:
    """Rename `new` to `path`; an older `path` is moved aside first, put back if that fails, and removed at the end."""
    old: list[Path] = []
    try:
        while True:  # again, if another process puts a folder there meanwhile
            try:
                os.rename(new, path)
                break
            except OSError as error:
                if error.errno not in (errno.ENOTEMPTY, errno.EEXIST) and not path.is_symlink():
                    raise
            aside = _beside(path, "old")
            with suppress(FileNotFoundError):
                os.rename(path, aside)
                old.append(aside)
    except OSError:
        if old:
            os.rename(old.pop(), path)
        raise
    finally:
        for folder in old:
            if folder.is_symlink():
                folder.unlink()
            else:
                shutil.rmtree(folder, ignore_errors=True)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


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
        value = json.loads(text, parse_constant=_refuse_constant)
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
                value = json.loads(text, parse_constant=_refuse_constant)
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
                remedy=f"See {self.path or 'the quarantine'} for all of them, or raise the allowed share.",
            )
