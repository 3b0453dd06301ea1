"""Image loader: a file, bytes, an array or a Pillow image of any mode becomes upright 8-bit RGB.

Every form of one image gives the same pixels. Files come from strangers: sides and pixels are bounded before anything
is decoded, and whatever cannot be used raises `ImageError` with the reason; nothing is replaced by a blank. Paths
inside a dataset's folder, and members of archives, are the matter of `sources.images`.
"""

from __future__ import annotations

import base64
import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import PathLike
from typing import Any, BinaryIO, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from .errors import DataError
from .file_kinds import describe_content

ImageInput = Image.Image | np.ndarray | bytes | str | PathLike
"""A Pillow image, a uint8 array (height, width, 3), the bytes of an encoded image, or the path of a file."""

MAX_PIXELS = 64_000_000
"""Width x height over which an image is refused: 64 megapixels take 192 MB as RGB."""

MAX_SIDE = 100_000
"""Pixels over which a side is refused: decoders keep a pointer for each row."""

MAX_ASPECT_RATIO = 64
"""Longer side : shorter side over which `crop_to_ratio` keeps the middle only."""

ORIENTATION = 0x0112
"""The EXIF tag that says how the camera was held."""

REFUSED_FORMATS = frozenset({"EPS", "WMF", "PDF"})
"""Formats whose decoders start other programs, or that are not images."""

JPEG_QUALITY = 95
"""Of every JPEG that is put into a page or a request."""

SIXTEEN_BITS, EIGHT_BITS = 65535, 255


class ImageError(DataError):
    """An image that is missing, broken, too large, or outside its root."""


