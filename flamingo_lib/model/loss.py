"""The loss on labelled tokens, and the padding that needs no mask."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

IGNORED = -100
"""The label of a token that no loss is taken on."""


def drop_right_padding(attention_mask: Tensor | None) -> Tensor | None:
    """None where all padding stands on the right: no token before it can see it, and without a mask attention is faster."""
    if attention_mask is None or attention_mask.ndim != 2 or torch.compiler.is_compiling():
        return attention_mask
    return None if bool((attention_mask[:, 1:] <= attention_mask[:, :-1]).all()) else attention_mask


def label_loss(logits: Tensor, targets: Tensor, weights: Tensor | None, items: Tensor | int | None) -> Tensor:
    """Cross-entropy of (k, vocabulary) logits: its (weighted) mean, or its (weighted) sum over `items`; 0 if there is no label."""
    losses = F.cross_entropy(logits.float(), targets, reduction="none")
    total = losses.sum() if weights is None else (losses * weights).sum()
    if items is None:
        items = len(targets) if weights is None else weights.sum()
    return total / (items.clamp(min=1e-9) if isinstance(items, Tensor) else max(items, 1))
