"""Which parts of a Flamingo are trained: declared by name, set in one place (docs/method.md, section 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from ..errors import ConfigError

if TYPE_CHECKING:
    from .flamingo import FlamingoForConditionalGeneration

PARTS = {
    "vision": "the vision tower",
    "resampler": "the perceiver resampler",
    "cross_attention": "attention of the gated layers, with its gates",
    "cross_attention_ffn": "feed-forward of the gated layers, with its gates",
    "lora": "LoRA matrices of the language model",
    "embeddings": "input embeddings, all rows",
    "embeddings_new_tokens": "input embeddings, only the rows of the tokens that Flamingo added",
    "language_model": "every other weight of the language model",
}
"""Every parameter belongs to one of these (`embeddings_new_tokens` is a share of `embeddings`)."""

GROUPS = {"connector": ("resampler", "cross_attention", "cross_attention_ffn")}
"""Names that stand for several parts."""

HOOK = "_new_rows_hook"
"""The model's attribute that holds the gradient hook of `embeddings_new_tokens`."""


@dataclass(frozen=True, slots=True)
class PartRow:
    """One line of the table: how many parameters a part has, and how many of them are trained."""

    part: str
    parameters: int
    trained: int


def part_of(name: str, embedding: str) -> str:
    """The part that the parameter called `name` belongs to; `embedding` is the input embedding's name."""
    if ".lora_" in name:
        return "lora"
    if name.startswith("vision_encoder."):
        return "vision"
    if name.startswith("perceiver."):
        return "resampler"
    if ".gated_cross_attn_layer." in name:
        return "cross_attention_ffn" if ".ff." in name or name.endswith(".ff_gate") else "cross_attention"
    return "embeddings" if name == embedding else "language_model"


def set_trainable(model: FlamingoForConditionalGeneration, parts: Iterable[str]) -> list[PartRow]:
    """Train exactly `parts` (names of `PARTS` or `GROUPS`) and freeze the rest; returns the table.

    Raises:
        ConfigError: an unknown part, or one that the model does not have.
    """
    wanted = {member for part in parts for member in GROUPS.get(part, (part,))}
    unknown = wanted - PARTS.keys()
    if unknown:
        raise ConfigError(f"unknown trainable part {min(unknown)!r}", remedy=f"Use {', '.join((*PARTS, *GROUPS))}.")
    embedding = _embedding_name(model)
    present = {part_of(name, embedding) for name, _ in model.named_parameters()}
    if "lora" in wanted and "lora" not in present:
        raise ConfigError("the model has no LoRA to train", remedy="Add it with add_lora.")
    new_rows = "embeddings_new_tokens" in wanted
    if new_rows and model.config.original_vocab_size is None:
        raise ConfigError("no new tokens are known", remedy="Set original_vocab_size in the model's config.")
    for name, weight in model.named_parameters():
        part = part_of(name, embedding)
        weight.requires_grad_(part in wanted or (part == "embeddings" and new_rows))
    _only_new_rows(model, new_rows and "embeddings" not in wanted)
    model.train(model.training)  # a tower that became frozen, or trained, changes its mode
    return trainable_table(model)


def trainable_table(model: FlamingoForConditionalGeneration) -> list[PartRow]:
    """Parameters of each part, and how many are trained; parts without parameters are left out."""
    embedding = _embedding_name(model)
    rows = {part: [0, 0] for part in PARTS}
    for name, weight in model.named_parameters():
        part, trained = part_of(name, embedding), weight.numel() if weight.requires_grad else 0
        if part == "embeddings" and trained and HOOK in model.__dict__:
            new = (weight.shape[0] - model.config.original_vocab_size) * weight.shape[1]
            rows["embeddings_new_tokens"][0] += new
            rows["embeddings_new_tokens"][1] += new
            rows["embeddings"][0] += weight.numel() - new
            continue
        rows[part][0] += weight.numel()
        rows[part][1] += trained
    return [PartRow(part, *counts) for part, counts in rows.items() if counts[0]]


def _embedding_name(model: FlamingoForConditionalGeneration) -> str:
    weight = model.get_input_embeddings().weight
    return next(name for name, parameter in model.named_parameters() if parameter is weight)


def _only_new_rows(model: FlamingoForConditionalGeneration, on: bool) -> None:
    handle = model.__dict__.pop(HOOK, None)
    if handle is not None:
        handle.remove()
    if on:
        weight, first = model.get_input_embeddings().weight, model.config.original_vocab_size
        is_new = (torch.arange(len(weight), device=weight.device) >= first)[:, None]
        model.__dict__[HOOK] = weight.register_hook(lambda gradient: gradient * is_new.to(gradient.device))
