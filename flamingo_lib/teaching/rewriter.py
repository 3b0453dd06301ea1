"""Checks of notebook 04: loss mask, LoRA from scratch, masked loss, greedy decoding."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from ..media import IGNORE_INDEX
from .outcome import call, exercise, number, require, shown


@exercise("04.1")
def ex_04_1(mask: Callable[[list[tuple[str, list[int]]]], list[int]]) -> str:
    """Loss mask of a conversation: 1 for the assistant's tokens, 0 for all others.

    Args:
        mask: from turns of (role, token ids), roles ``"system"``, ``"human"``, ``"assistant"``, to one list of 0 and 1.
    """
    random = Random(0)
    for _ in range(20):
        turns = [("system", [0] * random.randint(0, 3))]
        for _ in range(random.randint(1, 3)):
            turns += [(role, [1] * random.randint(1, 6)) for role in ("human", "assistant")]
        given = [int(value) for value in call(mask, list(turns))]
        expected = [int(role == "assistant") for role, ids in turns for _ in ids]
        told = " ".join(f"{role}:{len(ids)}" for role, ids in turns)
        require(len(given) == len(expected), f"{told} are {len(expected)} tokens, and you give {len(given)} values")
        require(given != [1 - value for value in expected], f"{told}: the mask is the wrong way round; 1 is supervised")
        human = [int(role != "system") for role, ids in turns for _ in ids]
        require(given != human, f"{told}: the draft stands in the human's turn, and must not be learned")
        last = [0] * (len(expected) - len(turns[-1][1])) + [1] * len(turns[-1][1])
        require(given == expected or given != last, f"{told}: every answer is supervised, not only the last")
        require(given == expected, f"{told}: it is {expected}, and you give {given}")
    return "the rewriter learns the response, and neither the draft nor the question."


@exercise("04.2")
def ex_04_2(make: Callable[[nn.Linear, int, float], nn.Module]) -> str:
    """LoRA from scratch: a linear with a low-rank update, W' = W + (alpha / rank) B A.

    Args:
        make: from a linear (in, out), a rank and an alpha to a module with parameters `A` (rank, in), `B` (out, rank).
    """
    torch.manual_seed(0)
    for rank, alpha in ((2, 4.0), (4, 4.0), (3, 12.0)):
        linear, x = nn.Linear(6, 5), torch.randn(7, 6)
        before, layer = linear(x).detach(), call(make, linear, rank, alpha)
        require(isinstance(layer, nn.Module), f"return a module, not {shown(layer)}")
        for name, shape in (("A", (rank, 6)), ("B", (5, rank))):
            part: Any = getattr(layer, name, None)
            require(isinstance(part, nn.Parameter), f"`{name}` should be an nn.Parameter, and is {shown(part)}")
            require(tuple(part.shape) == shape, f"`{name}` has the shape {tuple(part.shape)}, and should have {shape}")
        a, b = layer.A, layer.B
        require(torch.allclose(call(layer, x), before), "before training it must equal the linear: start `B` at zero")
        require(bool(a.detach().abs().sum() > 0), "with `A` and `B` both zero no gradient ever moves either: draw `A`")
        trained = {name for name, p in layer.named_parameters() if p.requires_grad}
        require(
            trained == {"A", "B"}, f"only A and B are trained, the linear is frozen; yours trains {sorted(trained)}"
        )
        with torch.no_grad():
            b.copy_(torch.randn_like(b))
        given, update = call(layer, x).detach(), x @ (b @ a).T.detach()
        unscaled = torch.allclose(given, before + update, atol=1e-5) and alpha != rank
        require(not unscaled, f"scale the update by alpha / rank = {alpha / rank:g}")
        gap = float((given - before - alpha / rank * update).abs().max())
        require(gap < 1e-4, f"W + (alpha / rank) B A gives outputs that differ from yours by up to {gap:.3g}")
    return "equal to the base at B = 0, and to the merged weight afterwards."


@exercise("04.3")
def ex_04_3(loss: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Masked loss: cross-entropy of the next token, where it has a label.

    Args:
        loss: from logits (b, t, v) and labels (b, t), -100 where there is none, to a scalar.
    """
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 6, 11, generator=generator)
    labels = torch.randint(0, 11, (2, 6), generator=generator)
    labels[:, :3] = IGNORE_INDEX
    labels[1, 5] = IGNORE_INDEX

    def mean(x: Tensor, y: Tensor) -> float:
        return float(nn.functional.cross_entropy(x.flatten(0, 1), y.flatten(), ignore_index=IGNORE_INDEX))

    given, expected = number(call(loss, logits, labels)), mean(logits[:, :-1], labels[:, 1:])
    count = int((labels[:, 1:] != IGNORE_INDEX).sum())
    slips = {
        "shift: the logits of a token predict the next one": mean(logits, labels),
        "take the mean, not the sum": expected * count,
        "divide by the tokens that have a label, not by all": expected * count / labels[:, 1:].numel(),
    }
    for hint, wrong in slips.items():
        require(abs(given - wrong) > 1e-5, f"{given:.4f} instead of {expected:.4f}: {hint}")
    require(abs(given - expected) < 1e-5, f"the loss is {expected:.4f}, not {given:.4f}")
    return f"{expected:.4f}, the mean over the {count} tokens with a label."


@exercise("04.4")
def ex_04_4(decode: Callable[[Callable[[list[int]], Tensor], list[int], int, int], list[int]]) -> str:
    """Greedy decoding: the likeliest token again and again, until the end token or the limit.

    Args:
        decode: from a model (token ids to the logits of the next, (v,)), a prompt, the end token's id and a limit to
            the new tokens, at most as many and without the end token.
    """

    def counts_to(last: int) -> Callable[[list[int]], Tensor]:
        def model(ids: list[int]) -> Tensor:
            return nn.functional.one_hot(torch.tensor(min(ids[-1] + 1, last)), 10).float()

        return model

    for last, prompt, limit, expected in ((7, [1, 2], 20, [3, 4, 5, 6]), (9, [2, 4], 3, [5, 6, 7]), (7, [6], 5, [])):
        given = [int(token) for token in call(decode, counts_to(last), list(prompt), 7, limit)]
        told = f"after {prompt}, with 7 as the end and at most {limit} tokens"
        require(given[: len(prompt)] != prompt, f"{told}: leave the prompt out, you give {given}")
        require(given != [*expected, 7], f"{told}: leave the end token out, you give {given}")
        require(len(given) <= limit, f"{told}: you give {len(given)} tokens")
        require(given == expected, f"{told}: it is {expected}, and you give {given}")
    return "the same as `generate` with temperature 0, without its cache."
