"""Image files of samples: where each dataset lies, and plain files of images with a mark or inside an archive."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from hashlib import blake2b
from os import PathLike
from pathlib import Path

from ..errors import DataError
from ..records import Sample
from .images import image_bytes, locate, open_image
from .marks import draw_mark

WAYS = "Give it: --source NAME=ROOT (build-pf1m, rewrite), --images (train) or --root (explain)."

Roots = str | PathLike | Mapping[str, str | PathLike]
"""A folder with one subfolder a dataset, named as in the catalogue; or the folder of each dataset by its name."""


def dataset_folder(roots: Roots, source: str) -> Path:
    """The folder that the image paths of `source` are relative to; `DataError` if it is not known."""
    if not isinstance(roots, Mapping):
        return Path(roots) / source
    if source not in roots:
        raise DataError(f"the folder of the dataset {source!r} is not known", remedy=WAYS)
    return Path(roots[source])


class ImageFiles:
    """The images of samples as files that anything can open.

    Args:
        roots: where the datasets lie.
        folder: where PNG files are put of images that need a mark drawn on them or lie in an archive.
    """

    def __init__(self, roots: Roots, folder: str | PathLike) -> None:
        self.roots, self.folder = roots, Path(folder)

    def files(self, sample: Sample) -> tuple[str, ...]:
        """The image files of `sample` in its order, its region or point mark drawn on.

        Raises:
            ImageError: a path that leaves its folder, or an image that has to be drawn or taken out cannot be read.
        """
        mark = sample.meta.get("mark")
        marked = int(mark.get("image", 0)) if mark else None
        return tuple(
            self.file(sample.source, path, mark if number == marked else None)
            for number, path in enumerate(sample.images)
        )

    def file(self, source: str, path: str, mark: Mapping | None = None) -> str:
        """The file of one image of `source`, the image's own or one in `folder`, named by its content and its mark."""
        root = dataset_folder(self.roots, source)
        if not mark and not locate(root, path)[1]:
            return str(root / path)
        digest = blake2b(json.dumps(dict(mark or {}), sort_keys=True).encode(), digest_size=12)
        digest.update(image_bytes(root, path))
        target = self.folder / f"{digest.hexdigest()}.png"
        if not target.is_file():
            image = open_image(root, path)
            self.folder.mkdir(parents=True, exist_ok=True)
            partial = target.with_suffix(f".{os.getpid()}.part")
            (draw_mark(image, mark) if mark else image).save(partial, "PNG")
            partial.replace(target)
        return str(target)
