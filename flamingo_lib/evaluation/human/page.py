"""The judging page of a set of pairs, its images inside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...html import judging_page
from ...images import data_uri, load_image
from ...storage import atomic_write, require_images
from .pairs import Pair, PairSet

MAX_SIDE = 640
"""Images are shrunk to this side, pixels, so that a page of hundreds still opens."""


def write_judging_page(path: str | Path, pairs: PairSet, images: str | Path = "", *, reference: bool = False) -> Path:
    """Write the page; returns its path.

    Args:
        path: the file.
        pairs: what is rated; the page gets neither the systems' names nor which answer is whose.
        images: the folder that image paths are relative to.
        reference: show the answer known to be right.

    Raises:
        DataError: images are missing; all are counted, the first named.
        ImageError: an image that is none.
    """
    files = ((Path(images) / image, pair.id) for pair in pairs.pairs for image in pair.images)
    require_images(files, remedy="Say with --images which folder the paths are relative to, or put the files there.")
    shown = [_shown(pair, Path(images), reference) for pair in pairs.pairs]
    with atomic_write(path) as file:
        file.write(judging_page(shown, mark=pairs.fingerprint))
    return Path(path)


def _shown(pair: Pair, folder: Path, reference: bool) -> dict[str, Any]:
    return {
        "id": pair.id,
        "instruction": pair.instruction,
        "images": [_data_uri(folder / image) for image in pair.images],
        "reference": pair.reference if reference else "",
        "left": pair.left,
        "right": pair.right,
    }


def _data_uri(file: Path) -> str:
    image = load_image(file)
    image.thumbnail((MAX_SIDE, MAX_SIDE))
    return data_uri(image, "jpeg")
