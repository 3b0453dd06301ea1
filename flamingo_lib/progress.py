"""Progress of long work: a bar on a terminal and in Jupyter, a line every few seconds elsewhere (CI, papermill).

A process whose output nobody sees writes its progress into a file instead, named by the environment variable
`STATUS_FILE`; the process that started it reads that file and shows it (`flamingo_lib.pipeline.progress_relay`).
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_STATUS = 0.5
STATUS_FILE = "FLAMINGO_PROGRESS_FILE"


def wants_bar() -> bool:
    """True on a terminal or in a live notebook; False in CI, under papermill and in pipes."""
    if os.environ.get("CI") or os.environ.get("FLAMINGO_PLAIN_PROGRESS") or os.environ.get(STATUS_FILE):
        return False
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class Progress:
    """Counts work done; a context manager.

    Args:
        description: what is being done, a few words.
        total: how many units there are; None if unknown.
        unit: the name of one unit, in the plural ("records", "steps").
    """

    def __init__(self, description: str, total: int | None = None, unit: str = "records") -> None:
        self.description, self.total, self.unit, self.done = description, total, unit, 0
        self._bar: Any = None
        self._status = os.environ.get(STATUS_FILE)
        self._start = self._last = time.monotonic()

    def __enter__(self) -> Progress:
        if wants_bar():
            from tqdm.auto import tqdm

            self._bar = tqdm(total=self.total, desc=self.description, unit=f" {self.unit}")
        elif self._status:
            self._write_status("")
        return self

    def update(self, count: int = 1, note: str = "") -> None:
        """Say that `count` more units are done; `note` is shown beside the numbers."""
        self.done += count
        if self._bar is not None:
            self._bar.update(count)
            if note:
                self._bar.set_postfix_str(note, refresh=False)
        elif time.monotonic() - self._last >= (SECONDS_BETWEEN_STATUS if self._status else SECONDS_BETWEEN_LINES):
            self._last = time.monotonic()
            if self._status:
                self._write_status(note)
            else:
                self._line(note)

    def _write_status(self, note: str) -> None:
        if not self._status:
            return
        values = {
            "description": self.description,
            "total": self.total,
            "unit": self.unit,
            "done": self.done,
            "note": note,
        }
        temporary = f"{self._status}.{os.getpid()}"
        try:
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(values, file)
            os.replace(temporary, self._status)
        except OSError:  # whoever watched is gone, or the disk is full: work goes on
            self._status = None

    def _line(self, note: str = "") -> None:
        seconds = max(time.monotonic() - self._start, 1e-9)
        rate = self.done / seconds
        parts = [
            f"{self.description}: {self.done:,}" + (f" of {self.total:,}" if self.total else "") + f" {self.unit}",
            f"{rate:,.1f}/s",
        ]
        if self.total and rate:
            parts.append(f"{(self.total - self.done) / rate:,.0f} s left")
        if note:
            parts.append(note)
        print(" · ".join(parts), file=sys.stderr, flush=True)

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._status:
            self._write_status("")
        elif time.monotonic() - self._start >= SECONDS_BETWEEN_LINES:
            self._line()


def track(items: Iterable[T], description: str, total: int | None = None, unit: str = "records") -> Iterator[T]:
    """Iterate over `items` and show how far it is."""
    if total is None and hasattr(items, "__len__"):
        total = len(items)  # type: ignore[arg-type]
    with Progress(description, total, unit) as progress:
        for item in items:
            yield item
            progress.update()
