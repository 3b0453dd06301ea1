"""A model's folder: weights, config, tokenizer and processor, read with a look at what is missing, and written at once.

Every command loads its models here.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open

from .chat.template import END_OF_CHUNK, IMAGE
from .cpu import optimize_for_cpu
from .errors import CheckpointError, DataError
from .hub import (
    check_device,
    check_load_report,
    check_weights,
    quiet_loading,
    refuse_remote_code,
    resolve,
    translate_loading_errors,
)
from .model.config import FlamingoConfig
from .model.flamingo import FlamingoForConditionalGeneration
from .model.lora import merge_lora, save_adapter
from .model.processor import FlamingoProcessor
from .renamed import renamed
from .storage import atomic_folder, read_json, write_json
from .weight_bounds import check_built_size

FILES = ("config.json", "processor_config.json", "tokenizer.json")
"""What a model's folder holds beside the weights."""

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")

ADAPTER = "adapter"
"""The folder of the PEFT adapter inside a model's folder."""

KNOWN_SETTINGS = frozenset(FlamingoConfig().to_dict()) | {
    "torch_dtype",
    "use_cache",
    "pad_token_id",
    "bos_token_id",
    "eos_token_id",
}
"""What a model's config.json may hold."""

REMEDY = "Give the whole folder that training or save_model wrote, or copy it again."


def load_model(
    name: str | os.PathLike,
    *,
    role: str = "the model",
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    merge: bool = False,
    optimize: bool = True,
) -> tuple[FlamingoForConditionalGeneration, FlamingoProcessor]:
    """Model (in evaluation mode, tower frozen) and processor of a folder; none of its code is run, nothing is fetched.

    Args:
        name: a folder, a checkpoint shipped with the project, or a hub name whose files are on this machine.
        role: what the model is for, in words, for messages.
        dtype: of the weights.
        merge: add LoRA to the weights it belongs to, which makes the model faster.
        optimize: make a small model fast on a CPU (see `flamingo_lib.cpu`).

    Raises:
        ConfigError: there is no such device.
        MissingAsset: there is none of that name.
        CheckpointError: a file is missing or broken or wants to run code, it is another kind of model, or a weight is
            missing, not expected, of another shape, or no number; the weights are named.
    """
    check_device(device)
    folder = resolve(name, role=role)
    check_model_files(folder)
    with translate_loading_errors(folder, role, REMEDY), quiet_loading():
        config = FlamingoConfig.from_pretrained(folder, local_files_only=True)
        check_built_size(folder, lambda: FlamingoForConditionalGeneration(config))
        model, report = FlamingoForConditionalGeneration.from_pretrained(
            folder,
            dtype=dtype,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            ignore_mismatched_sizes=True,  # they are in the report
            output_loading_info=True,
        )
        processor = FlamingoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    check_load_report(report, folder / WEIGHTS[0], remedy=REMEDY)
    _check_finite(folder, model)
    _check_tokenizer(folder, model, processor)
    if merge and model.config.lora:
        merge_lora(model)
    model = model.to(device).eval()
    return (optimize_for_cpu(model) if optimize else model), processor


def save_model(
    model: FlamingoForConditionalGeneration,
    processor: FlamingoProcessor,
    folder: str | os.PathLike,
    *,
    adapter: bool = False,
    notes: dict[str, Any] | None = None,
) -> Path:
    """Write everything that `load_model` reads; an older folder is replaced in one step.

    Args:
        adapter: also write LoRA as a PEFT adapter, in the folder `ADAPTER` inside.
        notes: more JSON files, by name.

    Returns:
        The folder.
    """
    with quiet_loading(), atomic_folder(folder) as path:
        model.save_pretrained(path)
        processor.save_pretrained(path)
        if adapter:
            save_adapter(model, path / ADAPTER)
        for name, values in (notes or {}).items():
            write_json(path / name, values)
    return Path(folder)


def check_model_files(folder: Path) -> None:
    """Refuse a Flamingo's folder that lacks a file, brings code, or is another kind of model; no weights are read.

    Raises:
        CheckpointError: it says what is wrong with which file.
    """
    for name in FILES:
        if not (folder / name).is_file():
            raise CheckpointError(f"the model folder lacks {name}", file=folder, remedy=REMEDY)
    if not any((folder / name).is_file() for name in WEIGHTS):
        if any(folder.glob("*.bin")):
            check_weights(folder)  # says that pickles are not loaded
        raise CheckpointError(f"the model folder lacks {WEIGHTS[0]}", file=folder, remedy=REMEDY)
    check_weights(folder)
    refuse_remote_code(folder)
    config = folder / "config.json"
    try:
        values = read_json(config)
    except DataError as error:
        raise CheckpointError(f"the model folder cannot be loaded: {error.what}", file=config, remedy=REMEDY) from error
    if not isinstance(values, dict):
        raise CheckpointError("the model's configuration is not a JSON object", file=config, remedy=REMEDY)
    kind = values.get("model_type")
    if kind is None:
        raise CheckpointError("the model's configuration names no model_type", file=config, remedy=REMEDY)
    if kind != FlamingoForConditionalGeneration.config_class.model_type:
        raise CheckpointError(f"the model's model_type is {kind!r}, not 'flamingo'", file=config, remedy=REMEDY)
    unknown = sorted(name for name in values if name not in KNOWN_SETTINGS and not name.startswith("_"))
    if unknown:
        raise CheckpointError(
            f"the model has no setting {unknown[0]!r}",
            file=config,
            remedy="Take it out, or spell it as FlamingoConfig.",
        )
    for part, key in (("text_config", "model_type"), ("vision_config", "source")):
        if not isinstance(values.get(part), dict) or not values[part].get(key):
            raise CheckpointError(f"{part} names no {key}, so nothing can be built from it", file=config, remedy=REMEDY)
    for file in sorted(folder.glob("model*.safetensors")):
        _check_dtypes(file)


def _check_dtypes(file: Path) -> None:
    """Refuse weights that are not floating point (quantised ones, say): they would be read as if they were."""
    with safe_open(file, framework="pt") as weights:
        for name in weights.keys():  # noqa: SIM118
            dtype = weights.get_slice(name).get_dtype()
            if dtype not in ("F64", "F32", "F16", "BF16"):
                raise CheckpointError(
                    f"the weight {name} is stored as {dtype}, not as floating point numbers",
                    file=file,
                    remedy="Save the model in float32, float16 or bfloat16.",
                )


def _check_finite(folder: Path, model: FlamingoForConditionalGeneration) -> None:
    bad = [name for name, weight in model.named_parameters() if not bool(weight.isfinite().all())]
    if bad:
        raise CheckpointError(
            f"{len(bad)} weights hold NaN or Inf, the first {bad[0]}", file=folder / WEIGHTS[0], remedy=REMEDY
        )


def _check_tokenizer(folder: Path, model: FlamingoForConditionalGeneration, processor: FlamingoProcessor) -> None:
    """Refuse a tokenizer whose special tokens have other ids than the model knows."""
    tokenizer, config = processor.tokenizer, model.config
    ids = tokenizer.get_vocab()
    for token, wanted in ((IMAGE, config.image_token_id), (END_OF_CHUNK, config.end_of_chunk_token_id)):
        if wanted is not None and ids.get(token) != wanted:
            raise CheckpointError(
                f"the tokenizer is not the model's: {token} has id {ids.get(token)}, the model's is {wanted}",
                file=folder / "tokenizer.json",
                remedy=REMEDY,
            )


__getattr__ = renamed(__name__, load_folder=load_model, save_folder=save_model)
