"""One job at a time in one folder."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..errors import FlamingoError
from ..storage import storage_errors

NAME = ".lock"


@contextmanager
def only_job(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it when the process ends, however it ends.

    Raises:
        FlamingoError: another process holds it.
        StorageError: the folder cannot be written to.
    """
    with storage_errors(folder / NAME):
        file = _open(folder)
    with file:
        with storage_errors(folder / NAME):
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                owner = file.read().strip() or "another process"
                raise FlamingoError(
                    f"another job is writing to this folder ({owner})",
                    file=folder,
                    remedy="Wait for it, or give another folder.",
                ) from None
            if not _still_there(file, folder):  # whoever held it has just removed the folder
                raise FlamingoError("another job has just ended in this folder", file=folder, remedy="Start again.")
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
        yield


def _open(folder: Path) -> IO[str]:
    folder.mkdir(parents=True, exist_ok=True)
    return open(folder / NAME, "a+", encoding="utf-8")


def _still_there(file: IO[str], folder: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(folder / NAME))
    except FileNotFoundError:
        return False
