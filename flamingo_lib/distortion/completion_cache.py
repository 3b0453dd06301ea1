"""Completions that were already paid for: a JSON lines file that an interrupted run reads when it starts again."""

from __future__ import annotations

import json
import threading
from os import PathLike
from pathlib import Path
from typing import Any

from ..storage import fingerprint, storage_errors


class CompletionCache:
    """Keeps completions by the content of the request that asked for them.

    Every line is appended and flushed as soon as its completion is there; a line that a kill cut off is ignored.

    Args:
        path: the file; None keeps nothing.
    """

    def __init__(self, path: str | PathLike | None) -> None:
        self.path = None if path is None else Path(path)
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, Any]] = {}
        if self.path is None:
            return
        with storage_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                self._read(self.path)
            self._mend()

    def _read(self, path: Path) -> None:
        with open(path, "rb") as file:
            for line in file:
                try:
                    entry = json.loads(line)
                except (ValueError, RecursionError):
                    continue
                if isinstance(entry, dict) and all(
                    isinstance(entry.get(name), kind) for name, kind in (("key", str), ("text", str), ("stopped", bool))
                ):
                    self._known[entry["key"]] = entry

    def _mend(self) -> None:
        """A cut-off last line gets its line end, so that the next one stands alone."""
        if self.path is not None and self.path.exists() and self.path.stat().st_size:
            with open(self.path, "rb+") as file:
                file.seek(-1, 2)
                if file.read(1) != b"\n":
                    file.write(b"\n")

    def __len__(self) -> int:
        return len(self._known)

    @staticmethod
    def key(*parts: Any) -> str:
        """The name of a request: a hash of all that its completion depends on."""
        return fingerprint(*parts)

    def get(self, key: str) -> tuple[str, bool] | None:
        """`(completion, stopped)` if it is known."""
        entry = self._known.get(key)
        return None if entry is None else (entry["text"], entry["stopped"])

    def completion(self, key: str) -> tuple[str, bool, tuple[int, int] | None] | None:
        """`(completion, stopped, tokens read and written)` if it is known."""
        entry = self._known.get(key)
        return None if entry is None else (entry["text"], entry["stopped"], _usage(entry))

    def usage(self) -> tuple[int, int, int]:
        """All completions' count, and the tokens that were read and written for those whose server counted them."""
        counted = [usage for entry in self._known.values() if (usage := _usage(entry)) is not None]
        return len(self._known), sum(usage[0] for usage in counted), sum(usage[1] for usage in counted)

    def put(self, key: str, text: str, stopped: bool, usage: tuple[int, int] | None = None) -> None:
        """Remember a completion, and the tokens read and written for it."""
        entry: dict[str, Any] = {"key": key, "text": text, "stopped": stopped}
        if usage is not None:
            entry["usage"] = list(usage)
        with self._lock:
            self._known[key] = entry
            if self.path is not None:
                with storage_errors(self.path), open(self.path, "a", encoding="utf-8") as file:
                    file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def _usage(entry: dict[str, Any]) -> tuple[int, int] | None:
    match entry.get("usage"):
        case [int(read), int(written)]:
            return read, written
    return None
