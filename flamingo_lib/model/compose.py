"""A new Flamingo of a trained language model and a trained vision tower: tokens added, gates closed, nothing lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from ..chat.template import END_OF_CHUNK, IMAGE
from ..errors import CheckpointError, MissingAsset
from .checkpoint_files import read_state
from .config import FlamingoConfig
from .flamingo import FlamingoForConditionalGeneration
from .images import CLIP_MEAN, CLIP_STD, FlamingoImageProcessor
from .processor import FlamingoProcessor
from .vision import image_size, open_clip_vision_config

PAD = "<PAD>"


def compose(
    language_model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    vision: str | dict[str, Any],
    *,
    vision_weights: str | os.PathLike | None = None,
    image_mean: tuple[float, ...] = CLIP_MEAN,
    image_std: tuple[float, ...] = CLIP_STD,
    image_position: str = "before",
    **settings: Any,
) -> tuple[FlamingoForConditionalGeneration, FlamingoProcessor]:
    """Model and processor of given parts, with an untrained connector between them.

    Args:
        language_model, tokenizer: belong together; both are changed in place: `<|endofchunk|>`, `<image>` and, where
            there is no padding token, one more are added, in OpenFlamingo's order, and their embeddings drawn like the
            known ones.
        vision: an open_clip model name, or a `FlamingoConfig.vision_config`.
        vision_weights: file or folder with the tower's weights, alone or inside a whole CLIP; None starts at random.
        image_mean, image_std: of the tower's training images.
        image_position: see `chat.template.ChatTemplate`.
        settings: fields of `FlamingoConfig`, e.g. `media_rule`, `num_latents`.

    Raises:
        CheckpointError: weights that don't fit the tower.
    """
    vision_config = open_clip_vision_config(vision) if isinstance(vision, str) else vision
    rows = language_model.get_input_embeddings().weight.shape[0]
    tokenizer.add_special_tokens({"extra_special_tokens": [END_OF_CHUNK, IMAGE]}, replace_extra_special_tokens=False)
    if tokenizer.pad_token is None:
        tokenizer.add_special_tokens({"pad_token": PAD})
    if len(tokenizer) > rows:
        language_model.resize_token_embeddings(len(tokenizer))
    language_model.config.pad_token_id = tokenizer.pad_token_id
    config = FlamingoConfig(
        text_config=language_model.config,
        vision_config=vision_config,
        image_token_id=tokenizer.convert_tokens_to_ids(IMAGE),
        end_of_chunk_token_id=tokenizer.convert_tokens_to_ids(END_OF_CHUNK),
        stop_token_id=settings.pop("stop_token_id", tokenizer.eos_token_id),
        original_vocab_size=min(rows, len(tokenizer)),
        **settings,
    )
    model = FlamingoForConditionalGeneration(config, language_model)
    if vision_weights is not None:
        load_tower(model, vision_weights)
    processor = FlamingoProcessor(
        FlamingoImageProcessor(image_size(vision_config), image_mean, image_std),
        tokenizer,
        media_rule=config.media_rule,
        image_position=image_position,
    )
    return model.eval(), processor


def load_tower(model: FlamingoForConditionalGeneration, weights: str | os.PathLike) -> None:
    """Load the vision tower's weights from a file of its own or of a whole CLIP (then under `visual.`).

    Raises:
        CheckpointError: a weight is missing or of another shape.
    """
    state = read_state(weights)
    inside = {
        name.removeprefix("visual."): value for name, value in state.items() if name.startswith("visual.")
    } or state
    tower = model.vision_encoder.visual
    wanted = tower.state_dict()
    if missing := wanted.keys() - inside.keys():
        raise CheckpointError(
            f"{len(missing)} weights of the vision tower are missing, the first {min(missing)}", file=weights
        )
    for name, value in wanted.items():
        if value.shape != inside[name].shape:
            raise CheckpointError(f"{name} is {tuple(inside[name].shape)}, not {tuple(value.shape)}", file=weights)
    tower.load_state_dict({name: inside[name] for name in wanted})


def read_language_model(
    path: str | os.PathLike, dtype: torch.dtype = torch.float32
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """A causal language model and its tokenizer from a folder on this machine, or from one .gguf file.

    Raises:
        MissingAsset: there is no such folder or file, or reading GGUF needs the package `gguf`.
    """
    path = Path(path)
    if not path.exists():
        raise MissingAsset("there is no such language model", file=path, remedy="Give a model folder or a .gguf file.")
    where: dict[str, Any] = {"local_files_only": True}
    if path.suffix == ".gguf":
        path, where["gguf_file"] = path.parent, path.name
    try:
        return AutoModelForCausalLM.from_pretrained(path, dtype=dtype, **where), AutoTokenizer.from_pretrained(
            path, **where
        )
    except ImportError as error:
        raise MissingAsset(
            "reading a .gguf file needs another package", file=path, remedy="pip install gguf"
        ) from error
