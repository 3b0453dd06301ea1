"""The loss on labelled tokens: logits in small pieces that are gone before the next is made, and no mask where none is
needed.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from transformers import PreTrainedModel

from .compiled import pointwise
from .unpadded import is_padded_on_the_right
from .wide import linear, rows_times, sum_of_rows

IGNORED = -100
"""The label of a token that no loss is taken on."""

PIECE = 8_000_000
"""Logits computed at a time (rows x vocabulary). With a large vocabulary, fewer would leave too few rows for a fast
product.
"""

SMALLEST = 1e-30
"""A target's probability under which its logarithm is taken another way, as it might be zero."""


def drop_right_padding(attention_mask: Tensor | None) -> Tensor | None:
    """None where all padding stands on the right: no token before it can see it, and without a mask attention is
    faster.
    """
    if attention_mask is None or attention_mask.ndim != 2 or torch.compiler.is_compiling():
        return attention_mask
    return None if is_padded_on_the_right(attention_mask) else attention_mask


def predicting(labels: Tensor) -> Tensor:
    """(b, t), True at the tokens whose logits a loss is taken on: those before a label."""
    return F.pad(labels[:, 1:] != IGNORED, (0, 1))


def supervised(labels: Tensor, weights: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """What a loss is taken on: the tokens (b, t) that predict labels, and in row order those k labels and their
    weights, (k,) each.
    """
    keep = predicting(labels)
    return keep, F.pad(labels[:, 1:], (0, 1))[keep], None if weights is None else F.pad(weights[:, 1:], (0, 1))[keep]


def counted(keep: Tensor) -> int:
    """The places of a row (b, t) up to the last one that any row's loss is taken on, at least one."""
    return 1 + max(keep.any(dim=0).nonzero()[:, 0].tolist(), default=0)


def label_total(targets: Tensor, weights: Tensor | None) -> Tensor | int:
    """The number of k labels, or the sum of their weights."""
    return len(targets) if weights is None else weights.float().sum()


def last_tokens(ids: Tensor, keep: int | Tensor) -> Tensor | None:
    """(b, t), True at the last `keep` tokens of ids (b, t) or embeddings (b, t, d); None where all, or others, are
    asked for.
    """
    if not isinstance(keep, int) or keep <= 0:
        return None
    kept = torch.zeros(ids.shape[:2], dtype=torch.bool, device=ids.device)
    kept[:, -keep:] = True
    return kept


def label_scales(targets: Tensor, weights: Tensor | None, items: Tensor | int | None) -> Tensor:
    """What each of k labelled tokens' losses is multiplied by, (k,) float32: its weight (or 1) over `items`, or over
    their own sum.
    """
    scales = torch.ones(len(targets), device=targets.device) if weights is None else weights.float()
    if items is None:
        items = label_total(targets, weights)
    return scales / (items.clamp(min=1e-9) if isinstance(items, Tensor) else max(items, 1))


def loss_of_logits(logits: Tensor, targets: Tensor, scales: Tensor) -> Tensor:
    """Scaled sum of the cross-entropies of (k, vocabulary) logits; 0 if there is no label."""
    return (F.cross_entropy(logits.float(), targets, reduction="none") * scales).sum()


def loss_of_hidden(hidden: Tensor, head: nn.Linear, targets: Tensor, scales: Tensor) -> Tensor:
    """The same from (k, d) last hidden states, without ever holding all logits."""
    weight, bias = head.weight, head.bias
    if not torch.is_grad_enabled():  # or their gradients would be made for nothing
        weight, bias = weight.detach(), None if bias is None else bias.detach()
    return _HeadLoss.apply(hidden, weight, bias, targets, scales)


class _HeadLoss(torch.autograd.Function):
    """Linear and cross-entropy in one: the gradient is made while a piece's probabilities are at hand."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, targets: Tensor, scales: Tensor
    ) -> Tensor:
        need_hidden, need_weight, need_bias = ctx.needs_input_grad[:3]
        total = torch.zeros((), device=hidden.device)
        to_hidden = torch.empty_like(hidden) if need_hidden else None
        to_weight = torch.zeros_like(weight) if need_weight else None
        to_bias = torch.zeros_like(bias) if need_bias else None
        step = max(1, PIECE // weight.shape[0])
        for begin in range(0, len(hidden), step):
            piece = slice(begin, begin + step)
            x, target, scale = hidden[piece], targets[piece, None], scales[piece].float()
            likely = _softmax_in_place(linear(x, weight, bias).float())
            picked = likely.gather(1, target)[:, 0]
            losses = -picked.log()
            rare = picked < SMALLEST
            if bool(rare.any()):
                losses[rare] = F.cross_entropy(
                    F.linear(x[rare], weight, bias).float(), targets[piece][rare], reduction="none"
                )
            total = total + losses @ scale
            if need_hidden or need_weight or need_bias:
                likely.scatter_add_(1, target, torch.full_like(target, -1.0, dtype=likely.dtype))
                slope, scale = likely.to(weight.dtype), scale.to(weight.dtype)
                if need_hidden:
                    to_hidden[piece] = rows_times(slope, weight.t()) * scale[:, None]
                if need_weight:
                    to_weight += sum_of_rows(slope, x.to(weight.dtype) * scale[:, None])
                if need_bias:
                    to_bias += scale @ slope
        ctx.save_for_backward(to_hidden, to_weight, to_bias)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        return *(None if saved is None else saved * slope.to(saved.dtype) for saved in ctx.saved_tensors), None, None


def _softmax_in_place(logits: Tensor) -> Tensor:
    """(k, vocabulary): probabilities; on a processor, where a row is read before it is written, in the memory of
    `logits`.
    """
    if pointwise.applies(logits):
        return pointwise.softmax_(logits)
    return torch.softmax(logits, dim=-1, out=logits if logits.device.type == "cpu" else None)


def is_at_hand(head: nn.Module) -> bool:
    """Whether a head is a linear without adapters whose whole weight is on this device, not shards of it that only its
    module gathers.
    """
    return (
        type(head) is nn.Linear
        and head.weight.shape == (head.out_features, head.in_features)
        and not hasattr(head.weight, "device_mesh")
    )


@torch.no_grad()
def plain_head(language_model: PreTrainedModel) -> tuple[nn.Module, nn.Linear] | None:
    """The module whose last hidden states the model's linear head turns into logits, with nothing in between or after;
    and the head.

    None if the model does more than that (caps or scales logits), which is seen by giving its head something large.
    """
    head, body = language_model.get_output_embeddings(), language_model.get_decoder()
    if type(head) is not nn.Linear or body is None:
        return None
    large = torch.linspace(-100, 100, head.in_features, device=head.weight.device, dtype=head.weight.dtype).view(
        1, 1, -1
    )
    seen: dict[str, Any] = {}

    def replace(module: nn.Module, args: Any, output: Any) -> Any:
        output["last_hidden_state"] = large
        return output

    watching = (
        body.register_forward_hook(replace),
        head.register_forward_hook(lambda module, args, output: seen.update(before=args[0], after=output)),
    )
    devices = [head.weight.device] if head.weight.is_cuda else []
    try:
        with torch.random.fork_rng(devices=devices):  # dropout must not move the training's own randomness
            token = torch.zeros(1, 1, dtype=torch.long, device=head.weight.device)
            logits = language_model(input_ids=token, use_cache=False).logits
    finally:
        for watch in watching:
            watch.remove()
    same = "before" in seen and torch.equal(seen["before"], large) and torch.equal(seen["after"], logits)
    return (body, head) if same else None
