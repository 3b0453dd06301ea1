"""Images of an export: found, named, and copied beside its records, once each."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from ..errors import DataError
from ..pf1m.images import IMAGES
from ..sources.image_files import ImageFiles, dataset_folder
from ..sources.images import locate
from .record import ExportImage, ExportRecord

FOLDER = "images"


def find_images(
    source: str, paths: Sequence[str], files: ImageFiles, record: str, mark: Mapping[str, Any] | None = None
) -> tuple[ExportImage, ...]:
    """A record's images; of one that is missing, the file that should hold it.

    Args:
        source: the dataset's name, which `files` knows the folder of.
        paths: of the images in it.
        record: the record's id, for messages.
        mark: drawn on the image it names, see `flamingo_lib.sources.marks`.

    Raises:
        DataError: an image that can't be read or lies outside its dataset.
    """
    marked = int(mark.get("image", 0)) if mark else None
    found = []
    try:
        for number, path in enumerate(paths):
            file = _file(source, path, files, mark if number == marked else None)
            drawn = Path(file).parent == files.folder
            name = f"{IMAGES}/{Path(file).name}" if drawn else os.path.normpath(f"{source}/{path}")
            found.append(ExportImage(name, file))
    except DataError as error:
        raise DataError(error.what, file=error.file, record=record, remedy=error.remedy) from error
    return tuple(found)


def _file(source: str, path: str, files: ImageFiles, mark: Mapping[str, Any] | None) -> str:
    try:
        return files.file(source, path, mark)
    except DataError:
        holder, _ = locate(dataset_folder(files.roots, source), path)
        if holder.is_file():
            raise
        return str(holder)


def copy_images(record: ExportRecord, folder: Path) -> list[str]:
    """Copy a record's images below ``images/`` in `folder` unless they are there; returns their paths inside it."""
    return [_copy(image, folder, record.id) for image in record.images]


def _copy(image: ExportImage, folder: Path, record: str) -> str:
    name = f"{FOLDER}/{image.name}"
    if ".." in PurePosixPath(image.name).parts or PurePosixPath(image.name).is_absolute():
        raise DataError("the image's name leaves its folder", file=image.name, record=record)
    target = folder / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(image.file, target)
    return name


def image_bytes_of(image: ExportImage) -> bytes:
    """The encoded image."""
    return Path(image.file).read_bytes()
