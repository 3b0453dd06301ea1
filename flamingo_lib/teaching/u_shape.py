"""Checks of notebook 07: a stage's steps, parameters at the paper's size, a schedule, forgetting, LoRA, politeness."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

import torch
from torch import Tensor

from ..model.cross_attention import GatedCrossAttention
from ..model.resampler import PerceiverResampler
from ..model.trainable import part_of
from ..presets import load_preset
from ..scenes.ground_truth import is_polite_sentence
from .model import PAPER_RESAMPLER
from .outcome import call, exercise, number, require, shown

PAPER_GATED = {"dim": 4096, "dim_visual": 1024, "heads": 8, "dim_head": 64, "ff_mult": 4}
PAPER_LAYERS, PAPER_EVERY = 32, 4
"""Layers of LLaMA-7B, and before how many of them one gated layer stands."""


@exercise("07.1")
def ex_07_1(steps: float, tokens: float) -> str:
    """Optimizer steps and tokens of the paper's stage 2, if every sample begins one window and every window is full.

    Args:
        steps: optimizer steps.
        tokens: processed in all of them.
    """
    stage = load_preset("paper").stages["stage2"]
    samples = stage.samples or 0
    expected = samples * stage.epochs / stage.batch_size
    given = number(steps, "the number of steps")
    slips = {
        samples / stage.batch_size: f"that is one epoch; the row says {stage.epochs:g}",
        samples * stage.epochs: "those are windows; a step takes a whole batch of them",
        samples * stage.epochs / 256: "256 is the batch of stages 1 and 3",
    }
    for slip, hint in slips.items():
        require(abs(given / slip - 1) > 0.01, hint)
    require(abs(given / expected - 1) < 0.01, f"it is not {given:,.0f}: samples times epochs, divided by the batch")
    total, wanted = number(tokens, "the number of tokens"), expected * stage.batch_size * stage.context_length
    require(abs(total / (given * stage.context_length) - 1) > 0.01, "a step reads a batch of windows, not one window")
    require(
        abs(total / wanted - 1) < 0.01,
        f"{given:,.0f} steps of {stage.batch_size:,} windows of {stage.context_length} tokens are not {total:,.0f}",
    )
    return f"{math.ceil(expected):,} steps and {wanted / 1e9:.2f} billion tokens, if every window is full."


@exercise("07.2")
def ex_07_2(connector: int, with_ffn: int) -> str:
    """Parameters that stage 2 trains at the paper's size, and how many with the gated layers' feed-forwards.

    Args:
        connector: of the resampler and of the gated layers' attention, gates included.
        with_ffn: the same and the feed-forwards.
    """
    with torch.device("meta"):
        resampler, gated = PerceiverResampler(**PAPER_RESAMPLER), GatedCrossAttention(**PAPER_GATED)
    first = sum(weight.numel() for weight in resampler.parameters())
    parts = {"cross_attention": 0, "cross_attention_ffn": 0}
    for name, weight in gated.named_parameters():
        parts[part_of(f"layer.gated_cross_attn_layer.{name}", "")] += weight.numel()
    layers = PAPER_LAYERS // PAPER_EVERY
    attention, whole = parts["cross_attention"], sum(parts.values())
    expected = {"without": first + layers * attention, "with": first + layers * whole}
    for what, value, one in (("without", connector, attention), ("with", with_ffn, whole)):
        given, told = int(number(value, f"the number {what} feed-forwards")), f"{what} feed-forwards"
        slips = {
            layers * one: f"{told}: the resampler is trained as well, {first:,}",
            first + one: f"{told}: that is one gated layer; there are {layers}",
            first + PAPER_LAYERS * one: f"{told}: a gated layer stands before every {PAPER_EVERY}th layer only",
            first + layers * one - 2 * layers: f"{told}: you forgot the gates",
            first + layers * (one - 1): f"{told}: the gates are weights, too: one of the attention, one of the rest",
        }
        require(given not in slips or given == expected[what], slips.get(given, ""))
        require(given == expected[what], f"{told} it is not {given:,}; the resampler has {first:,} of it")
    share = expected["with"] / expected["without"]
    return (
        f"{expected['without']:,}, the paper's 0.1B; with feed-forwards {expected['with']:,}, {share:.0f} times that."
    )


@exercise("07.3")
def ex_07_3(rate: Callable[[int, int, int, float], float]) -> str:
    """Learning rate of a step under a cosine schedule: a linear warm-up, then half a cosine down to zero.

    Args:
        rate: from a step (0 is the first), all steps, those of the warm-up and the highest rate to a rate.
    """
    for steps, warmup, highest in ((100, 10, 1e-3), (50, 0, 0.5), (7, 3, 2.0)):
        for step in range(steps):
            part = step / warmup if step < warmup else (steps - step) / (steps - warmup)
            falling = 0.5 * (1 + math.cos(math.pi * (1 - part)))
            expected = highest * (part if step < warmup else falling)
            given, told = number(call(rate, step, steps, warmup, highest)), f"step {step} of {steps}, warm-up {warmup}"
            if abs(given - expected) < 1e-9 * highest:
                continue
            require(step >= warmup, f"{told}: the warm-up rises in a line from 0, so it is {expected:g}, not {given:g}")
            require(abs(given - highest * part) > 1e-9 * highest, f"{told}: that is the linear schedule")
            unwarmed = 0.5 * highest * (1 + math.cos(math.pi * step / steps))
            require(abs(given - unwarmed) > 1e-9 * highest, f"{told}: the cosine begins where the warm-up ends")
            require(given <= highest, f"{told}: {given:g} is above the highest rate; halve 1 + cos")
            require(False, f"{told}: it is {expected:g}, not {given:g}")
    return "slow at the top and at the end, fastest half-way; the linear schedule falls evenly."


@exercise("07.6")
def ex_07_6(share: float, alone: Sequence[str], after: Sequence[str]) -> str:
    """A polite past: how many answers are polite sentences once two polite exchanges stand before the question.

    Args:
        share: polite sentences among `after`, 0 to 1.
        alone: answers to the questions alone.
        after: answers to the same questions after polite turns.
    """
    require(isinstance(after, (list, tuple)), f"give the answers after polite turns, not {shown(after)}")
    require(len(alone) == len(after) > 0, f"{len(alone)} answers alone and {len(after)} after polite turns")
    before, expected = (sum(map(is_polite_sentence, answers)) / len(answers) for answers in (alone, after))
    changed = sum(a != b for a, b in zip(alone, after, strict=True)) / len(alone)
    given = number(share)
    require(
        abs(given - changed) > 1e-6 or abs(given - expected) < 1e-6,
        f"{changed:.3f} of the answers changed; ask how many are polite sentences now (`is_polite_sentence`)",
    )
    require(abs(given - expected) < 1e-6, f"{expected:.3f} of {len(after)} answers are sentences, not {given:.3f}")
    return f"{expected:.3f} of {len(after)} answers are sentences, {before:.3f} alone; {changed:.3f} changed at all."


@exercise("07.5")
def ex_07_5(cosine: float, stage1: Mapping[str, Tensor], stage2: Mapping[str, Tensor], stage3: Any) -> str:
    """Cosine between what stage 1 and what stage 3 added to the language model by LoRA.

    Args:
        cosine: between both movements of the products B A, all layers together, -1 to 1.
        stage1, stage2, stage3: weights of the models by name; before stage 1 all B are 0.
    """
    states = (stage1, stage2, stage3)
    require(all(isinstance(state, Mapping) for state in states), "give the three models' weights by name")
    names = sorted(name for name in stage1 if ".lora_A." in name)
    require(names, "these weights hold no LoRA")

    def products(state: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([(state[name.replace("lora_A", "lora_B")] @ state[name]).flatten() for name in names])

    def seconds(state: Mapping[str, Tensor]) -> Tensor:
        return torch.cat([state[name.replace("lora_A", "lora_B")].flatten() for name in names])

    def between(first: Tensor, second: Tensor) -> float:
        return float(torch.nn.functional.cosine_similarity(first.double(), second.double(), dim=0))

    first, before, after = map(products, states)
    expected, given = between(first, after - before), number(cosine)
    require(-1 <= given <= 1, f"a cosine lies between -1 and 1, and {given:.3f} does not")
    slips = {
        "compare what stage 3 added, its product less that of stage 2, not where it ended": between(first, after),
        "take the products B A: B alone depends on what A it meets": between(
            seconds(stage1), seconds(stage3) - seconds(stage2)
        ),
        "the movement of stage 3 is its end less its start, not the reverse": -expected,
    }
    for hint, wrong in slips.items():
        require(abs(given - wrong) > 2e-3 or abs(given - expected) < 2e-3, f"{given:.3f}: {hint}")
    require(abs(given - expected) < 2e-3, f"it is not {given:.3f}; the movement of stage 1 is B A itself")
    way = "further on the same way" if expected > 0.1 else "back" if expected < -0.1 else "nearly at right angles"
    return f"{expected:.3f}: what stage 3 adds points {way}, seen from stage 1's."


@exercise("07.4")
def ex_07_4(forgetting: Callable[[list[tuple[str, bool]], list[tuple[str, bool]]], Mapping[str, float]]) -> str:
    """Forgetting by question type: accuracy before less accuracy after; above 0 where something was forgotten.

    Args:
        forgetting: from two lists of (question type, right or not), the same questions before and after, to a mapping.
    """
    random, kinds = Random(0), ("color", "count", "side")
    for _ in range(10):
        asked = [random.choice(kinds) for _ in range(30)] + list(kinds)
        before, after = ([(kind, random.random() < share) for kind in asked] for share in (0.8, 0.5))
        given = call(forgetting, list(before), list(after))
        require(isinstance(given, Mapping), f"return a mapping of type to forgetting, not {shown(given)}")
        missing = sorted(set(asked) - set(given))
        require(not missing, f"the type {missing[:1]} is missing")
        for kind in sorted(set(asked)):
            old, new = ([right for own, right in rows if own == kind] for rows in (before, after))
            expected = sum(old) / len(old) - sum(new) / len(new)
            value = number(given[kind], f"the forgetting of {kind}")
            if abs(value - expected) < 1e-9:
                continue
            told = f"{kind}: right {sum(old)} of {len(old)} before and {sum(new)} of {len(new)} after"
            require(abs(value + expected) > 1e-9, f"{told}: the sign is the other way round")
            require(abs(value - (sum(old) - sum(new))) > 1e-9, f"{told}: divide by the questions of the type")
            require(
                abs(value - (sum(old) - sum(new)) / len(asked)) > 1e-9, f"{told}: divide by those of the type, not all"
            )
            require(False, f"{told}: it is {expected:.3f}, not {value:.3f}")
    return "above 0 where something was forgotten, below where something was learned."
