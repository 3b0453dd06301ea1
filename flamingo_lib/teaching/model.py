"""Checks of notebook 03: attended images, the resampler's size, attention by hand, gates shut, another picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor, nn

from ..media import MEDIA_RULES, attended_images
from ..model.resampler import PerceiverResampler
from .outcome import call, exercise, number, require, shown

IMAGE = 9
"""The image token's id in the rows below."""

PAPER_RESAMPLER = {"dim": 1024, "depth": 6, "num_latents": 64, "heads": 8, "dim_head": 64, "ff_mult": 4}


@exercise("03.1")
def ex_03_1(attended_image: Callable[[list[int], int], list[int]], rule: str = "following") -> str:
    """Attended image of every token: 0 for none, k for the k-th image of the row.

    Args:
        attended_image: from token ids and the image token's id to a list of the same length.
        rule: ``"following"`` (the next image) or ``"preceding"`` (the latest one).
    """
    require(rule in MEDIA_RULES, f"the rule is one of {', '.join(MEDIA_RULES)}, not {shown(rule)}")
    random = Random(0)
    rows = [[1, IMAGE, 2, 3, IMAGE, 4], [1, 2, 3], [IMAGE], [IMAGE, IMAGE, 1]]
    rows += [[random.choice((IMAGE, 1, 2, 3)) for _ in range(random.randint(1, 16))] for _ in range(46)]
    other = next(name for name in MEDIA_RULES if name != rule)
    for row in rows:
        given: Any = call(attended_image, list(row), IMAGE)
        given = [int(value) for value in given]
        expected = attended_images(row, IMAGE, rule)
        require(len(given) == len(row), f"the row {row} has {len(row)} tokens, and you give {len(given)} values")
        if given == expected:
            continue
        swapped = given == attended_images(row, IMAGE, other)
        require(not swapped, f"for {row} you follow the rule {other!r}: {given}, and {rule!r} gives {expected}")
        shift = given == [max(value - 1, 0) for value in expected]
        require(not shift, f"count images from 1: for {row} it is {expected}, and you give {given}")
        at = next(index for index in range(len(row)) if given[index] != expected[index])
        what = "an image token" if row[at] == IMAGE else "a word"
        require(
            False,
            f"in {row} ({IMAGE} is the image) token {at}, {what}, attends to image {expected[at]}, not {given[at]}",
        )
    return f"the same as the library's on {len(rows)} rows. An <image> token attends to itself under both rules."


@exercise("03.2")
def ex_03_2(parameters: int | Callable[[], int]) -> str:
    """Parameters of the perceiver resampler at the paper's size: width 1024, depth 6, 8 heads of 64, 64 latents.

    Args:
        parameters: their number, or a function without arguments that computes it.
    """
    with torch.device("meta"):
        whole = PerceiverResampler(**PAPER_RESAMPLER)
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in whole.named_children()}
    expected = sum(parameter.numel() for parameter in whole.parameters())
    given = int(number(call(parameters) if callable(parameters) else parameters))
    dim, latents = PAPER_RESAMPLER["dim"], whole.latents.numel()
    norms = sum(p.numel() for m in whole.modules() if isinstance(m, nn.LayerNorm) for p in m.parameters())
    one = parts["layers"] // PAPER_RESAMPLER["depth"]
    slips = {
        expected - latents: f"you forgot the latents themselves: 64 × 1024 = {latents:,}",
        expected - parts["norm"]: f"you forgot the norm at the end: 2 × {dim}",
        expected - norms: f"you forgot the layer norms, a weight and a bias each: {norms:,} in all",
        expected - parts["layers"] + one: "that is with one layer; there are six",
        expected - norms // 2: "a layer norm has a bias as well as a weight",
    }
    require(given not in slips, slips.get(given, ""))
    hint = f"a layer has {one:,}: queries, keys and values, output, two linears, three norms"
    require(given == expected, f"it is not {given:,}; {hint}")
    return f"{expected:,}: six layers of {one:,}, the latents, and a norm. No linear has a bias."


