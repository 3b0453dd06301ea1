"""Images of an export: found, named, and copied beside its records, once each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..pf1m.images import IMAGES
from ..sources.image_files import ImageFiles, dataset_folder
from ..sources.images import locate
from .record import ExportImage, ExportRecord

FOLDER = "images"
REMEMBERED = 1 << 16
"""Images whose file is remembered: records of one image follow each other in most datasets."""


class ImageFinder:
    """Finds the images of records and names them as the export does.

    Args:
        files: where the datasets' images lie.
    """

    def __init__(self, files: ImageFiles) -> None:
        self.files = files
        self._plain = lru_cache(REMEMBERED)(self._find)

    def __call__(
        self, source: str, paths: Sequence[str], record: str, mark: Mapping[str, Any] | None = None
    ) -> tuple[ExportImage, ...]:
        """A record's images; of one that is missing, the file that should hold it.

        Args:
            source: the dataset's name.
            paths: of the images in it.
            record: the record's id, for messages.
            mark: drawn on the image it names, see `flamingo_lib.sources.marks`.

        Raises:
            DataError: an image that can't be read or lies outside its dataset.
        """
        marked = int(mark.get("image", 0)) if mark else None
        try:
            return tuple(
                self._find(source, path, mark) if number == marked else self._plain(source, path)
                for number, path in enumerate(paths)
            )
        except DataError as error:
            raise DataError(error.what, file=error.file, record=record, remedy=error.remedy) from error

    def _find(self, source: str, path: str, mark: Mapping[str, Any] | None = None) -> ExportImage:
        try:
            file = self.files.file(source, path, mark)
        except DataError:
            holder, _ = locate(dataset_folder(self.files.roots, source), path)
            if holder.is_file():
                raise
            file = str(holder)
        drawn = Path(file).parent == self.files.folder
        name = f"{IMAGES}/{Path(file).name}" if drawn else os.path.normpath(f"{source}/{path}")
        return ExportImage(name, file)


def copy_images(record: ExportRecord, folder: Path) -> list[str]:
    """Copy a record's images below ``images/`` in `folder` unless they are there; returns their paths inside it."""
    return [_copy(image, folder, record.id) for image in record.images]


def _copy(image: ExportImage, folder: Path, record: str) -> str:
    name = f"{FOLDER}/{image.name}"
    if ".." in image.name.split("/") or image.name.startswith("/"):
        raise DataError("the image's name leaves its folder", file=image.name, record=record)
    target = os.path.join(folder, name)
    if not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copyfile(image.file, target)
    return name


def image_bytes_of(image: ExportImage) -> bytes:
    """The encoded image."""
    return Path(image.file).read_bytes()
