"""Finding the scene behind an image of a Scenes data root."""

from __future__ import annotations

from functools import cached_property
from os import PathLike
from pathlib import Path

from ..errors import DataError
from ..storage import read_jsonl
from .graph import Scene

GRAPHS = "scene_graphs.jsonl"
"""One scene a line: ``{"scene": ..., "pool": ..., "images": ["<source>/<path inside the source's folder>", ...]}``."""


class TruthIndex:
    """The scene graphs of a folder that `write_scenes` wrote.

    Args:
        folder: the data root, which holds `scene_graphs.jsonl`.

    Raises:
        DataError: the file is missing or broken.
    """

    def __init__(self, folder: str | PathLike) -> None:
        self.folder = Path(folder)
        self._entries: dict[str, tuple[Scene, str]] = {}
        for number, line in enumerate(read_jsonl(self.folder / GRAPHS), start=1):
            try:
                entry = (Scene.from_json(line["scene"]), line["pool"])
                self._entries.update((image, entry) for image in line["images"])
            except (DataError, KeyError, TypeError, AttributeError) as error:
                raise DataError(
                    f"not a line of scene graphs: {error}", file=self.folder / GRAPHS, record=f"line {number}"
                ) from error

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, image: str | PathLike) -> bool:
        return self._key(image) in self._entries

    def scene(self, image: str | PathLike, source: str | None = None) -> Scene:
        """The scene of `image`, given as ``"<source>/<path>"``, as path in `source`'s folder, or below the root."""
        return self._entry(image, source)[0]

    def pool(self, image: str | PathLike, source: str | None = None) -> str:
        """The pool of `image`: polite, raw, calibration, evaluation or held_out."""
        return self._entry(image, source)[1]

    @cached_property
    def images(self) -> tuple[str, ...]:
        """All images, as ``"<source>/<path>"``."""
        return tuple(self._entries)

    def _key(self, image: str | PathLike) -> str:
        path = Path(image)
        if path.is_absolute() and path.is_relative_to(self.folder.absolute()):
            path = path.relative_to(self.folder.absolute())
        elif not path.is_absolute() and path.is_relative_to(self.folder):
            path = path.relative_to(self.folder)
        return path.as_posix()

    def _entry(self, image: str | PathLike, source: str | None) -> tuple[Scene, str]:
        key = f"{source}/{Path(image).as_posix()}" if source else self._key(image)
        try:
            return self._entries[key]
        except KeyError:
            raise DataError(f"no scene is known for the image {key!r}", file=self.folder / GRAPHS) from None