@exercise("03.3")
def ex_03_3(attention: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """Scaled dot-product attention by hand.

    Args:
        attention: from queries (b, h, n, e), keys and values (b, h, l, e) to (b, h, n, e).
    """
    generator = torch.Generator().manual_seed(0)
    query, key, value = (torch.randn(2, 3, n, 8, generator=generator) for n in (4, 5, 5))
    given = call(attention, query, key, value)
    require(isinstance(given, Tensor), f"return a tensor, not {shown(given)}")
    expected = nn.functional.scaled_dot_product_attention(query, key, value)
    require(given.shape == expected.shape, f"the shape is {tuple(expected.shape)}, and yours is {tuple(given.shape)}")
    slips = {
        "divide the scores by the square root of the head width": (query @ key.mT).softmax(-1) @ value,
        "the softmax runs over the keys, the last dimension": (query @ key.mT / 8**0.5).softmax(-2) @ value,
        "divide by the square root of the head width, not by the width": (query @ key.mT / 8).softmax(-1) @ value,
    }
    for hint, wrong in slips.items():
        require(not torch.allclose(given, wrong, atol=1e-5), hint)
    gap = float((given - expected).abs().max())
    require(torch.allclose(given, expected, atol=1e-5), f"the largest difference to PyTorch's is {gap:.3g}")
    return "equal to PyTorch's `scaled_dot_product_attention` to five decimals."


@exercise("03.4")
def ex_03_4(share: float, answers: Sequence[str], truths: Sequence[str], guess: float, own: Sequence[str]) -> str:
    """Gates shut: how often a model that cannot see is right, beside guessing.

    Args:
        share: your share of right answers with shut gates, 0 to 1.
        answers: what the model said with shut gates, curt and in lower case.
        truths: the true answers.
        guess: accuracy of the best guess by question type.
        own: what the model said with open gates.
    """
    require(len(answers) == len(truths) > 0, f"{len(answers)} answers for {len(truths)} questions")
    require(len(own) == len(truths), f"{len(own)} answers with open gates for {len(truths)} questions")
    expected, open_share = (sum(map(str.__eq__, said, truths)) / len(truths) for said in (answers, own))
    given = number(share)
    require(abs(given - expected) < 1e-6, f"{expected:.3f} of the {len(truths)} answers are right, not {given:.3f}")
    margin = 2 * (guess * (1 - guess) / len(truths)) ** 0.5
    require(
        given <= guess + margin,
        f"{given:.3f} lies above guessing ({guess:.3f} ± {margin:.3f}): are all gates shut, the feed-forwards' too?",
    )
    require(
        open_share > given + margin,
        f"with open gates the model is right in {open_share:.3f}, hardly more: were they open, and are they again?",
    )
    return (
        f"{given:.3f} after {open_share:.3f} with open gates, and guessing gives {guess:.3f} ± {margin:.3f}: with its "
        "gates shut the model is blind."
    )


@exercise("03.5")
def ex_03_5(share: float, own: Sequence[str], swapped: Sequence[str]) -> str:
    """Another picture: how often the model gives the old answer all the same.

    Args:
        share: your share of unchanged answers, 0 to 1.
        own: answers with each question's own picture.
        swapped: answers to the same questions with another picture.
    """
    require(isinstance(swapped, (list, tuple)), f"give the answers to the other pictures, not {shown(swapped)}")
    require(len(own) == len(swapped) > 0, f"{len(own)} answers before and {len(swapped)} after")
    require(list(own) != list(swapped), "all answers are the same: was every question asked with another picture?")
    expected = sum(a == b for a, b in zip(own, swapped, strict=True)) / len(own)
    given = number(share)
    require(abs(given - 1 + expected) > 1e-6 or given == expected, "that is the share of answers that changed")
    require(abs(given - expected) < 1e-6, f"{expected:.3f} of {len(own)} answers are the same, not {given:.3f}")
    return f"{given:.3f} of {len(own)} answers stay; what changes with the picture was read from it."
