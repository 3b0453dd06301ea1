"""Windows as training rows: `WindowDataset` maps an index to the tokens of one window.

The windows of all epochs stand one after the other, each epoch planned anew, so that one number, the index, says
everything about a row: a killed run goes on at the next index and sees exactly what it would have seen.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from torch.utils.data import Dataset

from ...config import StageConfig
from .plan import WindowPlan
from .strategies import plan_windows
from .tokenized import TokenTable


@dataclass(frozen=True)
class WindowRow:
    """One window of T tokens.

    Attributes:
        ids: token ids (T,).
        labelled: which tokens are supervised (T,).
        attended: the image of the window each token attends to, 1-based, 0 none (T,).
        turn: which sample of the window a token belongs to, 1-based, 0 for the system message (T,).
        images: image files, in the order of the window.
    """

    ids: np.ndarray
    labelled: np.ndarray
    attended: np.ndarray
    turn: np.ndarray
    images: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.ids)


def window_row(table: TokenTable, samples: np.ndarray, keep: np.ndarray) -> WindowRow:
    """Put examples together as the turns of one conversation, each attending to its own images.

    A cut example, always the last of its window, brings all its images, though what is left may attend to fewer.
    """
    header = len(table.header)
    first = table.attended[table.offsets[samples[0]]]  # the system message attends as the first turn's text does
    ids, labelled, attended = [table.header], [np.zeros(header, bool)], [np.full(header, first, np.int64)]
    turn = [np.zeros(header, np.int64)]
    images: list[str] = []
    for number, (sample, kept) in enumerate(zip(samples.tolist(), keep.tolist(), strict=True), start=1):
        part_ids, part_labelled, part_attended = table.part(sample, kept)
        ids.append(part_ids)
        labelled.append(part_labelled)
        attended.append(np.where(part_attended > 0, part_attended.astype(np.int64) + len(images), 0))
        turn.append(np.full(kept, number))
        images += table.images[sample]
    return WindowRow(
        np.concatenate(ids), np.concatenate(labelled), np.concatenate(attended), np.concatenate(turn), tuple(images)
    )


class WindowDataset(Dataset):
    """All windows of a training stage, in the order in which they are trained on.

    Args:
        table: the rendered examples.
        stage: context length, image limit, packing, batch size, and how long to train.
        seed: the draw of epoch e depends on `(seed, e)` and the examples' sizes only.

    Attributes:
        steps: optimizer steps: `stage.max_steps`, or as many as `stage.epochs` hold. The last batch is filled up from
            the epoch after.
    """

    def __init__(self, table: TokenTable, stage: StageConfig, *, seed: int) -> None:
        self.table, self.stage, self.seed = table, stage, seed
        self._sizes = table.sizes
        self._plan: tuple[int, WindowPlan] | None = None
        self._ends: list[int] = []  # how many windows the epochs so far hold in all
        self.steps = stage.max_steps or math.ceil(self._windows_of(stage.epochs) / stage.batch_size)

    def _windows_of(self, epochs: float) -> float:
        whole, part = int(epochs), epochs - int(epochs)
        before = 0
        for epoch in range(whole + (part > 0)):
            before = self._ends[epoch - 1] if epoch else 0
            self._end(epoch)
        return self._ends[whole - 1] if not part else before + part * (self._ends[whole] - before)

    def _end(self, epoch: int) -> int:
        while len(self._ends) <= epoch:
            self.plan(len(self._ends))
        return self._ends[epoch]

    def plan(self, epoch: int) -> WindowPlan:
        """The windows of one epoch; the first of them complete the last batch of the epoch before."""
        if self._plan is None or self._plan[0] != epoch:
            begin = self._end(epoch - 1) if epoch else 0
            stage = self.stage
            plan = plan_windows(
                self._sizes,
                strategy=stage.packing,
                context_length=stage.context_length,
                max_images=stage.max_images,
                header=len(self.table.header),
                seed=self.seed,
                epoch=epoch,
                batch_size=stage.batch_size,
                lead=-begin % stage.batch_size,
                names=self.table.names,
            )
            if epoch == len(self._ends):
                self._ends.append(begin + len(plan))
            self._plan = epoch, plan
        return self._plan[1]

    def __len__(self) -> int:
        return self.steps * self.stage.batch_size

    def __getitem__(self, index: int) -> WindowRow:
        if not 0 <= index < len(self):
            raise IndexError(index)
        while not self._ends or self._ends[-1] <= index:
            self._end(len(self._ends))
        epoch = bisect_right(self._ends, index)
        plan = self.plan(epoch)
        return window_row(self.table, *plan.window(index - (self._ends[epoch - 1] if epoch else 0)))

    @cached_property
    def image_files(self) -> tuple[str, ...]:
        """Every image that may be shown, once."""
        return tuple(dict.fromkeys(file for files in self.table.images for file in files))
