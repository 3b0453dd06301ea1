"""Released Flamingos into model folders: LLaMA, CLIP's tower, a checkpoint by name, on request Guanaco's LoRA.

Sizes come from the files: the language model's and the tower's from their configs, the connector's from the shapes in
the checkpoint. The rules are those of OpenFlamingo's first version, which all of these checkpoints were trained with:
text looks at the next image, images stand behind the instruction, patch tokens before the last LayerNorm, QuickGELU.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..chat.template import END_OF_CHUNK, IMAGE
from ..errors import CheckpointError, ConfigError, DataError
from ..hub import translate_loading_errors
from ..loading import save_model
from ..model.checkpoints import (
    LoadReport,
    load_clever_flamingo,
    load_openflamingo,
    load_plain_lora,
    load_polite_flamingo,
)
from ..model.checkpoints.loading import GUANACO_ALPHA
from ..model.config import FlamingoConfig
from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.image_processor import CLIP_MEAN, CLIP_STD, FlamingoImageProcessor
from ..model.processor import FlamingoProcessor
from ..released import LLAMA, RELEASES, TOWER, check_release, find_flamingo, find_release, require_releases
from ..storage import read_json
from ..weight_files import read_state
from .assemble import grow_embeddings, load_language_model
from .run import refuse_other_folder

RULES: dict[str, Any] = {"media_rule": "following", "patch_tokens": "before_ln_post"}
"""Fields of `FlamingoConfig` that OpenFlamingo's first version stands for."""

DIM_HEAD = 64
"""Width of an attention head of resampler and gated layers, which no shape tells."""

REWRITER_MARKER = "Assistent"
"""How the inference code released with Polite Flamingo spells the assistant's name in the rewriter's prompt."""

REPORT = "import.json"
"""Beside the imported model: from which files, what was loaded and what was left out."""

TOWER_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "model.safetensors")


