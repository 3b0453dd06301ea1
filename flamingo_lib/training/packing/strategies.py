"""Multi-turn augmentation: which samples share a window (docs/method.md, section 5).

A window is one training row: the system message, then samples as later turns, up to the context length and the
image limit. Three strategies:

- ``none``: a sample a window, cut at the context length.
- ``random_fill``: the paper's. Each sample begins a window; others are drawn at random and appended until it is full,
  and the last is cut. (That each begins one is our reading of the paper's hours: stage 1 takes as long as the
  rewriter's training, whose three epochs have as many windows of one sample each.)
- ``best_fit``: ours. Whole samples only, each put where it leaves the least room; nothing is cut, and samples that
  fit no window are left out and counted.

Planning reads lengths only, never tokens, so a million samples take seconds. Every epoch draws anew.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import ConfigError, DataError
from ...seeding import numpy_generator
from .plan import Sizes, WindowPlan

STRATEGIES = ("none", "random_fill", "best_fit")

CHUNK = 1 << 16
"""Samples that `best_fit` considers together; the chunks are drawn anew every epoch."""

BLUR = 0.2
"""How far `best_fit` may take a sample for a shorter one (share of its length) when it sorts them."""

GROUPED_BATCHES = 50
"""Batches within which windows are sorted by length."""


def plan_windows(
    sizes: Sizes,
    *,
    strategy: str,
    context_length: int,
    max_images: int,
    header: int,
    seed: int,
    epoch: int = 0,
    batch_size: int = 1,
    lead: int = 0,
    names: Sequence[str] | None = None,
) -> WindowPlan:
    """Plan one epoch of windows.

    Args:
        sizes: what the samples measure.
        strategy: one of `STRATEGIES`.
        context_length: tokens in a window, the system message included.
        max_images: images in a window; a sample with more is left out.
        header: tokens of the system message.
        seed, epoch: the draw depends on these and the sizes only.
        batch_size: windows in a batch; `best_fit` lets windows of like lengths share one.
        lead: windows that come before the first batch of this epoch, to complete the last batch of the epoch before.
        names: the samples' ids, for error messages.

    Raises:
        ConfigError: an unknown strategy, or no room beside the system message.
        DataError: a sample without a label, or a window in which no label would be left.
    """
    if strategy not in STRATEGIES:
        raise ConfigError(
            f"there is no packing strategy {strategy!r}", remedy=f"Choose one of {', '.join(STRATEGIES)}."
        )
    capacity = context_length - header
    if capacity < 2:
        raise ConfigError(
            f"a context of {context_length} tokens has no room beside a system message of {header}",
            remedy="Raise context_length.",
        )
    _require_labels(
        sizes,
        np.arange(len(sizes)),
        sizes.tokens,
        names,
        "the sample has no token to learn from",
        "Give it a response.",
    )
    random = numpy_generator(seed, "packing", epoch)
    order = random.permutation(len(sizes))
    usable = sizes.images[order] <= max_images
    if strategy == "best_fit":
        usable &= sizes.tokens[order] <= capacity
    order, left_out = order[usable], np.sort(order[~usable])
    if not len(order):
        raise DataError(
            f"none of {len(sizes)} samples fits a window of {context_length} tokens and {max_images} images",
            remedy="Raise context_length or max_images.",
        )
    if strategy == "best_fit":
        samples, keep, starts = _best_fit(sizes, order, capacity, max_images, random)
    elif strategy == "random_fill":
        samples, keep, starts = _random_fill(sizes, order, capacity, max_images, random)
    else:
        samples, keep, starts = order, np.minimum(sizes.tokens[order], capacity), np.arange(len(order) + 1)
    if strategy != "best_fit":  # a window's first sample is whole unless it is longer than the window
        _require_labels(
            sizes,
            samples[starts[:-1]],
            keep[starts[:-1]],
            names,
            (
                f"the sample's response begins after the window of {context_length} tokens ends, so the window has no "
                f"label"
            ),
            "Raise context_length or leave the sample out.",
        )
    plan = WindowPlan(
        samples.astype(np.int32),
        keep.astype(np.int32),
        starts.astype(np.int64),
        header,
        context_length,
        batch_size,
        left_out,
    )
    return plan.reordered(group_by_length(plan.lengths, batch_size, random, lead)) if strategy == "best_fit" else plan


def _require_labels(
    sizes: Sizes, samples: np.ndarray, keep: np.ndarray, names: Sequence[str] | None, what: str, remedy: str
) -> None:
    bad = np.flatnonzero(sizes.first_label[samples] >= np.minimum(keep, sizes.tokens[samples]))
    if len(bad):
        index = int(samples[bad[0]])
        others = f" ({len(bad)} samples in all)" if len(bad) > 1 else ""
        raise DataError(what + others, record=names[index] if names is not None else index, remedy=remedy)


def _random_fill(
    sizes: Sizes, order: np.ndarray, capacity: int, max_images: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fill up all windows at once, a draw for each that has room in every round; an image too many closes a window."""
    drawn, owner = [order], [np.arange(len(order))]
    room, images_left = capacity - sizes.tokens[order], max_images - sizes.images[order]
    keep = [np.minimum(sizes.tokens[order], capacity)]
    active = np.flatnonzero(room > 0)
    while len(active):
        sample = order[random.integers(len(order), size=len(active))]
        fits = sizes.images[sample] <= images_left[active]
        sample, active = sample[fits], active[fits]
        drawn.append(sample)
        owner.append(active)
        keep.append(np.minimum(sizes.tokens[sample], room[active]))
        room[active] -= sizes.tokens[sample]
        images_left[active] -= sizes.images[sample]
        active = active[room[active] > 0]
    window = np.concatenate(owner)
    turns = np.argsort(window, kind="stable")
    starts = np.searchsorted(window[turns], np.arange(len(order) + 1))
    return np.concatenate(drawn)[turns], np.concatenate(keep)[turns], starts


