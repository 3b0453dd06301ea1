"""Images of an export: copied beside its records, once each."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath

from ..errors import DataError
from .record import ExportImage, ExportRecord

FOLDER = "images"


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
