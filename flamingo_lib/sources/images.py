"""Pictures from untrusted folders: found inside their root, bounded in size, always returned as upright 8-bit RGB.

A path in a record is relative to the source's root. `archive.zip@inner/name.jpg` names a member of a container
(see `containers`). Whatever cannot be used raises `ImageError` with a reason; nothing is replaced by a blank.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import DataError
from ..records import Sample
from .containers import is_member, read_member, split_member
from .marks import draw_mark

MAX_PIXELS = 64_000_000
"""Width x height over which a picture is refused: 64 megapixels take 192 MB as RGB."""

ORIENTATION = 0x0112
"""The EXIF tag that says how the camera was held."""

QUICK_ENDS = {"JPEG": (b"\xff\xd9", 2), "PNG": (b"IEND\xaeB`\x82", 8), "GIF": (b"\x3b", 1)}
"""Last bytes of a whole file, by format: a file that ends so is not decoded just to see whether it is cut off."""


class ImageError(DataError):
    """A picture that is missing, broken, too large, or outside its root."""


LINK_TARGETS = "FLAMINGO_IMAGE_ROOTS"
"""Environment variable: folders outside a root, joined by the system's path separator, to which links inside it may
lead.
"""


def resolve(root: str | PathLike, path: str) -> Path:
    """The file that `path`, relative to `root`, stands for; `ImageError` if it leaves `root`, also by a link (but see
    `LINK_TARGETS`).
    """
    if not path or "\0" in path:
        raise ImageError("the image path is empty or not a path", record=repr(path))
    base = Path(root).resolve()
    target = (base / path).resolve()
    if target == base or base in target.parents:
        return target
    by_link = not leaves(path)
    if by_link and any(
        Path(folder).resolve() in target.parents
        for folder in os.environ.get(LINK_TARGETS, "").split(os.pathsep)
        if folder
    ):
        return target
    remedy = f"Put the image inside {base}" + (
        f", or name the folder that the link leads to in {LINK_TARGETS}." if by_link else "."
    )
    raise ImageError("the image path leaves the root", file=path, remedy=remedy)


def leaves(path: str) -> bool:
    """True if a relative path, by its text alone, would lead out of its folder."""
    return path.startswith("/") or ".." in path.replace("\\", "/").split("/")


def _open(root: str | PathLike, path: str) -> tuple[BinaryIO, str]:
    if is_member(path):
        container, member = split_member(path)
        return io.BytesIO(read_member(resolve(root, container), member)), path
    target = resolve(root, path)
    try:
        handle = open(target, "rb")  # noqa: SIM115 (closed by the caller)
    except FileNotFoundError:
        raise ImageError("the image is missing", file=path) from None
    except OSError as error:
        raise ImageError(f"the image cannot be read: {error.strerror}", file=path) from error
    if handle.seek(0, io.SEEK_END) == 0:
        handle.close()
        raise ImageError("the image file is empty (zero bytes)", file=path)
    handle.seek(0)
    return handle, path


def _header(handle: BinaryIO, path: str, max_pixels: int) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(handle)
    except Image.DecompressionBombError:
        raise ImageError(f"the image is enormous: over {max_pixels:,} pixels", file=path) from None
    except UnidentifiedImageError:
        raise ImageError("the file is not an image that can be read", file=path) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise ImageError(f"the image is broken: {error}", file=path) from error
    width, height = image.size
    if width * height > max_pixels:
        raise ImageError(f"the image is enormous: {width} x {height} is over {max_pixels:,} pixels", file=path)
    return image


def _decode(image: Image.Image, path: str) -> None:
    try:
        image.seek(0)
        image.load()
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise ImageError(f"the image is truncated or broken: {error}", file=path) from error


def _to_rgb(image: Image.Image) -> Image.Image:
    """8-bit RGB: 16-bit and float greys are scaled, palettes expanded, transparency laid over white."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image).astype(np.float64)
        if image.mode == "F" and values.max(initial=0) <= 1:
            values *= 255
        elif image.mode.startswith("I;16") or values.max(initial=0) > 255:
            values /= 257
        return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        return Image.alpha_composite(white, image).convert("RGB")
    return image.convert("RGB")


def open_image(root: str | PathLike, path: str, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The picture at `path` as upright RGB, 8 bits a channel; of an animation, the first frame.

    Args:
        root: the source's folder; `path` must not leave it.
        path: relative to `root`, or `container@member`.
        max_pixels: width x height allowed.
    """
    handle, path = _open(root, path)
    with handle:
        image = _header(handle, path, max_pixels)
        _decode(image, path)
        try:
            upright = ImageOps.exif_transpose(image)
        except (OSError, SyntaxError, ValueError, TypeError):  # a broken EXIF block says nothing about the pixels
            upright = image
        return _to_rgb(upright)


def probe(root: str | PathLike, path: str, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Width and height (upright, pixels) of a picture that can be used; `ImageError` says why it can't.

    A JPEG, PNG or GIF that ends as a whole file ends is not decoded; any other is, once.
    """
    handle, path = _open(root, path)
    with handle:
        image = _header(handle, path, max_pixels)
        size = image.size
        try:
            turned = image.getexif().get(ORIENTATION, 1) in (5, 6, 7, 8)
        except (OSError, SyntaxError, ValueError, TypeError):
            turned = False
        end, length = QUICK_ENDS.get(image.format or "", (b"", 0))
        if length:
            handle.seek(-length, io.SEEK_END)
        if not length or handle.read(length) != end:
            handle.seek(0)
            _decode(image, path)
    return (size[1], size[0]) if turned else size


def open_images(sample: Sample, root: str | PathLike, *, max_pixels: int = MAX_PIXELS) -> list[Image.Image]:
    """All pictures of `sample` as RGB, with its region or point mark drawn on; `root` is the source's folder."""
    return open_marked(sample.images, sample.meta.get("mark"), root, max_pixels=max_pixels)


def open_marked(
    images: Sequence[str], mark: dict | None, root: str | PathLike, *, max_pixels: int = MAX_PIXELS
) -> list[Image.Image]:
    """The pictures at `images`; `mark` (see `marks`) is drawn on the one it names."""
    opened = [open_image(root, path, max_pixels=max_pixels) for path in images]
    if mark:
        index = int(mark.get("image", 0))
        opened[index] = draw_mark(opened[index], mark)
    return opened
