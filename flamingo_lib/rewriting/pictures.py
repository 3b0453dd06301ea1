"""Opening the pictures of samples of many datasets."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from PIL import Image

from ..errors import DataError
from ..records import Sample
from ..sources.images import open_images


class Pictures:
    """Callable: a sample's pictures as RGB with its mark drawn on.

    Args:
        root: a folder with one subfolder a dataset, named as in the catalogue; or the folder of each dataset by its
            name.
    """

    def __init__(self, root: str | PathLike | Mapping[str, str | PathLike]) -> None:
        self.roots = {name: Path(folder) for name, folder in root.items()} if isinstance(root, Mapping) else None
        self.root = None if isinstance(root, Mapping) else Path(root)

    def folder(self, source: str) -> Path:
        """The folder that `source`'s image paths are relative to; `DataError` if it is not known."""
        if self.root is not None:
            return self.root / source
        if self.roots is None or source not in self.roots:
            raise DataError(
                f"the folder of the dataset {source!r} is not known", remedy="Give it as --source NAME=ROOT."
            )
        return self.roots[source]

    def __call__(self, sample: Sample) -> list[Image.Image]:
        """The pictures in the order the instruction speaks of them; `ImageError` if one cannot be used."""
        return open_images(sample, self.folder(sample.source)) if sample.images else []


def picture_key(sample: Sample) -> tuple:
    """What decides a sample's pixels: source, files, and the mark drawn on them."""
    return sample.source, sample.images, repr(sample.meta.get("mark"))
