"""Progress of long work: a bar on a terminal and in Jupyter, a line every few seconds elsewhere (CI, papermill)."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 10.0


def wants_bar() -> bool:
    """True on a terminal or in a live notebook; False in CI, under papermill and in pipes."""
    if os.environ.get("CI") or os.environ.get("FLAMINGO_PLAIN_PROGRESS"):
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
        self._bar = None
        self._start = self._last = time.monotonic()

    def __enter__(self) -> Progress:
        if wants_bar():
            from tqdm.auto import tqdm

            self._bar = tqdm(total=self.total, desc=self.description, unit=f" {self.unit}")
        return self

    def update(self, count: int = 1, note: str = "") -> None:
        """Say that `count` more units are done; `note` is shown beside the numbers."""
        self.done += count
        if self._bar is not None:
            self._bar.update(count)
            if note:
                self._bar.set_postfix_str(note, refresh=False)
        elif time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            self._line(note)

    def _line(self, note: str = "") -> None:
        seconds = max(time.monotonic() - self._start, 1e-9)
        rate = self.done / seconds
        parts = [f"{self.description}: {self.done:,}" + (f" of {self.total:,}" if self.total else "") + f" {self.unit}", f"{rate:,.1f}/s"]
        if self.total and rate:
            parts.append(f"{(self.total - self.done) / rate:,.0f} s left")
        if note:
            parts.append(note)
        print(" · ".join(parts), file=sys.stderr, flush=True)

    def __exit__(self, kind, error, trace) -> None:
        if self._bar is not None:
            self._bar.close()
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
