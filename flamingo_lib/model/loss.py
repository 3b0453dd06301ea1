"""The loss on labelled tokens: cross-entropy in chunks, so that all logits are never held at once."""

from __future__ import annotations

from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint
from transformers import PreTrainedModel

from ..media import IGNORE_INDEX

CHUNK = 8_000_000
"""Logits (labelled tokens x vocabulary) computed at a time."""


def supervised(
    labels: Tensor, weights: Tensor | None = None, items: Tensor | int | None = None
) -> tuple[Tensor, Tensor, Tensor]:
    """What the loss is taken on, with labels shifted: each token predicts the next one's label.

    Args:
        labels: (b, t), `IGNORE_INDEX` where there is no loss.
        weights: (b, t) of each label's loss; None: 1.
        items: what the summed loss is divided by; None: the number of labels, or the sum of their weights.

    Returns:
        keep: (b, t), True at the k tokens that predict a label.
        targets: (k,) their labels, in row order.
        scales: (k,) float32, what each one's loss is multiplied by.
    """
    following = F.pad(labels[:, 1:], (0, 1), value=IGNORE_INDEX)
    keep = following != IGNORE_INDEX
    targets = following[keep]
    scales = torch.ones(len(targets), device=labels.device)
    if weights is not None:
        scales = F.pad(weights[:, 1:], (0, 1))[keep].float()
    if items is None:
        items = scales.sum()
    return keep, targets, scales / (items.clamp(min=1e-9) if isinstance(items, Tensor) else max(items, 1))


def cross_entropy(hidden: Tensor, head: nn.Linear | None, targets: Tensor, scales: Tensor) -> Tensor:
    """The scaled sum of the cross-entropies of `head(hidden)`; 0 if there is no label.

    With more than `CHUNK` logits they are computed chunk by chunk, and once more in the backward pass.

    Args:
        hidden: (k, d) hidden states of the labelled tokens, or (k, vocabulary) logits if `head` is None.
        targets, scales: (k,) each.
    """
    if head is None:
        return _chunk_loss(hidden, None, targets, scales)
    rows = max(1, CHUNK // head.weight.shape[0])
    chunks = list(zip(hidden.split(rows), targets.split(rows), scales.split(rows), strict=True))
    if len(chunks) == 1:
        return _chunk_loss(hidden, head, targets, scales)
    return reduce(torch.add, (checkpoint(_chunk_loss, x, head, *rest, use_reentrant=False) for x, *rest in chunks))


def _chunk_loss(hidden: Tensor, head: nn.Linear | None, targets: Tensor, scales: Tensor) -> Tensor:
    logits = hidden if head is None else head(hidden)
    return (F.cross_entropy(logits.float(), targets, reduction="none") * scales).sum()


@torch.no_grad()
def logits_are_linear(language_model: PreTrainedModel) -> bool:
    """Whether a model's logits are its head's result on the last hidden states, as they are: asked with a few tokens.

    Some models cap or scale their logits after the head; their loss has to be taken on what their own forward returns.
    """
    head, decoder = language_model.get_output_embeddings(), language_model.get_decoder()
    if head is None or decoder is None or decoder is language_model:
        return False
    device = head.weight.device
    ids, results = torch.arange(4, device=device)[None], []  # one could be padding, all of whose logits are 0
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        for run in (language_model, decoder):  # with the same dropout, and without moving the training's randomness
            torch.manual_seed(0)
            results.append(run(input_ids=ids, use_cache=False))
    return torch.equal(head(results[1].last_hidden_state), results[0].logits)
