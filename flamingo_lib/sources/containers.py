"""Pictures in containers, ``container@member``: zip members, CIFAR pickles, MNIST IDX files, FER-2013 rows.

Each `read_member` returns the bytes of an encoded picture (PNG where the container holds bare pixels). Pickles are read
by an unpickler that knows NumPy arrays and nothing else, since a pickle may otherwise run code.
"""

from __future__ import annotations

import csv
import gzip
import io
import lzma
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import DataError

MAX_MEMBER_BYTES = 256 << 20
"""A zip member that unpacks to more is refused."""


BROKEN = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError)
"""What decompressing raises of damaged data."""


class ContainerError(DataError):
    """A container that is missing or broken, or that lacks the member."""


def members(path: str) -> list[tuple[str, str]]:
    """All (container, member) readings of `path`: ``train.zip@cat/1.jpg`` as ``("train.zip", "cat/1.jpg")``.

    The container is one by its name alone; whether it is there is not asked.
    """
    return [
        (path[:at], path[at + 1 :])
        for at, sign in enumerate(path)
        if sign == "@" and path[at + 1 :] and _kind(path[:at].rpartition("/")[2])
    ]


def is_archive(container: str) -> bool:
    """True if the name alone says that this is a container; False of the plain words that CIFAR calls its batches."""
    return _kind(container.rpartition("/")[2]) not in ("", "pickle")


def _kind(name: str) -> str:
    lower = name.lower()
    if lower.endswith(".zip"):
        return "zip"
    if "idx3-ubyte" in lower or "idx3.ubyte" in lower:
        return "idx"
    if lower.endswith(".csv"):
        return "csv"
    if lower.startswith(("data_batch", "test_batch")) or lower in ("train", "test", "meta"):
        return "pickle"
    return ""


def read_member(container: Path, member: str) -> bytes:
    """The encoded picture called `member` in `container`; `ContainerError` if it isn't there."""
    if not container.exists():
        raise ContainerError("the image is missing: no such container", file=container)
    kind = _kind(container.name)
    if kind == "zip":
        return _read_zip(container, member)
    try:
        index = int(member)
    except ValueError:
        raise ContainerError(
            "the image is missing: the member is not a number", file=container, record=member
        ) from None
    readers: dict[str, Callable[[Path], Any]] = {"pickle": pickled_pixels, "idx": idx_array, "csv": fer_pixels}
    pixels = readers[kind](container)
    if not 0 <= index < len(pixels):
        raise ContainerError("the image is missing from its container", file=container, record=member)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[index])).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def _stamp(path: Path) -> tuple[int, int]:
    """A key that changes when the file does, so that a cached container is dropped."""
    try:
        status = path.stat()
    except OSError:
        raise ContainerError("the file is missing", file=path) from None
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=16)
def _zip(path: Path, stamp: tuple[int, int]) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(path)
    except (zipfile.BadZipFile, *BROKEN, NotImplementedError, struct.error) as error:
        raise ContainerError(f"the archive is broken: {error}", file=path) from error


def has_member(container: Path, member: str) -> bool:
    """True if the archive holds a file of that name; `ContainerError` if it is broken."""
    return member in _zip(container, _stamp(container)).NameToInfo


def _read_zip(container: Path, member: str) -> bytes:
    archive = _zip(container, _stamp(container))
    try:
        info = archive.getinfo(member)
    except KeyError:
        raise ContainerError("the image is missing from its archive", file=container, record=member) from None
    if info.file_size > MAX_MEMBER_BYTES:
        raise ContainerError("the image is enormous: its archive member is over 256 MB", file=container, record=member)
    if info.file_size == 0:
        raise ContainerError("the image file is empty (zero bytes)", file=container, record=member)
    try:
        return archive.read(info)
    except (zipfile.BadZipFile, *BROKEN, NotImplementedError, RuntimeError) as error:
        raise ContainerError(f"the image is truncated or broken: {error}", file=container, record=member) from error


_multiarray: Any = import_module("numpy._core.multiarray")