def load_image(image: ImageInput, *, name: str | PathLike | None = None, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """`image` as upright RGB, 8 bits a channel.

    EXIF turns are undone, transparency is laid over white, 16-bit and float shades are scaled, palettes and CMYK
    converted. Of an animated file the first frame is taken; of a Pillow image, the frame it stands at.

    Args:
        image: see `ImageInput`. An RGB Pillow image that needs nothing done is returned itself.
        name: how errors call it; by default the path.
        max_pixels: width x height allowed.

    Raises:
        ImageError: a file that is missing, empty or no image; an image that is broken, too large, or holds NaN.
        DataError: something that is no image at all, or an array of another shape or type.
    """
    if isinstance(image, Image.Image):
        return _load_opened(image, name if name is not None else getattr(image, "filename", "") or None, max_pixels)
    if isinstance(image, (bytes, bytearray, memoryview)):
        return decode_image(io.BytesIO(image), name if name is not None else "image bytes", max_pixels=max_pixels)
    if isinstance(image, (str, PathLike)):
        with open_image_file(image, name=name) as file:
            return decode_image(file, name if name is not None else image, max_pixels=max_pixels)
    if isinstance(image, np.ndarray):
        return _from_array(image, name, max_pixels)
    raise DataError(f"not an image: {type(image).__name__}", remedy="Give a Pillow image, a uint8 array or a file.")


def open_image_file(path: str | PathLike, *, name: str | PathLike | None = None) -> BinaryIO:
    """The file at `path`, open for reading; `ImageError` (naming `name` or the path) if it is missing or empty."""
    name = path if name is None else name
    if os.path.exists(path) and not os.path.isfile(path):
        raise ImageError("the image is not a file but a folder or a device", file=name)
    try:
        file = open(path, "rb")  # noqa: SIM115 (closed by the caller)
    except FileNotFoundError:
        what = "the image is a link to a file that is not there" if os.path.islink(path) else "the image is missing"
        raise ImageError(what, file=name) from None
    except ValueError:  # a null character
        raise ImageError("the image path is empty or not a path", record=repr(name)) from None
    except OSError as error:
        raise ImageError(f"the image cannot be read: {error.strerror}", file=name) from error
    if file.seek(0, io.SEEK_END) == 0:
        file.close()
        raise ImageError("the image file is empty (zero bytes)", file=name, remedy="Get the file again.")
    file.seek(0)
    return file


def decode_image(file: BinaryIO, name: str | PathLike, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """The encoded image in `file` as upright RGB; raises as `load_image`."""
    image = _open(file, name, max_pixels)
    with _image_errors(name):
        image.seek(0)
        image.load()
    return _to_upright_rgb(image, name)


def image_size(file: BinaryIO, name: str | PathLike, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """(width, height) in pixels, upright, of the encoded image in `file`, after decoding it; raises as `load_image`.

    Every image is decoded, since a broken one may have a whole head and a whole end; JPEGs at an eighth of their size,
    which reads all their data and computes a 64th of their pixels.
    """
    image = _open(file, name, max_pixels)
    size = image.size
    with _image_errors(name):
        image.seek(0)
        if image.format in ("JPEG", "MPO"):
            image.draft(None, (1, 1))
        image.load()  # before the EXIF block is read: a PNG's may stand at its end, and is looked for by decoding
    return (size[1], size[0]) if _orientation(image) in (5, 6, 7, 8) else size


def crop_to_ratio(image: Image.Image, limit: float = MAX_ASPECT_RATIO) -> Image.Image:
    """`image`, or its middle if one side is over `limit` times the other.

    For whoever scales the shorter side to a given length before cutting out the middle: the longer side would be scaled
    with it, to gigabytes for an image of 1 x 20,000 pixels.
    """
    width, height = image.size
    if max(width, height) <= limit * min(width, height):
        return image
    longest = int(limit * min(width, height))
    left, top = max(0, width - longest) // 2, max(0, height - longest) // 2
    return image.crop((left, top, left + min(width, longest), top + min(height, longest)))


def encode_image(image: Image.Image, kind: Literal["png", "jpeg"] = "png", *, optimize: bool = False) -> bytes:
    """An image as a PNG, or as a JPEG, which is smaller and loses a little.

    Args:
        optimize: make a PNG as small as it gets, which takes longer.
    """
    buffer = io.BytesIO()
    image.save(buffer, kind.upper(), **({"optimize": optimize} if kind == "png" else {"quality": JPEG_QUALITY}))
    return buffer.getvalue()


def data_uri(image: Image.Image | bytes, kind: Literal["png", "jpeg"] = "png") -> str:
    """An image, or its encoded bytes, as ``data:image/png;base64,...``."""
    data = image if isinstance(image, bytes) else encode_image(image, kind)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


@contextmanager
def _image_errors(name: str | PathLike | None) -> Iterator[None]:
    """Whatever a decoder raises as an `ImageError`; damaged files bring it to raise anything."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd metadata; and sizes have bounds of their own here
            yield
    except DataError:
        raise
    except MemoryError:
        raise ImageError("the image does not fit into memory", file=name) from None
    except Exception as error:
        reason = str(error) if isinstance(error, (OSError, SyntaxError, ValueError)) else "its data make no sense"
        raise ImageError(
            f"the image is truncated or broken: {reason}", file=name, remedy="Get the file again."
        ) from error


def _open(file: BinaryIO, name: str | PathLike, max_pixels: int) -> Image.Image:
    """The image behind `file`, its header read and its size checked."""
    head = file.read(1024)
    file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            image = Image.open(file)
    except Image.DecompressionBombError:
        raise _enormous(f"over {max_pixels:,} pixels", name) from None
    except UnidentifiedImageError:
        found = describe_content(head)
        what = f"the file is not an image but {found}" if found else "the file is not an image that can be read"
        raise ImageError(what, file=name, remedy="Get the image itself.") from None
    except Exception as error:  # a damaged header may bring a plugin to raise anything
        raise ImageError(f"the image is broken: {error}", file=name, remedy="Get the file again.") from error
    if image.format in REFUSED_FORMATS:
        raise ImageError(
            f"the file is not an image that is read here: {image.format}", file=name, remedy="Convert it to PNG."
        )
    check_size(image.size, name, max_pixels=max_pixels)
    return image


def check_size(size: tuple[int, int], name: str | PathLike | None, *, max_pixels: int = MAX_PIXELS) -> None:
    """Raise `ImageError` if (width, height) is zero or over the bounds."""
    width, height = size
    if width < 1 or height < 1:
        raise ImageError(f"the image has no pixels: {width} x {height}", file=name)
    if width * height > max_pixels:
        raise _enormous(f"{width} x {height} is over {max_pixels:,} pixels", name)
    if max(size) > MAX_SIDE:
        raise _enormous(f"{width} x {height} has a side over {MAX_SIDE:,} pixels", name)


def _enormous(how: str, name: str | PathLike | None) -> ImageError:
    return ImageError(f"the image is enormous: {how}", file=name, remedy="Scale it down, or cut it into tiles.")


def _load_opened(image: Image.Image, name: str | PathLike | None, max_pixels: int) -> Image.Image:
    check_size(image.size, name, max_pixels=max_pixels)
    if getattr(image, "format", None) in REFUSED_FORMATS:
        raise ImageError(f"an image of a format that is not read here: {image.format}", file=name)
    with _image_errors(name):
        image.load()
    return _to_upright_rgb(image, name)


def _from_array(array: np.ndarray, name: str | PathLike | None, max_pixels: int) -> Image.Image:
    if array.ndim != 3 or array.shape[2] != 3:
        raise DataError(f"an image array of shape {array.shape}", file=name, remedy="Give (height, width, 3).")
    if np.issubdtype(array.dtype, np.floating) and not np.isfinite(array).all():
        raise DataError("NaN or Inf among the pixels of an image array", file=name)
    if array.dtype != np.uint8:
        raise DataError(f"an image array of {array.dtype}", file=name, remedy="Give uint8 values from 0 to 255.")
    check_size((array.shape[1], array.shape[0]), name, max_pixels=max_pixels)
    return Image.fromarray(array)


def _orientation(image: Image.Image) -> int:
    """How the camera was held, 1 to 8; 1 if the image does not say, or in a broken EXIF block."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return image.getexif().get(ORIENTATION, 1)
    except Exception:  # which says nothing about the pixels
        return 1


def _to_upright_rgb(image: Image.Image, name: str | PathLike | None) -> Image.Image:
    if _orientation(image) != 1:
        with suppress(OSError, SyntaxError, ValueError, TypeError, KeyError):  # a broken EXIF block
            image = ImageOps.exif_transpose(image)
    with _image_errors(name):
        return _to_rgb(image, name)


def _to_rgb(image: Image.Image, name: str | PathLike | None) -> Image.Image:
    """8-bit RGB: deep greys scaled, palettes expanded, transparency laid over white."""
    transparent = image.info.get("transparency")
    if image.mode.startswith(("I", "F")):
        return _grey_to_rgb(np.asarray(image), image.mode, transparent, name)
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La"):
        return _over_white(image)
    if transparent is not None and image.mode in ("1", "L", "P", "RGB"):
        if _is_deep(transparent):  # the key of a 16-bit file whose shades were read as 8 bits
            image = image.copy()
            image.info["transparency"] = (
                transparent >> 8 if isinstance(transparent, int) else tuple(value >> 8 for value in transparent)
            )
        return _over_white(image)
    return image if image.mode == "RGB" else image.convert("RGB")


def _is_deep(transparent: Any) -> bool:
    if isinstance(transparent, (bytes, bytearray)):
        return False
    return max(transparent if isinstance(transparent, tuple) else (transparent,)) > EIGHT_BITS


def _over_white(image: Image.Image) -> Image.Image:
    image = (image.convert("LA") if image.mode == "La" else image).convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def _grey_to_rgb(values: np.ndarray, mode: str, transparent: Any, name: str | PathLike | None) -> Image.Image:
    """Greys of 16 or 32 bits, or floats, as 8 bits: scaled from their range (1, 255, 65535, or the largest value)."""
    if mode == "F" and not np.isfinite(values).all():
        raise ImageError("NaN or Inf among the pixels", file=name)
    largest = float(values.max(initial=0))
    if mode.startswith("I;16"):
        grey = ((values.astype(np.uint32) + 128) // 257).astype(np.uint8)
    else:
        if mode == "F" and largest <= 1:
            scale = float(EIGHT_BITS)
        elif largest <= EIGHT_BITS:
            scale = 1.0
        else:
            scale = EIGHT_BITS / (SIXTEEN_BITS if largest <= SIXTEEN_BITS else largest)
        grey = np.clip(np.rint(values.astype(np.float64) * scale), 0, EIGHT_BITS).astype(np.uint8)
    if isinstance(transparent, int):
        grey = np.where(values == transparent, np.uint8(EIGHT_BITS), grey)
    return Image.fromarray(grey).convert("RGB")
