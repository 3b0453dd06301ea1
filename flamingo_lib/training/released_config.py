"""Config of a released Flamingo: sizes from the files, rules of OpenFlamingo's first version.

The language model's and the tower's sizes are in their configs, the connector's in the shapes of the checkpoint.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import CheckpointError, ConfigError, DataError
from ..hub import translate_loading_errors
from ..model.config import FlamingoConfig
from ..released import LLAMA, RELEASES, TOWER, check_release, find_flamingo, find_release, require_releases
from ..storage import read_json
from ..weight_files import read_state

RULES: dict[str, Any] = {"media_rule": "following", "patch_tokens": "before_ln_post"}
"""Fields of `FlamingoConfig` that OpenFlamingo's first version stands for."""

DIM_HEAD = 64
"""Width of an attention head of resampler and gated layers, which no shape tells."""


def release_places(name: str, weights: str | os.PathLike | None, adapter: str | None = None) -> dict[str, Path]:
    """Every release that the import of `name` reads, by name, looked at and not loaded; errors of `build_released`."""
    release = find_flamingo(name)
    if adapter is not None:
        if adapter not in RELEASES or RELEASES[adapter].kind != "adapter":
            known = ", ".join(item.name for item in RELEASES.values() if item.kind == "adapter")
            raise ConfigError(f"there is no released adapter {adapter!r}", remedy=f"Choose one of {known}.")
        if name != "openflamingo-9b":
            raise ConfigError(f"{name} has LoRA of its own", remedy=f"Leave {adapter} out, or take openflamingo-9b.")
    places = require_releases((*release.needs, name, *((adapter,) if adapter else ())), weights)
    for under in release.over:
        if (found := find_release(under, weights)) is not None:
            check_release(under, found)
            places = {**places, under: found}
    return places


def released_config(name: str, weights: str | os.PathLike | None) -> FlamingoConfig:
    """The config that the import of `name` would have, without loading the language model; errors likewise.

    Raises:
        CheckpointError: the checkpoint is for another language model.
    """
    places = release_places(name, weights)
    return make_config(places, read_state(places[sizing(places, name)]), name)


def sizing(places: Mapping[str, Path], name: str) -> str:
    """The release whose checkpoint tells the connector's sizes: the one that the others were tuned from."""
    return "openflamingo-9b" if "openflamingo-9b" in places else "clever-flamingo" if name.endswith("gen2") else name


def read_config(tower: Path) -> dict[str, Any]:
    """What a tower's folder says of it, in open_clip's ``open_clip_config.json``."""
    try:
        values = read_json(tower / "open_clip_config.json")
    except DataError as error:
        raise CheckpointError(f"the tower's config cannot be read: {error.what}", file=tower) from error
    inner = values.get("model_cfg") if isinstance(values, dict) else None
    if not isinstance(inner, dict) or not isinstance(inner.get("vision_cfg"), dict) or "embed_dim" not in inner:
        raise CheckpointError(
            "the tower's config names no model_cfg with vision_cfg and embed_dim", file=tower / "open_clip_config.json"
        )
    return values


def make_config(places: Mapping[str, Path], state: Mapping[str, Tensor], name: str) -> FlamingoConfig:
    """The config of the import of `name`.

    Args:
        places: of all that it reads, see `release_places`.
        state: the tensors of the checkpoint that tells the connector's sizes, see `sizing`.

    Raises:
        CheckpointError: the checkpoint is for another language model or tower.
    """
    from transformers import AutoConfig

    place = places[sizing(places, name)]
    sizes = connector_sizes(state, place)
    with translate_loading_errors(places[LLAMA], "the language model's config"):
        text: Any = AutoConfig.from_pretrained(places[LLAMA], local_files_only=True, trust_remote_code=False)
    width = sizes.pop("width")
    if width != text.hidden_size:
        raise CheckpointError(
            f"the checkpoint is for a language model of width {width}, and {LLAMA} is {text.hidden_size} wide",
            file=place,
            remedy=f"Put the language model that it was trained on into {places[LLAMA]}.",
        )
    tower = read_config(places[TOWER])["model_cfg"]
    if sizes.pop("vision_width") != tower["vision_cfg"].get("width"):
        raise CheckpointError(
            f"the checkpoint's resampler is for another tower than {TOWER}",
            file=place,
            remedy=f"Put the tower that it was trained with into {places[TOWER]}.",
        )
    before = text.vocab_size
    text.vocab_size = max(sizes.pop("rows") or 0, before + 2)
    return FlamingoConfig(
        text_config=text,
        vision_config={
            "source": "open_clip",
            "embed_dim": tower["embed_dim"],
            "quick_gelu": True,
            "vision_cfg": tower["vision_cfg"],
        },
        end_of_chunk_token_id=before,
        image_token_id=before + 1,
        original_vocab_size=before,
        stop_token_id=text.eos_token_id,
        resampler_dim_head=DIM_HEAD,
        cross_attention_dim_head=DIM_HEAD,
        **sizes,
        **RULES,
    )


_GATED = re.compile(r"(?:gated_cross_attn_layers\.(\d+)|layers\.(\d+)\.gated_cross_attn_layer)\.(.+)$")


def connector_sizes(state: Mapping[str, Tensor], file: str | os.PathLike) -> dict[str, Any]:
    """The connector's sizes as fields of `FlamingoConfig`, and ``width, vision_width, rows`` of what it stands on.

    Args:
        state: a checkpoint's tensors by any of their names.
        file: the checkpoint, for messages.

    Raises:
        CheckpointError: it holds no resampler or no gated layers.
    """
    perceiver, gated, every, rows = {}, {}, set(), None
    for name, weight in state.items():
        if "perceiver." in name:
            perceiver[name.split("perceiver.", 1)[1]] = weight.shape
        elif match := _GATED.search(name):
            every.add(int(match[1] or match[2]) + 1)
            gated[match[3]] = weight.shape
        elif name.endswith("embed_tokens.weight"):
            rows = weight.shape[0]
    try:
        latents, inner = perceiver["latents"], perceiver["layers.0.0.to_q.weight"][0]
        across, width = gated["attn.to_q.weight"]
        sizes = {
            "num_latents": latents[0],
            "resampler_depth": len({name.split(".")[1] for name in perceiver if name.startswith("layers.")}),
            "resampler_heads": max(inner // DIM_HEAD, 1),
            "resampler_ff_mult": perceiver["layers.0.1.1.weight"][0] // latents[1],
            "cross_attention_every": _spacing(every),
            "cross_attention_heads": max(across // DIM_HEAD, 1),
            "cross_attention_ff_mult": gated["ff.1.weight"][0] // width,
        }
    except (KeyError, IndexError, ValueError):
        raise CheckpointError(
            "the checkpoint holds no resampler and gated layers", file=file, remedy="Is it the right file?"
        ) from None
    return sizes | {"width": width, "vision_width": latents[1], "rows": rows}


def _spacing(layers: set[int]) -> int:
    """The distance of gated layers that stand before these decoder layers, counted from 1 (as 4, 8, 12)."""
    first = min(layers)
    distances = {later - before for before, later in zip(sorted(layers), sorted(layers)[1:], strict=False)}
    return distances.pop() if len(distances) == 1 and first in layers else first
