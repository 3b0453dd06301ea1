"""Fixtures of the sources: samples in the official formats, and a reader that keeps what was quarantined."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flamingo_lib.records import Sample
from flamingo_lib.sources import load_source
from flamingo_lib.storage import Quarantine

ROOT = Path(__file__).resolve().parents[2]
SAMPLES = ROOT / "data_samples" / "sources"

Read = Callable[..., tuple[list[Sample], list[dict[str, str]]]]


@pytest.fixture
def samples_root() -> Path:
    """The folder that holds one sample of every dataset."""
    return SAMPLES


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[str], Path]:
    """A writable copy of one dataset's sample."""

    def copy(name: str) -> Path:
        return Path(shutil.copytree(SAMPLES / name, tmp_path / name))

    return copy


@pytest.fixture
def read() -> Read:
    """Read a source: (samples, records put aside), whatever the share of bad ones."""

    def run(
        name: str, root: Path, split: str | None = None, **options: Any
    ) -> tuple[list[Sample], list[dict[str, str]]]:
        quarantine = Quarantine(max_share=1.0)
        samples = list(load_source(name, root, split, quarantine=quarantine, **options))
        return samples, quarantine.entries

    return run


@pytest.fixture
def edit_json() -> Callable[[Path, Callable[[Any], Any]], None]:
    """Change a JSON file: the function gets its content and returns another, or None if it changed it in place."""

    def edit(path: Path, change: Callable[[Any], Any]) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        changed = change(content)
        path.write_text(json.dumps(content if changed is None else changed), encoding="utf-8")

    return edit


@pytest.fixture(scope="session")
def makers() -> dict[str, Callable[[Path], None]]:
    """The makers of the samples, by catalogue name."""
    sys.path.insert(0, str(SAMPLES))
    try:
        from _make import MAKERS

        return MAKERS
    finally:
        sys.path.remove(str(SAMPLES))
