"""Names of weights in the references' checkpoints, and ours for them.

Our names are OpenFlamingo v1's, with the gated layers under their decoder layers. Checkpoints also come with the other
name of the gated layers, with or without `visual.`, behind `module.` or PEFT's prefixes, and with LoRA as PEFT named it
in 2023 or names it now.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ...errors import CheckpointError

PREFIXES = ("module.", "_orig_mod.", "base_model.model.")
TEXT_TOWER = (
    "positional_embedding",
    "text_projection",
    "logit_scale",
    "token_embedding.",
    "ln_final.",
    "transformer.",
    "attn_mask",
)
"""Weights that v1 keeps because it keeps the whole CLIP, and never uses."""


@dataclass
class Matched:
    """A checkpoint's tensors under our names.

    Attributes:
        weights: by our name.
        sources: the name each had in the checkpoint.
        ignored: names of tensors that no Flamingo uses (the text tower, old rotary buffers, second names of the same
            tensor).
        unexpected: names that fit nothing in the model.
    """

    weights: dict[str, Tensor] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)


def match_names(state: Mapping[str, Tensor], names: Iterable[str], layers_path: str) -> Matched:
    """Give a checkpoint's tensors the model's names.

    Args:
        state: tensors as the checkpoint names them.
        names: the model's own names (parameters and saved buffers).
        layers_path: name of the list of decoder layers in the model, e.g. "lang_encoder.model.layers".

    Raises:
        CheckpointError: two names of one tensor hold different values.
    """
    known = set(names)
    stripped = {name: _strip(name) for name in state}
    whole_clip = any(name.startswith("vision_encoder.visual.") for name in stripped.values())
    matched = Matched()
    for name, short in stripped.items():
        if short.endswith("rotary_emb.inv_freq") or (whole_clip and _is_text_tower(short)):
            matched.ignored.append(name)
            continue
        ours = next(
            (candidate for candidate in _candidates(short, layers_path, whole_clip) if candidate in known), None
        )
        if ours is None:
            matched.unexpected.append(name)
        elif ours in matched.weights:
            first, second = matched.weights[ours], state[name]
            if first.shape != second.shape or (first.device.type != "meta" and not torch.equal(first, second)):
                what = f"{matched.sources[ours]} and {name} are two names of one weight but differ"
                raise CheckpointError(what, remedy="Delete the one that is out of date.")
            matched.ignored.append(name)
        else:
            matched.weights[ours], matched.sources[ours] = state[name], name
    return matched


def _strip(name: str) -> str:
    changed = True
    while changed:
        changed = False
        for prefix in PREFIXES:
            if name.startswith(prefix):
                name, changed = name.removeprefix(prefix), True
    return name


def _is_text_tower(name: str) -> bool:
    inner = name.removeprefix("vision_encoder.")
    return inner != name and inner.startswith(TEXT_TOWER)


def _candidates(name: str, layers_path: str, whole_clip: bool) -> Iterable[str]:
    """Names that `name` may have with us, likeliest first."""
    if name.startswith("vision_encoder.") and not whole_clip:
        name = "vision_encoder.visual." + name.removeprefix("vision_encoder.")
    second_name = re.fullmatch(r"lang_encoder\.(gated_cross_attn_layers|old_decoder_blocks)\.(\d+)\.(.+)", name)
    if second_name:
        inner = {"gated_cross_attn_layers": "gated_cross_attn_layer", "old_decoder_blocks": "decoder_layer"}[
            second_name[1]
        ]
        name = f"{layers_path}.{second_name[2]}.{inner}.{second_name[3]}"
    name = re.sub(r"\.(lora_[AB])\.weight$", r".\1.default.weight", name)  # adapters are saved without their own name
    language_model = layers_path.split(".")[0] + "."
    roots = [name] if name.startswith((language_model, "vision_encoder.", "perceiver.")) else [language_model + name]
    for root in roots:
        yield root
        yield root.replace(".base_layer.", ".")
        yield re.sub(r"\.(weight|bias)$", r".base_layer.\1", root)
