"""The model card of a pretrained base: what it was made from, how long it took, how well it sees."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from ..scenes.questions import QUESTION_TYPES
from ..storage import atomic_write
from .web_rows import QUESTION_PAGES, SHARES

PARTS = (
    ("vision tower", "vision_encoder"),
    ("resampler", "perceiver"),
    ("language model and gated layers", "lang_encoder"),
)


def write_card(folder: Path, figures: dict[str, Any], model: nn.Module) -> None:
    """Write the model card ``README.md`` beside the weights, from the figures of `run.pretrain_base`."""
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
    text_shares = f"{config['grounding_text_share']:.0%} of the first phase, {config['text_share']:.0%} of the second"
    curve = [point for name in ("grounding", "copying") for point in phases[name]["result"]]
    last = curve[-1]
    parts = "\n".join(
        f"| {label} | {sum(weight.numel() for weight in getattr(model, name).parameters()):,} |"
        for label, name in PARTS
    )
    pools = ("", "held_out_", "four_shot_", "four_shot_held_out_")
    answers = "\n".join(
        f"| {kind} | " + " | ".join(f"{last[pool + kind]:.3f}" for pool in pools) + " |"
        for kind in ("mean", *QUESTION_TYPES)
    )
    times = "\n".join(
        f"| {name} | {phase['cpu_seconds'] / 60:.1f} | {phase['wall_seconds'] / 60:.1f} |"
        for name, phase in phases.items()
    )
    points = "\n".join(
        (
            f"| {p['phase']} | {p['step']} | {p['tokens'] / 1e6:.2f} | {p['loss']:.3f} | {p['mean']:.3f} | "
            f"{p['held_out_mean']:.3f} | {p['four_shot_mean']:.3f} | {p['four_shot_held_out_mean']:.3f} |"
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
`flamingo pretrain --preset tiny --seed {figures["seed"]}`. It has seen what the web shows beside pictures and knows all
words; nobody has taught it to chat about a picture. The rewriter and the tuned model start from it.

| part | parameters |
|---|---|
{parts}

**Data.** {config["scenes"]:,} scenes of the pretraining pool (one to four coloured shapes; six shape-colour pairs
never occur), rendered at 224 px and seen at 72 px.
Picture rows: attribute lists, look-ups, pairs of positions, captions, paragraphs, true statements, pages of two to four
pictures with a text of one kind each, and in the later rows {SHARES["quiz"][1]:.0%} quiz pages (statements that are
true or false). None of them asks one of the eight types of question; in the second phase {QUESTION_PAGES:.1%} of the
rows are pages of four to six pictures with a question and its short answer each.
Text rows ({text_shares}): short texts copied into long ones,
boxes to positions and descriptions, notes of changes, digits to words, text-only questions, prose. They name every
shape-colour pair, also those that no picture shows.

**Vision.** Scenes read without a mistake (every cell's shape, color and size), of unseen scenes: {right}.

**Answers**, exact and greedy, on unseen scenes ({config["validation_scenes"]} of each kind), asked as
`Question: ... Short answer:`; held-out: about an object of an unseen shape-colour pair; four-shot: after four
answered questions of the same type, each with its picture.

| question | held-in | held-out | held-in, four-shot | held-out, four-shot |
|---|---|---|---|---|
{answers}

**Curve.**

| phase | step | tokens, millions | loss | held-in | held-out | held-in, four-shot | held-out, four-shot |
|---|---|---|---|---|---|---|---|
{points}

**Time.**

| phase | CPU minutes | minutes |
|---|---|---|
{times}
"""
