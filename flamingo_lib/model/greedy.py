"""Plain greedy decoding asked of `generate`: the lean path gives the same ids without a step's bookkeeping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from .flamingo import FlamingoForConditionalGeneration
from .generation import decode
from .lean import lean_step

INPUTS = {"input_ids", "attention_mask", "attended_image", "visual_memory", "num_images"}

INDIFFERENT = {
    "transformers_version",
    "_from_model_config",
    "bos_token_id",
    "max_length",
    "temperature",
    "top_k",
    "top_p",
}
"""Settings that change nothing when the best token is taken each time and `max_new_tokens` is given."""

PLAIN = {"do_sample": False, "num_beams": 1, "num_return_sequences": 1, "use_cache": True}
"""The values with which decoding is plain; None and absence mean the same."""

READ = {"max_new_tokens", "min_new_tokens", "eos_token_id", "pad_token_id"}


@torch.no_grad()
def plain_greedy(
    model: FlamingoForConditionalGeneration,
    input_ids: Tensor | None,
    generation_config: GenerationConfig | None,
    arguments: Mapping[str, Any],
    given_as_inputs: bool,
) -> Tensor | None:
    """What `generate` returns, (b, t + new) ids, if nothing more than that is asked; else None.

    Args:
        arguments: the other arguments of `generate`: what the model reads, and settings.
        given_as_inputs: the ids came by position.
    """
    named = {name: value for name, value in arguments.items() if name not in INPUTS and value is not None}
    settings = model.generation_config.to_diff_dict()
    settings |= generation_config.to_diff_dict() if generation_config is not None else {}
    settings |= named | (
        {"eos_token_id": None} if "eos_token_id" in arguments and arguments["eos_token_id"] is None else {}
    )
    wanted = {name: value for name, value in settings.items() if name not in INDIFFERENT | READ and value is not None}
    if any(name not in PLAIN or value != PLAIN[name] for name, value in wanted.items()) or (
        given_as_inputs and "input_ids" in arguments
    ):
        return None
    steps, ends, pad = settings.get("max_new_tokens"), settings.get("eos_token_id"), settings.get("pad_token_id")
    ends = [ends] if isinstance(ends, int) else list(ends or [])
    if not isinstance(steps, int) or steps < 1 or (ends and not isinstance(pad, int)) or model.training:
        return None
    mask = arguments.get("attention_mask")
    if input_ids is None or input_ids.ndim != 2 or input_ids.numel() == 0 or input_ids.device != model.device:
        return None
    if (mask is None and pad is not None and bool((input_ids == pad).any())) or (
        mask is not None and not bool(mask[:, -1].all())
    ):
        return None
    if torch.is_autocast_enabled(input_ids.device.type) or _watched(model):
        return None
    lean = lean_step(model)
    if lean is None:
        return None
    inputs = {name: value for name, value in arguments.items() if name in INPUTS and value is not None} | {
        "input_ids": input_ids
    }
    tokens, lengths = decode(
        model, inputs, steps, eos=ends, min_new_tokens=settings.get("min_new_tokens") or 0, lean=lean
    )
    tokens, lengths = tokens.clone(), lengths.clone()  # such as gradients may be taken with
    after = torch.arange(steps, device=tokens.device) > lengths[:, None]
    if bool(after.any()):
        tokens = tokens.masked_fill(after, pad)[:, : int(lengths.max()) + 1]
    return torch.cat([input_ids, tokens], dim=1)


def _watched(model: torch.nn.Module) -> bool:
    """Whether someone listens to the modules' calls, which the lean path does without."""
    return any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
