"""Parity fixtures: folders with a tiny random model under a reference's own names, read as our model.

A fixture holds `config.json`, `weights.safetensors`, `inputs.safetensors`, `expected.safetensors`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..errors import CheckpointError, ConfigError, DataError
from ..model.checkpoints.names import match_names
from ..model.config import FlamingoConfig
from ..model.flamingo import FlamingoForConditionalGeneration
from ..storage import read_json


def fixture_model(folder: str | os.PathLike, patch_tokens: str = "after_ln_post") -> FlamingoForConditionalGeneration:
    """The model of a fixture folder with its weights, in evaluation mode."""
    folder = Path(folder)
    weights = read_tensors(folder / "weights.safetensors")
    model = FlamingoForConditionalGeneration(fixture_config(read_json(folder / "config.json"), patch_tokens)).eval()
    own = model.state_dict()
    matched = match_names(weights, own, model.layers_path)
    if matched.unexpected:
        raise CheckpointError(f"unknown weight {matched.unexpected[0]}", file=folder / "weights.safetensors")
    tied = {name for pair in model.all_tied_weights_keys.items() if matched.weights.keys() & set(pair) for name in pair}
    missing = sorted(own.keys() - matched.weights.keys() - tied)
    if missing:
        raise CheckpointError(
            f"{len(missing)} weights are missing, the first {missing[0]}", file=folder / "weights.safetensors"
        )
    model.load_state_dict(matched.weights, strict=False)
    model.requires_grad_(True)
    model.vision_encoder.requires_grad_(False)
    return model


def fixture_config(values: dict[str, Any], patch_tokens: str) -> FlamingoConfig:
    """Our config for a fixture's `config.json`."""
    try:
        language, special = dict(values["language_model"]), values["special_tokens"]
        vision, perceiver, gated = values["vision"], values["perceiver"], values["gated_cross_attention"]
        for where, key, only in (
            (perceiver, "max_num_media", None),
            (perceiver, "max_num_frames", None),
            (gated, "only_attend_immediate_media", True),
            (gated, "xattn_no_ffn", False),
        ):
            if where.get(key, only) != only:
                raise ConfigError(f"{key} is {where[key]!r} in the fixture", remedy=f"Only {only!r} is supported.")
        config_class = getattr(transformers, language.pop("class")).config_class
        for name in ("base_vocab_size", "attn_implementation"):
            language.pop(name, None)
        text_config = config_class(
            **language,
            pad_token_id=special["pad"],
            bos_token_id=special["bos"],
            eos_token_id=values["generation"]["eos_token_id"],
        )
        return FlamingoConfig(
            text_config=text_config,
            vision_config={
                "source": "open_clip",
                "embed_dim": vision["embed_dim"],
                "quick_gelu": vision["quick_gelu"],
                "vision_cfg": vision["vision_cfg"],
            },
            patch_tokens=patch_tokens,
            media_rule="following" if gated.get("attend_previous", True) is False else "preceding",
            num_latents=perceiver["num_latents"],
            resampler_depth=perceiver["depth"],
            resampler_heads=perceiver["heads"],
            resampler_dim_head=perceiver["dim_head"],
            resampler_ff_mult=perceiver["ff_mult"],
            cross_attention_every=gated["every_n_layers"],
            cross_attention_heads=gated["heads"],
            cross_attention_dim_head=gated["dim_head"],
            cross_attention_ff_mult=gated["ff_mult"],
            image_token_id=special["<image>"],
            end_of_chunk_token_id=special["<|endofchunk|>"],
            stop_token_id=values["generation"]["eos_token_id"],
        )
    except (KeyError, AttributeError) as error:
        raise ConfigError(f"the fixture's config.json lacks or misnames {error}") from error


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of one of the fixture's files, by name; `DataError` if it is missing or broken."""
    if not path.is_file():
        raise DataError(
            "the file is missing", file=path, remedy="A fixture folder holds config.json and three safetensors files."
        )
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"the file cannot be read: {error}", file=path) from error
