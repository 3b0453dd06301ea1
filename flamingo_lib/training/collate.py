"""Windows to a batch of tensors: right padded, with labels and visual inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..media import IGNORE_INDEX
from .packing.dataset import WindowRow


@dataclass(frozen=True)
class Collator:
    """Makes the model's keyword arguments of windows.

    Attributes:
        pad_token_id: fills the ends of short windows.
        visuals: image files of each row to visual inputs (see `visuals.Visuals`); None for a model call without images.
        isolate_turns: no text attention between the turns of a window; all see the system message.
        attend_within_turn: give the attended image of each token as rendered; False leaves it to the model's media
            rule, which then runs over the whole window.
        pad_to: pad every batch to this length, for fixed shapes; by default to its longest window.
    """

    pad_token_id: int
    visuals: Callable[[Sequence[Sequence[str]]], dict[str, Tensor]] | None = None
    isolate_turns: bool = False
    attend_within_turn: bool = True
    pad_to: int | None = None

    def __call__(self, rows: Sequence[WindowRow]) -> dict[str, Tensor]:
        """B rows to `input_ids`, `labels`, `attention_mask`, `attended_image` (B, T) and the visual inputs (B, M, ...).

        The longest row comes first, so that neighbouring rows are of about one length.
        With `isolate_turns` the attention mask is (B, 1, T, T), True where a token may look.
        """
        rows = sorted(rows, key=len, reverse=True)
        length = max(self.pad_to or 0, len(rows[0]))

        def padded(name: str, fill: int) -> np.ndarray:
            out = np.full((len(rows), length), fill, np.int64)
            for line, row in zip(out, rows, strict=True):
                line[: len(row)] = getattr(row, name)
            return out

        ids = padded("ids", self.pad_token_id)
        batch = {"input_ids": ids, "labels": np.where(padded("labelled", 0) > 0, ids, IGNORE_INDEX)}
        if self.attend_within_turn:
            batch["attended_image"] = padded("attended", 0)
        if self.isolate_turns:
            turn = padded("turn", -1)
            same = (turn[:, :, None] == turn[:, None, :]) | (turn[:, None, :] == 0)
            batch["attention_mask"] = (same & np.tri(length, dtype=bool))[:, None]
        else:
            batch["attention_mask"] = (np.arange(length) < np.array([[len(row)] for row in rows])).astype(np.int64)
        tensors = {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in batch.items()}
        if self.visuals is not None:
            tensors |= self.visuals([row.images for row in rows])
        return tensors
