"""Sample packing of any dataset: `pack_windows` plans training windows from tokens and images alone, as a stream.

Best-fit decreasing on a buffer of samples with two bounds, tokens and images. Samples stay whole: no response is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

import numpy as np

from ...errors import ConfigError, DataError
from ...seeding import numpy_generator
from .strategies import BLUR, CHUNK, best_fit_chunk

FULL = 0.98
"""Fill from which a window leaves the buffer, 0 to 1; what is emptier than most is packed again with what follows."""


def pack_windows(
    sizes: Iterable[tuple[int, int]],
    *,
    context_length: int,
    max_images: int | None = None,
    seed: int = 0,
    epoch: int = 0,
    buffer: int = CHUNK,
    too_large: Literal["error", "leave_out"] = "error",
) -> Iterator[list[int]]:
    """Pack samples of any dataset into training windows, reading a stream of their sizes.

    Best-fit decreasing within a buffer: each sample, first those that take the largest shares of a window's tokens and
    images, goes into the window that it leaves the least room in. Every sample is in one window, whole. Nothing but
    sizes is read, and no more than `buffer` samples are held, so the stream may be endless. A hundred thousand samples
    take a few seconds.

    Args:
        sizes: (tokens, images) of each sample, image tokens included in the tokens.
        context_length: tokens that a window may hold.
        max_images: images that a window may hold; None for any number.
        seed, epoch: windows, their order, and the order within depend on these, `buffer` and the sizes only.
        buffer: samples considered together; more fill windows better and mix the order of the dataset more.
        too_large: what to do with a sample that fits no window: raise an error, or leave it out.

    Yields:
        The indices of a window's samples, counted along `sizes`.

    Raises:
        ConfigError: a window or a buffer without room.
        DataError: a sample longer than a window or with more images than one may hold (unless they are left out), or
            one without tokens; the index is named.

    Example:
        >>> list(pack_windows([(60, 1), (30, 0), (40, 1)], context_length=100, max_images=2))
        [[0, 2], [1]]
    """
    if context_length < 1 or buffer < 1 or (max_images is not None and max_images < 0):
        raise ConfigError(
            f"windows of {context_length} tokens and {max_images} images, from a buffer of {buffer} samples, are empty",
            remedy="Give a context_length and a buffer of at least 1, and max_images of at least 0.",
        )
    if too_large not in ("error", "leave_out"):
        raise ConfigError(f"too_large is {too_large!r}", remedy="Give 'error' or 'leave_out'.")
    return _pack(sizes, context_length, max_images, numpy_generator(seed, "windows", epoch), buffer, too_large)


def _pack(
    sizes: Iterable[tuple[int, int]],
    context_length: int,
    max_images: int | None,
    random: np.random.Generator,
    buffer: int,
    too_large: str,
) -> Iterator[list[int]]:
    rows = enumerate(sizes)
    held = np.zeros((0, 3), np.int64)  # index, tokens, images
    while True:
        read = [(index, int(tokens), int(images)) for index, (tokens, images) in islice(rows, buffer - len(held))]
        fresh = np.array(read, np.int64).reshape(-1, 3)
        fits = require_fit(fresh[:, 1], fresh[:, 2], context_length, max_images, fresh[:, 0], too_large == "error")
        held = np.concatenate([held, fresh[fits]])
        last = len(read) == 0
        windows = _fill(held, context_length, max_images, random) if len(held) else []
        if not last:
            windows, held = _emit(windows, held, context_length, len(held) - len(fresh) < buffer // 2)
        for number in random.permutation(len(windows)):
            yield random.permutation(windows[number]).tolist()
        if last:
            return


def require_fit(
    tokens: np.ndarray,
    images: np.ndarray,
    context_length: int,
    max_images: int | None,
    names: Sequence[str | int] | np.ndarray,
    strict: bool = True,
) -> np.ndarray:
    """Which samples fit a window (n,); with `strict` an error if one does not.

    Raises:
        DataError: a sample with no tokens; with `strict`, samples longer than a window or with more images than one
            may hold. The first is named.
    """
    checks = [(tokens < 1, "have no tokens", "the first is empty", "Leave them out.", True)]
    if len(tokens):
        long, many = tokens > context_length, images > (images.max() if max_images is None else max_images)
        first_long, first_many = tokens[long.argmax()], images[many.argmax()]
        what = f"are longer than a window of {context_length} tokens"
        checks.append((long, what, f"the first has {first_long}", "Give longer windows, or leave them out.", strict))
        what = f"have more images than the {max_images} that a window may hold"
        checks.append((many, what, f"the first has {first_many}", "Raise max_images, or leave them out.", strict))
    fits = np.ones(len(tokens), bool)
    for bad, what, first, remedy, error in checks:
        if error and bad.any():
            raise DataError(
                f"{int(bad.sum())} of {len(tokens)} samples {what}, {first}",
                record=str(names[int(bad.argmax())]),
                remedy=remedy,
            )
        fits &= ~bad
    return fits


def _fill(
    held: np.ndarray, context_length: int, max_images: int | None, random: np.random.Generator
) -> list[np.ndarray]:
    """Indices of each window's samples."""
    tokens, images = held[:, 1], held[:, 2] if max_images is not None else np.zeros(len(held), np.int64)
    share = tokens / context_length + images / max(max_images or 0, 1)
    order = np.argsort(-share * (1 - BLUR * random.random(len(held))), kind="stable")
    assigned, used = best_fit_chunk(tokens[order].tolist(), images[order].tolist(), context_length, max_images or 0)
    window = np.array(assigned)
    together = np.argsort(window, kind="stable")
    ends = np.searchsorted(window[together], np.arange(1, used))
    return np.split(held[order[together], 0], ends)


def _emit(
    windows: list[np.ndarray], held: np.ndarray, context_length: int, patient: bool
) -> tuple[list[np.ndarray], np.ndarray]:
    """Windows that leave the buffer, and the samples that stay: those of windows that more samples may fill up."""
    if not patient:
        return windows, held[:0]
    length = dict(zip(held[:, 0].tolist(), held[:, 1].tolist(), strict=True))
    fill = np.array([sum(length[index] for index in window.tolist()) for window in windows]) / context_length
    full = (fill >= FULL) | (fill >= np.median(fill)) if len(windows) else np.zeros(0, bool)
    kept = [window for window, done in zip(windows, full, strict=True) if not done]
    stays = np.isin(held[:, 0], np.concatenate(kept)) if kept else np.zeros(len(held), bool)
    return [window for window, done in zip(windows, full, strict=True) if done], held[stays]
