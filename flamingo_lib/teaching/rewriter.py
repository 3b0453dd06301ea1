"""Checks of notebook 04: loss mask, LoRA from scratch, its size, merging, masked loss, decoding, who is followed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from ..evaluation.share_interval import share_interval
from ..media import IGNORE_INDEX
from .outcome import call, exercise, number, require, shown

KINDS = ("system", "human", "draft", "response", "end")
"""What the parts of a rewriter's conversation are; the loss is taken on the last two."""


@exercise("04.1")
def ex_04_1(mask: Callable[[list[tuple[str, list[int]]]], list[int]]) -> str:
    """Loss mask of a rewriter's conversation: 1 on responses and their end tokens, 0 on all else.

    Args:
        mask: from parts (kind, token ids), kinds of `KINDS`, to one list of 0 and 1.
    """
    random = Random(0)
    for _ in range(20):
        parts = [("system", [0] * random.randint(0, 3))]
        for _ in range(random.randint(1, 3)):
            parts += [(kind, [1] * random.randint(1, 6)) for kind in KINDS[1:-1]] + [("end", [2])]
        given = [int(value) for value in call(mask, list(parts))]
        told = " ".join(f"{kind}:{len(ids)}" for kind, ids in parts)

        def of(*kinds: str, parts: list[tuple[str, list[int]]] = parts) -> list[int]:
            return [int(kind in kinds) for kind, ids in parts for _ in ids]

        expected = of("response", "end")
        require(len(given) == len(expected), f"{told} are {len(expected)} tokens, and you give {len(given)} values")
        require(given != [1 - value for value in expected], f"{told}: the mask is the wrong way round; 1 is supervised")
        require(
            given != of("draft", "response", "end"),
            f"{told}: the draft stands in the assistant's turn, and must not be learned all the same",
        )
        require(given != of("human", "draft", "response", "end"), f"{told}: only the system message is left out")
        require(given != of("response"), f"{told}: without its end token the model never learns to stop")
        own = len(parts[-1][1]) + len(parts[-2][1])
        last = [0] * (len(expected) - own) + [1] * own
        require(given == expected or given != last, f"{told}: every response is supervised, not only the last")
        require(given == expected, f"{told}: it is {expected}, and you give {given}")
    return "the rewriter learns the response and to stop after it, and neither the draft nor the question."


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

    for last, prompt, limit, expected in ((7, [1, 2], 20, [3, 4, 5, 6]), (9, [2, 1], 3, [2, 3, 4]), (7, [6], 5, [])):
        given = [int(token) for token in call(decode, counts_to(last), list(prompt), 7, limit)]
        told = f"after {prompt}, with 7 as the end and at most {limit} tokens"
        require(given[: len(prompt)] != prompt, f"{told}: leave the prompt out, you give {given}")
        require(given != [*expected, 7], f"{told}: leave the end token out, you give {given}")
        require(len(given) <= limit, f"{told}: you give {len(given)} tokens")
        require(given == expected, f"{told}: it is {expected}, and you give {given}")
    return "the same as `generate` with temperature 0, without its cache."


LLAMA_7B = [(4096, 4096)] * 4 + [(4096, 11008)] * 2 + [(11008, 4096)]
"""Linears of one decoder layer of LLaMA-7B, (in, out): four of attention, three of the feed-forward; 32 layers."""


@exercise("04.5")
def ex_04_5(count: Callable[[list[tuple[int, int]], int], int]) -> str:
    """Trained parameters of LoRA.

    Args:
        count: from the linears' sizes (in, out) and a rank to a number of parameters.
    """
    for shapes, rank in (([(6, 5)], 2), ([(8, 8), (8, 16), (16, 8)], 3), (LLAMA_7B * 32, 64)):
        given = number(call(count, list(shapes), rank))
        expected = rank * sum(map(sum, shapes))
        told = f"{len(shapes)} linears, the first {shapes[0]}, at rank {rank}: {expected:,}, not {given:,.0f}"
        slips = {
            "that counts the linears themselves, which are frozen": sum(a * b for a, b in shapes),
            "`B` is missing, (out, rank)": rank * sum(a for a, _ in shapes),
            "`A` is missing, (rank, in)": rank * sum(b for _, b in shapes),
            "count every linear, not only the first": rank * sum(shapes[0]),
        }
        for hint, wrong in slips.items():
            require(given == expected or given != wrong, f"{told}; {hint}")
        require(given == expected, told)
    return (
        f"{64 * sum(map(sum, LLAMA_7B * 32)):,} for the seven linears of LLaMA-7B's 32 layers at rank 64. The paper "
        "counts 0.29 billion; its text doesn't say what else is in it."
    )


