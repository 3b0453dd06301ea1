"""Atomic writes: files and folders that are whole or not there, and errors of writing that say what to do."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from .errors import FlamingoError, StorageError

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
    """What an `OSError` means for people, or None if it isn't about a file (a network's, a library's own).

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
    r"""Write a file atomically: open a temporary file beside `path`, and rename it to `path` when the block ends well.

    If anything fails, and if the process is killed, `path` keeps its old content. The file's permissions follow the
    umask. Text is UTF-8 with ``\n`` at the ends of lines.

    Args:
        path: the file; its folder is made.
        mode: ``"w"`` or ``"wb"``.

    Raises:
        StorageError: the file cannot be written; the old content is still there.
    """
    path = Path(path)
    temporary = _beside(path, "part")
    text: dict[str, Any] = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
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
            # one call: between two, another writer may have moved the folder aside
            mode = None
            with suppress(FileNotFoundError, NotADirectoryError):
                mode = path.stat().st_mode
            if mode is not None and not stat.S_ISDIR(mode):
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