@dataclass(frozen=True)
class Imported:
    """What an import read.

    Attributes:
        name: of the release.
        files: the place of each release that was read, by name.
        frozen: number of weights that the language model and the tower brought, by the release's name.
        reports: what became of every name of a checkpoint or adapter, by the release's name.
    """

    name: str
    files: Mapping[str, Path]
    frozen: Mapping[str, int]
    reports: Mapping[str, LoadReport]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; weights by the file that they came from."""
        last = list(self.reports.values())[-1]
        sources: dict[str, int] = {}
        for report in self.reports.values():
            for place in report.loaded.values():
                sources[str(place)] = sources.get(str(place), 0) + 1
        return {
            "release": self.name,
            "files": {name: str(path) for name, path in self.files.items()},
            "frozen": dict(self.frozen),
            "loaded": sources,
            "kept": last.initial,
            "not_expected": [name for report in self.reports.values() for name in report.unexpected],
            "not_needed": [name for report in self.reports.values() for name in report.ignored],
        }

    def lines(self) -> list[str]:
        """The report as lines of text."""
        lines = [f"{RELEASES[self.name].title}:"]
        lines += [f"{name}: {count} weights from {self.files[name]}" for name, count in self.frozen.items()]
        for name, report in self.reports.items():
            lines += [f"{name}, from {self.files[name]}:", *(f"  {line}" for line in str(report).splitlines())]
        return lines


def import_released(
    name: str,
    weights: str | os.PathLike | None,
    out: str | os.PathLike,
    *,
    adapter: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> Imported:
    """Make the model folder `out` of a released Flamingo; arguments and errors of `build_released`.

    Raises:
        ConfigError: `out` is a folder with other things in it.
    """
    refuse_other_folder(out)
    model, processor, imported = build_released(name, weights, adapter=adapter, dtype=dtype)
    save_model(model, processor, out, adapter=bool(model.config.lora), notes={REPORT: imported.to_json()})
    return imported


def build_released(
    name: str,
    weights: str | os.PathLike | None,
    *,
    adapter: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> tuple[FlamingoForConditionalGeneration, FlamingoProcessor, Imported]:
    """A released Flamingo in memory, in evaluation mode.

    Args:
        name: one of `released.FLAMINGOS`.
        weights: the folder of weights; None looks only into the hub's cache.
        adapter: a released LoRA of the plain language model to begin with, such as "guanaco-7b"; only for a release
            that brings none.
        dtype: of the weights.

    Raises:
        ConfigError: an unknown name, or an adapter for a release that has LoRA of its own.
        MissingAsset: weights that are not there, all of them by name.
        CheckpointError: a broken file, or weights that don't fit together.
    """
    places = release_places(name, weights, adapter)
    state = read_state(places[_sizing(places, name)])
    config = _config(places, state, name)
    language, tokenizer = load_language_model(places[LLAMA], dtype=dtype)
    _add_tokens(tokenizer)
    _check_tokens(tokenizer, config, places[LLAMA])
    grow_embeddings(language, config.text_config.vocab_size)  # type: ignore[union-attr]
    language.config.pad_token_id = config.text_config.pad_token_id = tokenizer.pad_token_id  # type: ignore[union-attr]
    config.text_config = language.config
    model = FlamingoForConditionalGeneration(config, language_model=language).to(dtype).eval()
    frozen = {LLAMA: len(language.state_dict()) - _gated(model), TOWER: _load_tower(model, places[TOWER])}
    reports = _load(model, name, places, state)
    if adapter is not None:
        reports[adapter] = load_plain_lora(model, places[adapter])
    settings = read_config(places[TOWER]).get("preprocess_cfg") or {}
    images = FlamingoImageProcessor(
        size=model.vision_encoder.image_size,
        mean=settings.get("mean") or CLIP_MEAN,
        std=settings.get("std") or CLIP_STD,
        fit="squash" if settings.get("resize_mode") == "squash" else "crop",
    )
    marker = REWRITER_MARKER if name.startswith("polite") else "Assistant"
    processor = FlamingoProcessor(
        images, tokenizer, media_rule=RULES["media_rule"], image_position="after", rewriter_marker=marker
    )
    return model, processor, Imported(name, places, frozen, reports)


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
    return _config(places, read_state(places[_sizing(places, name)]), name)


def _sizing(places: Mapping[str, Path], name: str) -> str:
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


def _config(places: Mapping[str, Path], state: Mapping[str, Tensor], name: str) -> FlamingoConfig:
    from transformers import AutoConfig

    place = places[_sizing(places, name)]
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


def _add_tokens(tokenizer: Any) -> None:
    """Give LLaMA's tokenizer the two tokens in the checkpoints' order, and the padding of the released code."""
    tokenizer.add_tokens([END_OF_CHUNK, IMAGE], special_tokens=True)
    tokenizer.pad_token = tokenizer.convert_ids_to_tokens(0)
    tokenizer.padding_side = "left"


def _check_tokens(tokenizer: Any, config: FlamingoConfig, folder: Path) -> None:
    ids = tokenizer.get_vocab()
    for token, wanted in ((END_OF_CHUNK, config.end_of_chunk_token_id), (IMAGE, config.image_token_id)):
        if ids.get(token) != wanted:
            raise CheckpointError(
                f"{token} has id {ids.get(token)} in the tokenizer of {LLAMA}, in the checkpoint it is {wanted}",
                file=folder,
                remedy="Give the model's own tokenizer, without tokens of other programs.",
            )


def _gated(model: FlamingoForConditionalGeneration) -> int:
    """The number of weights that the gated layers added to the language model."""
    return sum(".gated_cross_attn_layer." in name for name in model.lang_encoder.state_dict())


def _load_tower(model: FlamingoForConditionalGeneration, folder: Path) -> int:
    """Fill the tower from CLIP's weights; returns their number."""
    file = next((folder / name for name in TOWER_FILES if (folder / name).is_file()), folder)
    state = {name.removeprefix("visual."): w for name, w in read_state(file).items() if name.startswith("visual.")}
    with translate_loading_errors(folder, "the tower"):
        model.vision_encoder.visual.load_state_dict(state)
    return len(state)


def _load(
    model: FlamingoForConditionalGeneration, name: str, places: Mapping[str, Path], state: Mapping[str, Tensor]
) -> dict[str, LoadReport]:
    """Load the checkpoints in their order."""
    base = places.get("openflamingo-9b")
    if name == "openflamingo-9b":
        return {name: load_openflamingo(model, places[name])}
    own = read_state(places[name]) if base is not None or name.endswith("gen2") else state
    lora = [weight.shape[0] for key, weight in own.items() if re.search(r"\.lora_A\.", key)]
    if not lora:
        raise CheckpointError("the checkpoint holds no LoRA", file=places[name], remedy="Is it the right file?")
    options: dict[str, Any] = {"base": base, "rank": lora[0], "alpha": GUANACO_ALPHA}
    if name == "clever-flamingo":
        return {name: load_clever_flamingo(model, places[name], **options)}
    if name.endswith("gen2"):
        options |= {"generation": 2, "clever": places["clever-flamingo"]}
    return {name: load_polite_flamingo(model, places[name], **options)}