def _best_fit(
    sizes: Sizes, order: np.ndarray, capacity: int, max_images: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Best-fit decreasing within random chunks, the order of lengths blurred so that partners differ between epochs."""
    window_of = np.empty(len(order), np.int64)
    sequence = np.empty_like(order)
    windows = 0
    for start in range(0, len(order), CHUNK):
        chunk = order[start : start + CHUNK]
        chunk = chunk[np.argsort(-sizes.tokens[chunk] * (1 - BLUR * random.random(len(chunk))), kind="stable")]
        assigned, used = best_fit_chunk(
            sizes.tokens[chunk].tolist(), sizes.images[chunk].tolist(), capacity, max_images
        )
        window_of[start : start + len(chunk)] = assigned
        window_of[start : start + len(chunk)] += windows
        sequence[start : start + len(chunk)] = chunk
        windows += used
    turns = np.lexsort((random.random(len(order)), window_of))
    samples = sequence[turns]
    starts = np.searchsorted(window_of[turns], np.arange(windows + 1))
    return samples, sizes.tokens[samples], starts


def best_fit_chunk(tokens: list[int], images: list[int], capacity: int, max_images: int) -> tuple[list[int], int]:
    """The window of each sample, and how many windows there are.

    Open windows are kept by images left and room left; bit r of ``rooms[m]`` says that some window with m images
    left has room r, so the tightest window is the lowest set bit from the sample's length on.
    """
    rooms = [0] * (max_images + 1)
    open_windows: list[dict[int, list[int]]] = [{} for _ in range(max_images + 1)]
    assigned, used = [], 0
    for length, need in zip(tokens, images, strict=True):
        best, left = capacity + 1, -1
        for images_left in range(need, max_images + 1):
            fitting = rooms[images_left] >> length
            if fitting:
                room = length + (fitting & -fitting).bit_length() - 1
                if room < best:
                    best, left = room, images_left
                    if room == length:
                        break
        if left < 0:
            window, best, left = used, capacity, max_images
            used += 1
        else:
            stack = open_windows[left][best]
            window = stack.pop()
            if not stack:
                rooms[left] ^= 1 << best
        assigned.append(window)
        room, left = best - length, left - need
        if room:
            stack = open_windows[left].setdefault(room, [])
            if not stack:
                rooms[left] |= 1 << room
            stack.append(window)
    return assigned, used


def group_by_length(lengths: np.ndarray, batch_size: int, random: np.random.Generator, lead: int = 0) -> np.ndarray:
    """A random order of windows (windows,) with `batch_size` neighbours of like length, after the first `lead`."""
    order = random.permutation(len(lengths))
    if batch_size <= 1:
        return order
    first, order = order[:lead], order[lead:]
    span = batch_size * GROUPED_BATCHES
    batches: list[np.ndarray] = []
    for start in range(0, len(order), span):
        part = order[start : start + span]
        part = part[np.argsort(-lengths[part], kind="stable")]
        batches += [part[begin : begin + batch_size] for begin in range(0, len(part), batch_size)]
    whole = [batch for batch in batches if len(batch) == batch_size]
    rest = [
        batch for batch in batches if len(batch) < batch_size
    ]  # a short batch stays last, so that no batch straddles two groups
    return np.concatenate([first] + [whole[index] for index in random.permutation(len(whole))] + rest)
