"""Packing plan: which samples go into which training window, in what order, and how full the windows are."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Sizes:
    """What packing must know of n samples; each field is an int array (n,).

    Attributes:
        tokens: length of the sample as a later turn, without the system message.
        images: how many images it brings.
        first_label: index of its first supervised token; `tokens` if it has none.
        labels: how many of its tokens are supervised.
    """

    tokens: np.ndarray
    images: np.ndarray
    first_label: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.tokens)


@dataclass(frozen=True)
class PackingReport:
    """How well windows are filled.

    Attributes:
        windows: how many.
        fill: share of window positions that hold a token, 0 to 1.
        batch_fill: the same with every batch padded only to its longest window.
        cut_responses: samples whose response lost tokens.
        left_out: samples that fit no window.
        samples_a_window, images_a_window, labels_a_window: means.
    """

    windows: int
    fill: float
    batch_fill: float
    cut_responses: int
    left_out: int
    samples_a_window: float
    images_a_window: float
    labels_a_window: float


@dataclass(frozen=True)
class WindowPlan:
    """Which samples stand in which window, in training order.

    Attributes:
        samples: sample indices of all windows, one after the other (m,).
        keep: tokens kept of each of them (m,).
        starts: where each window begins in `samples` (windows + 1,).
        header: tokens of the system message, once a window.
        context_length: tokens in a window.
        batch_size: windows that are batched together (they have like lengths).
        left_out: indices of samples that fit no window.
    """

    samples: np.ndarray
    keep: np.ndarray
    starts: np.ndarray
    header: int
    context_length: int
    batch_size: int
    left_out: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def window(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Sample indices and kept tokens of one window, in the order of its turns."""
        part = slice(self.starts[index], self.starts[index + 1])
        return self.samples[part], self.keep[part]

    @property
    def lengths(self) -> np.ndarray:
        """Tokens in each window, the system message included (windows,)."""
        return self.header + np.add.reduceat(self.keep, self.starts[:-1]) if len(self) else np.zeros(0, np.int64)

    def reordered(self, order: np.ndarray) -> WindowPlan:
        """The plan with its windows in another order (windows,)."""
        counts = np.diff(self.starts)[order]
        starts = np.concatenate([[0], np.cumsum(counts)])
        index = np.repeat(self.starts[:-1][order] - starts[:-1], counts) + np.arange(starts[-1])
        return replace(self, samples=self.samples[index], keep=self.keep[index], starts=starts)

    def report(self, sizes: Sizes) -> PackingReport:
        """Measure the plan against the `sizes` it was made from."""
        count, lengths = max(len(self), 1), self.lengths
        padded = sum(
            int(lengths[start : start + self.batch_size].max()) * len(lengths[start : start + self.batch_size])
            for start in range(0, len(lengths), self.batch_size)
        )
        cut = self.keep < sizes.tokens[self.samples]
        labels = np.where(
            cut,
            np.clip(self.keep - sizes.first_label[self.samples], 0, sizes.labels[self.samples]),
            sizes.labels[self.samples],
        )
        return PackingReport(
            windows=len(self),
            fill=float(lengths.sum() / (count * self.context_length)),
            batch_fill=float(lengths.sum() / max(padded, 1)),
            cut_responses=int(cut.sum()),
            left_out=len(self.left_out),
            samples_a_window=len(self.samples) / count,
            images_a_window=float(sizes.images[self.samples].sum() / count),
            labels_a_window=float(labels.sum() / count),
        )