@exercise("04.6")
def ex_04_6(merge: Callable[[Tensor, Tensor, Tensor, float], Tensor]) -> str:
    """Merging LoRA: the one weight that does what a linear and its update do together.

    Args:
        merge: from W (out, in), A (rank, in), B (out, rank) and alpha to a weight (out, in).
    """
    generator = torch.Generator().manual_seed(0)
    for rank, size, alpha in ((2, (5, 6), 4.0), (4, (6, 6), 2.0)):
        weight, a, b = (torch.randn(shape, generator=generator) for shape in (size, (rank, size[1]), (size[0], rank)))
        before = weight.clone()
        given: Any = call(merge, weight, a, b, alpha)
        require(isinstance(given, Tensor), f"return the merged weight, not {shown(given)}")
        require(tuple(given.shape) == size, f"the merged weight is {size}, yours {tuple(given.shape)}: it is B @ A")
        require(torch.equal(weight, before), "make a new weight: yours changed the one that it was given")
        require(not torch.allclose(given, before + b @ a, atol=1e-5), f"scale by alpha / rank = {alpha / rank:g}")
        gap = float((given - before - alpha / rank * b @ a).abs().max())
        require(gap < 1e-4, f"W + (alpha / rank) B A differs from yours by up to {gap:.3g}")
    return "after merging, a rewriter is as fast as the base, and LoRA can be added to it once more."


@exercise("04.7")
def ex_04_7(sample: Callable[[Tensor, float, float], int]) -> str:
    """Sampling with a temperature: the token at which the cumulated probability passes a number drawn from [0, 1).

    Args:
        sample: from logits (v,), a temperature and the number drawn to a token's index; temperature 0 is greedy.
    """
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        logits = 2 * torch.randn(8, generator=generator)
        draw = float(torch.rand((), generator=generator))
        for temperature in (0.0, 0.5, 1.0, 2.0):
            token = int(number(call(sample, logits.clone(), temperature, draw)))
            told = (
                f"logits {[round(value, 1) for value in logits.tolist()]}, temperature {temperature}, draw {draw:.2f}"
            )
            expected = _sampled(logits, temperature, draw)
            if token == expected:
                continue
            require(temperature > 0, f"{told}: temperature 0 is greedy, token {expected}, and you give {token}")
            for hint, wrong in (
                ("divide the logits by the temperature; you multiply", 1 / temperature),
                ("divide the logits by the temperature; you leave it out", 1.0),
            ):
                require(token != _sampled(logits, wrong, draw) or wrong == temperature, f"{told}: {hint}")
            require(token != int(logits.argmax()), f"{told}: draw from the distribution, don't take its mode")
            require(False, f"{told}: it is token {expected}, and you give {token}")
    return "a low temperature sharpens the distribution, a high one flattens it; the same number gives the same token."


def _sampled(logits: Tensor, temperature: float, draw: float) -> int:
    if temperature == 0:
        return int(logits.argmax())
    cumulated = (logits / temperature).softmax(-1).cumsum(-1)
    return int((cumulated <= draw).sum().clamp(max=len(logits) - 1))


@exercise("04.8")
def ex_04_8(types: Any, outcomes: Sequence[tuple[str, bool, bool]]) -> str:
    """Where the picture overrules the draft: types followed less with the picture than without, beyond chance.

    Args:
        types: a set of question types: those where the two 95 % intervals (`evaluation.share_interval`) of
            the share that follows the draft don't overlap, the one with the picture lying below.
        outcomes: (type, followed with the picture, followed without it) of each wrong draft.
    """
    require(
        isinstance(types, (set, frozenset, list, tuple)),
        f"give a set of question types, such as {{'color'}}, not {shown(types)}",
    )
    known = dict.fromkeys(kind for kind, _, _ in outcomes)
    strange = [kind for kind in types if kind not in known]
    require(not strange, f"there is no type {shown(strange[0]) if strange else ''}; types are {', '.join(known)}")
    expected, told = set(), {}
    for kind in known:
        own = [(seen, blind) for name, seen, blind in outcomes if name == kind]
        with_picture, without = (share_interval(sum(column), len(own)) for column in zip(*own, strict=True))
        told[kind] = f"{kind}: {with_picture} with the picture, {without} without"
        if with_picture.high < without.low:
            expected.add(kind)
    for kind in known:
        wrong = (kind in types) != (kind in expected)
        verdict = "they overlap, or it isn't below" if kind in types else "the one with the picture lies below"
        require(not wrong, f"{told[kind]}; {verdict}")
    return f"{', '.join(sorted(expected)) or 'no type'}; where intervals overlap, this many drafts can't tell."
