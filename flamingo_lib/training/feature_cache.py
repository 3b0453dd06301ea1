"""Visual features computed once per image and kept in a memory-mapped file.

A cache belongs to one tower: its folder is named by a fingerprint of the weights and the preprocessing, so another
tower, or the same tower trained on, starts another cache. Rows are keyed by the image file's content, so a renamed
image is found and a changed one is not. Several processes may fill and read one cache at once: appending holds a
lock, and a row counts only once its key is written, which happens after the row is on disk.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from filelock import FileLock

from ..errors import CheckpointError, DataError
from ..progress import Progress
from ..storage import fingerprint, read_json, storage_errors, write_json

if TYPE_CHECKING:
    from torch import nn

KEY_BYTES = 16


class FeatureCache:
    """Feature arrays of one shape by image content.

    Args:
        folder: where caches live; this one takes the subfolder `tower`.
        tower: the fingerprint of what computes the features (`weights_fingerprint`).
        shape: shape of one image's features, e.g. (vision tokens, width) or (latents, width).
        dtype: a NumPy type name.

    Raises:
        CheckpointError: the folder holds features of another shape or type.
    """

    def __init__(self, folder: str | os.PathLike, *, tower: str, shape: Sequence[int], dtype: str = "float32") -> None:
        self.folder = Path(folder) / tower
        self.shape, self.dtype = tuple(int(side) for side in shape), np.dtype(dtype)
        self._row_bytes = int(np.prod(self.shape)) * self.dtype.itemsize
        self._keys_file, self._rows_file = self.folder / "keys.bin", self.folder / "rows.bin"
        self._index: dict[bytes, int] = {}
        self._rows: np.ndarray | None = None
        self._content_keys: dict[tuple[str, int, int], bytes] = {}
        self._lock = FileLock(self.folder / "lock")
        with storage_errors(self.folder / "lock"):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        try:
            expected = {"tower": tower, "shape": list(self.shape), "dtype": self.dtype.name}
            meta = self.folder / "meta.json"
            if not meta.exists():
                write_json(meta, expected)
            elif read_json(meta) != expected:
                raise CheckpointError(
                    "the feature cache is of another shape or type",
                    file=meta,
                    remedy="Remove the folder; it is made anew.",
                )
        finally:
            self._lock.release()
        self._refresh()

    def __len__(self) -> int:
        return len(self._index)

    def key(self, path: str | os.PathLike) -> bytes:
        """The key of an image file: a hash of its bytes; read again only when its size or time changes."""
        try:
            state = os.stat(path)
            identity = (os.fspath(path), state.st_size, state.st_mtime_ns)
            if identity not in self._content_keys:
                self._content_keys[identity] = hashlib.blake2b(Path(path).read_bytes(), digest_size=KEY_BYTES).digest()
        except OSError as error:
            raise DataError(f"the image cannot be read: {error.strerror}", file=path) from error
        return self._content_keys[identity]

    def missing(self, keys: Iterable[bytes]) -> list[bytes]:
        """Those of `keys` that are not stored, each once, in order."""
        keys = list(dict.fromkeys(keys))
        if any(key not in self._index for key in keys):
            self._refresh()
        return [key for key in keys if key not in self._index]

    def add(self, keys: Sequence[bytes], features: np.ndarray) -> None:
        """Store `features`, `(n, *shape)`, under n `keys`; keys that another process has stored are skipped."""
        features = np.ascontiguousarray(features, dtype=self.dtype)
        if features.shape != (len(keys), *self.shape):
            raise ValueError(f"features of shape {features.shape}, expected {(len(keys), *self.shape)}")
        with self._lock:
            self._refresh()
            fresh = [position for position, key in enumerate(keys) if key not in self._index]
            if not fresh:
                return
            stored = len(self._index)
            with (
                storage_errors(self._rows_file),
                open(self._rows_file, "r+b" if self._rows_file.exists() else "w+b") as file,
            ):
                file.seek(stored * self._row_bytes)  # over what a killed process may have left
                file.write(features[fresh].tobytes())
                file.flush()
                os.fsync(file.fileno())
            with (
                storage_errors(self._keys_file),
                open(self._keys_file, "r+b" if self._keys_file.exists() else "w+b") as file,
            ):
                file.truncate(stored * KEY_BYTES)
                file.seek(stored * KEY_BYTES)
                file.write(b"".join(keys[position] for position in fresh))
                file.flush()
                os.fsync(file.fileno())
        self._refresh()

    def get(self, keys: Sequence[bytes]) -> np.ndarray:
        """The features of `keys`, `(n, *shape)`; a key that is not stored is a `KeyError`."""
        if any(key not in self._index for key in keys):
            self._refresh()
        rows = [self._index[key] for key in keys]
        if not rows:
            return np.zeros((0, *self.shape), self.dtype)
        return np.asarray(cast(np.ndarray, self._rows)[rows])

    def _refresh(self) -> None:
        stored = self._keys_file.stat().st_size // KEY_BYTES if self._keys_file.exists() else 0
        if stored == len(self._index):
            return
        with open(self._keys_file, "rb") as file:
            file.seek(len(self._index) * KEY_BYTES)
            for position in range(len(self._index), stored):
                self._index[file.read(KEY_BYTES)] = position
        self._rows = np.memmap(self._rows_file, self.dtype, "r", shape=(stored, *self.shape))

    def fill(
        self,
        paths: Iterable[str | os.PathLike],
        encode: Callable[[list[Path]], np.ndarray],
        *,
        batch_size: int = 64,
        rank: int = 0,
        processes: int = 1,
    ) -> int:
        """Compute the features of all `paths` that lack them; returns how many were computed here.

        Every batch has `batch_size` images (the last is filled up by repeating one), so that an image's features do
        not depend on how many others were missing. Of several `processes` each takes its own share.

        Args:
            paths: image files.
            encode: image files to features `(n, *shape)`.
        """
        by_key: dict[bytes, Path] = {}
        for path in paths:
            by_key.setdefault(self.key(path), Path(path))
        todo = self.missing(by_key)[rank::processes]
        with Progress("visual features", len(todo), "images") as progress:
            for start in range(0, len(todo), batch_size):
                keys = todo[start : start + batch_size]
                batch = [by_key[key] for key in keys]
                features = encode(batch + batch[-1:] * (batch_size - len(batch)))
                self.add(keys, np.asarray(features)[: len(keys)])
                progress.update(len(keys))
        return len(todo)


def weights_fingerprint(modules: Sequence[nn.Module], *details: Any) -> str:
    """A 16-digit hash of modules' weights (names, types, values) and JSON-like `details` such as preprocessing."""
    import torch

    digest = hashlib.blake2b(digest_size=16)
    for module in modules:
        for name, tensor in sorted(module.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().data if flat.numel() else b"")
    return fingerprint(digest.hexdigest(), details)