ARRAY_PARTS = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): _multiarray._reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): _multiarray._reconstruct,
    ("numpy.core.multiarray", "scalar"): _multiarray.scalar,
    ("numpy._core.multiarray", "scalar"): _multiarray.scalar,
}
"""What a pickle may name: the parts of a NumPy array, by their old and new module names."""


class _ArrayUnpickler(pickle.Unpickler):
    """Loads containers of numbers, strings and NumPy arrays; any other class is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):  # Python 2 strings inside array states
            return lambda text, encoding: text.encode("latin1")
        try:
            return ARRAY_PARTS[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"{module}.{name} is not data") from None


def load_pickle(path: Path) -> Any:
    """Plain data of a pickle (Python 2 ones as Latin-1); `ContainerError` if it holds anything else."""
    return _load_pickle(path, _stamp(path))


@lru_cache(maxsize=8)
def _load_pickle(path: Path, stamp: tuple[int, int]) -> Any:
    try:
        with open(path, "rb") as file:
            return _ArrayUnpickler(file, encoding="latin1").load()
    except Exception as error:  # a damaged pickle may raise anything
        raise ContainerError(f"the pickle is broken or unsafe: {error}", file=path) from error


def pickled_pixels(path: Path) -> np.ndarray:
    """CIFAR pictures of a batch, (n, 32, 32, 3) uint8."""
    content = load_pickle(path)
    try:
        return np.asarray(content["data"], dtype=np.uint8).reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    except (KeyError, TypeError, ValueError) as error:
        raise ContainerError(f"not a CIFAR batch: {error}", file=path) from error


def idx_array(path: Path) -> np.ndarray:
    """The uint8 array of an IDX file, gzipped or not: (n, rows, cols) pictures or (n,) labels."""
    return _idx_array(path, _stamp(path))


@lru_cache(maxsize=8)
def _idx_array(path: Path, stamp: tuple[int, int]) -> np.ndarray:
    try:
        with open(path, "rb") as file:
            content = file.read()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        zero, kind, dimensions = struct.unpack_from(">HBB", content)
        shape = struct.unpack_from(f">{dimensions}I", content, 4)
    except (*BROKEN, struct.error) as error:
        raise ContainerError(f"the IDX file is broken: {error}", file=path) from error
    values = np.frombuffer(content, dtype=np.uint8, offset=4 + 4 * dimensions)
    if zero != 0 or kind != 8 or values.size != int(np.prod(shape, dtype=np.int64)):
        raise ContainerError("the IDX file is broken: its header and its length disagree", file=path)
    return values.reshape(shape)


def fer_rows(path: Path) -> tuple[tuple[str, str, np.ndarray | str], ...]:
    """Rows of FER-2013 CSV: (emotion or "", usage or "", pixels (48, 48) uint8, or a reason why there are none)."""
    return _fer_rows(path, _stamp(path))


@lru_cache(maxsize=4)
def _fer_rows(path: Path, stamp: tuple[int, int]) -> tuple[tuple[str, str, np.ndarray | str], ...]:
    rows = []
    try:
        with open(path, newline="", encoding="utf-8", errors="replace") as file:
            for row in csv.DictReader(file):
                row = {(key or "").strip().lower(): value for key, value in row.items()}
                try:
                    values = np.array((row.get("pixels") or "").split(), dtype=np.int64)
                    if values.size != 48 * 48 or values.min() < 0 or values.max() > 255:
                        raise ValueError(f"{values.size} values")
                    pixels: np.ndarray | str = values.astype(np.uint8).reshape(48, 48)
                except ValueError as error:
                    pixels = f"not 48 x 48 pixels from 0 to 255: {error}"
                rows.append((row.get("emotion") or "", row.get("usage") or "", pixels))
    except (csv.Error, OSError) as error:
        raise ContainerError(f"the table cannot be read: {error}", file=path) from error
    return tuple(rows)


def fer_pixels(path: Path) -> list[np.ndarray]:
    """Pictures of a FER-2013 CSV, (48, 48) uint8 each."""
    pictures = []
    for _, _, pixels in fer_rows(path):
        if isinstance(pixels, str):
            pixels = np.zeros((0, 0), np.uint8)  # keeps the numbering; the reader has put this row aside
        pictures.append(pixels)
    return pictures
