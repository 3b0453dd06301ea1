"""The images of a request: data URIs, and files below a given folder; addresses on the web only if that is allowed."""

from __future__ import annotations

import binascii
import io
from base64 import b64decode
from pathlib import Path
from urllib.parse import unquote, urlparse

from PIL import Image

from ..errors import DataError
from ..images import decode_image
from ..sources.images import ImageError, resolve
from .protocol import RequestError

TYPES = ("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp")

MOST_BYTES = 64 << 20
"""Size of an image's file, bytes."""

BEGINNINGS = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF", b"GIF8", b"BM")
"""What the files of these types begin with: no other decoder is tried on what strangers send."""


def load_request_image(address: str, *, root: Path | None, max_pixels: int) -> Image.Image:
    """One image of a request, RGB.

    Args:
        address: a data URI, or a ``file:`` address or path below `root`.
        root: the folder whose files may be asked for; None: no files.
        max_pixels: bound on its size, checked before it is decoded.

    Raises:
        RequestError: another kind of address, another type of image, one that is broken or too large.
    """
    if address.startswith("data:"):
        content = _data_uri(address)
    elif root is not None and _scheme(address) in ("", "file"):
        content = _below(address, root)
    else:
        allowed = "data URIs" + ("" if root is None else " and files of the server's image folder")
        raise RequestError(f"images are {allowed}; other addresses are not fetched", param="image_url")
    if not content.startswith(BEGINNINGS):
        raise RequestError(f"the image is none of {', '.join(TYPES)}", param="image_url")
    try:
        return decode_image(io.BytesIO(content), "the request's image", max_pixels=max_pixels)
    except DataError as error:
        raise RequestError(f"the image can't be used: {error.what}", param="image_url") from None


def _data_uri(address: str) -> bytes:
    head, comma, body = address.partition(",")
    kind, *options = head.removeprefix("data:").split(";")
    if not comma or kind.lower() not in TYPES or "base64" not in options:
        raise RequestError(f"the image is no base64 data URI of {', '.join(TYPES)}", param="image_url")
    try:
        return b64decode(body, validate=True)
    except (binascii.Error, ValueError):
        raise RequestError("the image's data URI is not base64", param="image_url") from None


def _scheme(address: str) -> str | None:
    try:
        return urlparse(address).scheme
    except ValueError:
        return None


def _below(address: str, root: Path) -> bytes:
    base = root.resolve()
    try:
        path = unquote(urlparse(address).path) if address.startswith("file:") else address
        relative = str(Path(path).relative_to(base)) if Path(path).is_absolute() else path
        file = resolve(base, relative)
        if not file.is_file() or file.stat().st_size > MOST_BYTES:  # a pipe would never end
            raise ImageError("no file, or too large a one")
        return file.read_bytes()
    except (ImageError, ValueError, OSError):
        raise RequestError("there is no such image in the server's image folder", param="image_url") from None
