"""The pictures of a Scenes data root: each is drawn and encoded once, and shared between datasets by hard links."""

from __future__ import annotations

import io
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ...errors import FlamingoError
from ...progress import Progress
from ...seeding import generator
from ..graph import Scene, draw_scene
from ..render import render

POOLS = ("polite", "raw", "calibration", "evaluation", "held_out")
"""Disjoint sets of scenes: behind polite data, to be rewritten, to calibrate filters on, and two to evaluate on."""

IDS_PER_POOL = 10_000_000
JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Entry:
    """A scene in its pool. `number` is its index there; `image_id` is unique over all pools."""

    scene: Scene
    pool: str
    number: int
    image_id: int

    def coco(self, split: str) -> str:
        """The COCO 2014 file name, in the folder of `split`."""
        return f"COCO_{split}2014_{self.image_id:012d}.jpg"


def encode(scene: Scene, size: int, suffix: str) -> bytes:
    """`scene` as an encoded picture: ``".jpg"`` at quality 92, or a lightly compressed ``".png"``."""
    buffer = io.BytesIO()
    if suffix == ".jpg":
        render(scene, size).save(buffer, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    else:
        render(scene, size).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


class Album:
    """Writes pictures below `root`, and remembers which scene each shows.

    Args:
        root: the data root, with one folder for each dataset.
        seed: of the scenes and of everything written about them.
        image_size: side of the pictures, pixels.
    """

    def __init__(self, root: Path, *, seed: int, image_size: int, progress: Progress | None = None) -> None:
        self.root, self.seed, self.image_size, self._progress = root, seed, image_size, progress
        self._first: dict[tuple[str, str], Path] = {}
        self._lines: dict[str, dict[str, Any]] = {}

    def pool(self, name: str, count: int, start: int = 0) -> list[Entry]:
        """`count` scenes of the pool `name`, from its scene number `start` on."""
        if start + count > IDS_PER_POOL:
            raise FlamingoError(
                f"the pool {name} is too large: {start + count:,} scenes",
                remedy=f"At most {IDS_PER_POOL:,} can be numbered.",
            )
        base = (POOLS.index(name) + 1) * IDS_PER_POOL
        held_out = name == "held_out"
        return [
            Entry(draw_scene(self.seed, f"{name}-{number:06d}", held_out), name, number, base + number)
            for number in range(start, start + count)
        ]

    def random(self, source: str, key: str | int) -> Random:
        """The generator of what `source` says of record `key`."""
        return generator(self.seed, source, key)

    def add(self, entry: Entry, source: str, path: str, scene: Scene | None = None) -> str:
        """Save a picture at `path` in `source`'s folder and return `path`: of `entry`, or of `scene` made from it."""
        shown = scene or entry.scene
        target = self.root / source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        first = self._first.get((shown.id, target.suffix))
        if first is None:
            target.write_bytes(encode(shown, self.image_size, target.suffix))
            self._first[shown.id, target.suffix] = target
        else:
            _link(first, target)
        self.remember(entry, source, path, shown)
        return path

    def remember(self, entry: Entry, source: str, path: str, scene: Scene | None = None) -> None:
        """Note that the picture at `path` of `source` shows `scene`, by default that of `entry`."""
        shown = scene or entry.scene
        line = self._lines.setdefault(shown.id, {"scene": shown.to_json(), "pool": entry.pool, "images": []})
        line["images"].append(f"{source}/{path}")
        if self._progress is not None:
            self._progress.update()

    def lines(self) -> list[dict[str, Any]]:
        """The lines of `scene_graphs.jsonl`, in the order the scenes were first used."""
        return list(self._lines.values())

    def write(self, source: str, path: str, value: Any, *, lines: bool = False) -> None:
        """Write `value` as JSON (or as one JSON value a line) at `path` inside `source`'s folder."""
        target = self.root / source / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if lines:
            text = "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in value)
        else:
            text = json.dumps(value, ensure_ascii=False) + "\n"
        target.write_text(text, encoding="utf-8", newline="\n")


def _link(first: Path, target: Path) -> None:
    """A hard link, or a copy where the file system has none."""
    try:
        os.link(first, target)
    except FileExistsError:
        pass
    except OSError:
        shutil.copyfile(first, target)
