"""Phases of a long job, each done once: what a finished phase made is kept beside the job, so a killed run resumes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import StorageError
from ..storage import fingerprint, is_disk_full, write_json


class Phases:
    """Runs each phase once: its tensors and results are kept in `folder` under a key of everything before it."""

    def __init__(self, folder: Path, *key: Any) -> None:
        self.folder, self.key = folder, fingerprint(*key)
        self.results: dict[str, dict[str, Any]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(
        self,
        name: str,
        work: Callable[[], Any],
        state: Callable[[], dict[str, Tensor]],
        restore: Callable[[dict[str, Tensor]], None],
    ) -> Any:
        """The result of `work()`; if the phase was done before, its tensors are restored instead."""
        self.key = fingerprint(self.key, name)
        weights, results = self.folder / f"{name}-{self.key}.safetensors", self.folder / f"{name}-{self.key}.json"
        if results.exists() and weights.exists():
            restore(load_file(weights))
            self.results[name] = json.loads(results.read_text(encoding="utf-8"))
            return self.results[name]["result"]
        start = time.process_time(), time.monotonic()
        result = work()
        seconds = {
            "cpu_seconds": round(time.process_time() - start[0]),
            "wall_seconds": round(time.monotonic() - start[1]),
        }
        try:
            save_file({key: value.clone().contiguous() for key, value in state().items()}, weights)
        except (SafetensorError, OSError) as error:
            if not is_disk_full(error, self.folder):
                raise
            raise StorageError(
                f"the disk is full; the phase {name} was not kept",
                file=weights,
                remedy="Free some space and start again: the phases before are kept.",
            ) from error
        write_json(results, {"result": result} | seconds)
        self.results[name] = {"result": result} | seconds
        return result
