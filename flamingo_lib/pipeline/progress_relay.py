"""Shows the progress of another process, which writes it into a file (`flamingo_lib.progress.STATUS_FILE`)."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..progress import STATUS_FILE, Progress

POLL_SECONDS = 0.25


class Relay:
    """Turns the states of a status file into one `Progress` after another."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._shown: Progress | None = None

    def look(self) -> None:
        """Read the file once and show what it says."""
        try:
            status = json.loads(self.path.read_text("utf-8"))
        except (OSError, ValueError):
            return
        shown = self._shown
        if (
            shown is None
            or shown.description != status["description"]
            or shown.total != status["total"]
            or shown.done > status["done"]
        ):
            self.close()
            shown = self._shown = Progress(status["description"], status["total"], status["unit"])
            shown.__enter__()
        if status["done"] > shown.done:
            shown.update(status["done"] - shown.done, status["note"])

    def close(self) -> None:
        """End what is shown."""
        if self._shown is not None:
            self._shown.__exit__(None, None, None)
            self._shown = None


@contextmanager
def relayed_progress() -> Iterator[dict[str, str]]:
    """While the block runs, show the progress of processes started with the environment variables it is given."""
    with tempfile.TemporaryDirectory(prefix="flamingo-progress-") as folder:
        relay, done = Relay(Path(folder) / "status.json"), threading.Event()

        def watch() -> None:
            while not done.wait(POLL_SECONDS):
                relay.look()
            relay.look()
            relay.close()

        thread = threading.Thread(target=watch, name="progress", daemon=True)
        thread.start()
        try:
            yield {STATUS_FILE: os.fspath(relay.path)}
        finally:
            done.set()
            thread.join()
