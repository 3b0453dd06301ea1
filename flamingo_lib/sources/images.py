"""Image paths of records: resolved inside the dataset's folder, also into archives, and opened by the one image loader.

A path in a record is relative to the source's root. It names the file of that name if there is one; else
`archive.zip@inner/name.jpg` names a member of a container (see `containers`). Decoding is the matter of
`flamingo_lib.images`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from ..images import MAX_PIXELS, ImageError, decode_image, image_size, open_image_file
from ..records import Sample
from .containers import is_archive, members, read_member
from .marks import draw_mark

__all__ = [
    "LINK_TARGETS",
    "MAX_PIXELS",
    "ImageError",
    "image_bytes",
    "leaves",
    "locate",
    "open_image",
    "open_images",
    "open_marked",
    "probe",
    "resolve",
]

LINK_TARGETS = "FLAMINGO_IMAGE_ROOTS"
"""Environment variable: folders outside a root that links inside it may lead to, joined by the system's path separator.
"""


def resolve(root: str | PathLike, path: str) -> Path:
    """The file of `path`, relative to `root`; `ImageError` if it leaves `root`, also by a link (see `LINK_TARGETS`)."""
    if not path or "\0" in path:
        raise ImageError("the image path is empty or not a path", record=repr(path))
    base = Path(root).resolve()
    try:
        target = (base / path).resolve()
    except (OSError, RuntimeError, ValueError):  # links in a circle; characters that no path can have
        raise ImageError("the image path is not one, or leads in a circle", record=repr(path)) from None
    if target == base or base in target.parents:
        return target
    if leaves(path):
        raise ImageError("the image path leaves the root", file=path, remedy=f"Put the image inside {base}.")
    allowed = [folder for folder in os.environ.get(LINK_TARGETS, "").split(os.pathsep) if folder]
    if any(Path(folder).expanduser().resolve() in target.parents for folder in allowed):
        return target
    raise ImageError(
        f"a link leaves the root (to allow it, name the folder it leads to in {LINK_TARGETS})",
        file=path,
        remedy=f"Set {LINK_TARGETS}={target.parent}, or put the file itself inside {base}.",
    )


def leaves(path: str) -> bool:
    """True if a relative path, by its text alone, would lead out of its folder."""
    return path.startswith("/") or ".." in path.replace("\\", "/").split("/")


def locate(root: str | PathLike, path: str) -> tuple[Path, str]:
    """(file, member) of an image path: the plain file of that name and ``""``, else a container and what it is to hold.

    Raises:
        ImageError: the path leaves `root`.
    """
    plain = resolve(root, path)
    if os.path.isfile(plain):  # False, where a `Path` raises, of a name that no file can have
        return plain, ""
    candidates = members(path)
    for container, member in candidates:
        if os.path.isfile(found := resolve(root, container)):
            return found, member
    for container, member in candidates:
        if is_archive(container):
            return resolve(root, container), member
    return plain, ""


def image_bytes(root: str | PathLike, path: str) -> bytes:
    """The encoded image at `path`, as it lies in its file or container; raises as `open_image`."""
    with _open(root, path) as file:
        return file.read()


def _open(root: str | PathLike, path: str) -> BinaryIO:
    file, member = locate(root, path)
    return io.BytesIO(read_member(file, member)) if member else open_image_file(file, name=path)


def open_image(root: str | PathLike, path: str, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The image at `path` as upright RGB, 8 bits a channel; of an animation, the first frame.

    Args:
        root: the source's folder; `path` must not leave it.
        path: relative to `root`, a file or ``container@member``.
        max_pixels: width x height allowed.

    Raises:
        ImageError: see `flamingo_lib.images.load_image`; and a path that leaves `root`.
        ContainerError: a container that is missing or broken, or lacks the member.
    """
    with _open(root, path) as file:
        return decode_image(file, path, max_pixels=max_pixels)


def probe(root: str | PathLike, path: str, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height (upright, pixels) of an image that can be used, after decoding it; raises as `open_image`."""
    with _open(root, path) as file:
        return image_size(file, path, max_pixels=max_pixels)


def open_images(sample: Sample, root: str | PathLike, *, max_pixels: int = MAX_PIXELS) -> list[Image.Image]:
    """All images of `sample` as RGB, with its region or point mark drawn on; `root` is the source's folder."""
    return open_marked(sample.images, sample.meta.get("mark"), root, max_pixels=max_pixels)


def open_marked(
    images: Sequence[str], mark: dict | None, root: str | PathLike, *, max_pixels: int = MAX_PIXELS
) -> list[Image.Image]:
    """The images at `images`; `mark` (see `marks`) is drawn on the one it names."""
    opened = [open_image(root, path, max_pixels=max_pixels) for path in images]
    if mark:
        index = int(mark.get("image", 0))
        opened[index] = draw_mark(opened[index], mark)
    return opened
