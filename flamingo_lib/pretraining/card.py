"""The model card of a pretrained base: what it was made from, how long it took, how well it sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from ..scenes.questions import QUESTION_TYPES
from ..storage import atomic_write

PARTS = (
    ("vision tower", "vision_encoder"),
    ("resampler", "perceiver"),
    ("language model and gated layers", "lang_encoder"),
)


def write_card(folder: Path, figures: dict[str, Any], model: nn.Module) -> None:
    """Write the model card ``README.md`` beside the weights, from the metrics of `pretrain_run.pretrain_base`."""
    with atomic_write(folder / "README.md") as file:
        file.write(card(figures, model))


def write_clip_card(folder: Path, figures: dict[str, Any]) -> None:
    """Write ``README.md`` beside the weights of the CLIP model, from the figures of its examination."""
    with atomic_write(folder / "README.md") as file:
        file.write(f"""---
license: apache-2.0
---

# clip-tiny

An open_clip model for CLIPScore on rendered Scenes, made by `flamingo pretrain --clip-out`
(seed {figures["seed"]}, {figures["steps"]:,} steps). Its vision tower starts from OpenFlamingo-tiny's.
On unseen scenes, half of them with unseen shape-colour pairs, a true sentence scores
higher than the same sentence with one attribute changed in {figures["pairs_ranked_right"]:.1%} of pairs;
mean scores (100 x cosine) are {figures["mean_score_true"]:.1f} for true
and {figures["mean_score_false"]:.1f} for changed sentences.
""")


def card(figures: dict[str, Any], model: nn.Module) -> str:
    """The card as Markdown."""
    config, phases = figures["config"], figures["phases"]
    curve = [point for name in ("grounding", "copying") for point in phases[name]["result"]]
    last = curve[-1]
    parts = "\n".join(
        f"| {label} | {sum(weight.numel() for weight in getattr(model, name).parameters()):,} |"
        for label, name in PARTS
    )
    answers = "\n".join(
        f"| {kind} | {last[kind]:.3f} | {last[f'held_out_{kind}']:.3f} |" for kind in ("mean", *QUESTION_TYPES)
    )
    times = "\n".join(
        f"| {name} | {phase['cpu_seconds'] / 60:.1f} | {phase['wall_seconds'] / 60:.1f} |"
        for name, phase in phases.items()
    )
    points = "\n".join(
        (
            f"| {p['phase']} | {p['step']} | {p['tokens'] / 1e6:.2f} | {p['loss']:.3f} | {p['mean']:.3f} | "
            f"{p['held_out_mean']:.3f} |"
        )
        for p in curve
    )
    millions = sum(weight.numel() for weight in model.parameters()) / 1e6
    right = f"tower {phases['tower']['result']:.3f}, resampler {phases['resampler']['result']:.3f}"
    return f"""---
license: apache-2.0
pipeline_tag: image-text-to-text
---

# OpenFlamingo-tiny

A Flamingo of {millions:.1f} million parameters, pretrained from nothing on rendered Scenes by
`flamingo pretrain --preset tiny --seed {figures["seed"]}`. It sees, it answers curtly, and it is not polite:
the rewriter and the tuned model start from it.

| part | parameters |
|---|---|
{parts}

**Data.** {config["scenes"]:,} scenes of the pretraining pool (one to four coloured shapes; six shape-colour pairs
never occur), rendered at 224 px and seen at 72 px.
Grounded rows: questions of eight types, look-ups, pairs of positions and lists,
answered curtly in chat format. Text rows: copying short texts into long ones, boxes to positions and descriptions,
digits to words, text-only questions, polite prose.

**Vision.** Scenes read without a mistake (every cell's shape, color and size), of unseen scenes: {right}.

**Answers**, exact and greedy, on unseen scenes ({config["validation_scenes"]} of each kind);
held-out: about an object of an unseen shape-colour pair.

| question | held-in | held-out |
|---|---|---|
{answers}

**Curve.**

| phase | step | tokens, millions | loss | held-in | held-out |
|---|---|---|---|---|---|
{points}

**Time.**

| phase | CPU minutes | minutes |
|---|---|---|
{times}
"""
