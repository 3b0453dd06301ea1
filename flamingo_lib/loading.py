"""A model's folder: weights, config, tokenizer and processor, read with a look at what is missing, and written at once.

Every command loads its models here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from transformers.utils import logging

from .cpu import optimize_for_cpu
from .errors import CheckpointError, DataError, FlamingoError
from .judges.assets import resolve
from .model.flamingo import FlamingoForConditionalGeneration
from .model.lora import merge_lora, save_adapter
from .model.processor import FlamingoProcessor
from .storage import atomic_folder, read_json, write_json

FILES = ("config.json", "processor_config.json", "tokenizer.json")
"""What a model's folder holds beside the weights."""

WEIGHTS = ("model.safetensors", "model.safetensors.index.json")

ADAPTER = "adapter"
"""The folder of the PEFT adapter inside a model's folder."""

REPORTED = {
    "missing_keys": "missing",
    "unexpected_keys": "not expected",
    "mismatched_keys": "of another shape",
    "error_msgs": "not loaded",
}
"""What Transformers reports of a load, in words."""


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
        MissingAsset: there is none of that name.
        CheckpointError: a file is missing or broken or wants to run code, it is another kind of model, or a weight is
            missing, not expected, of another shape, or no number; the weights are named.
    """
    folder = resolve(os.fspath(name), role=role)
    _check_files(folder)
    with _translated(folder), _quiet():
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
    _check_report(folder, model, report)
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
    with _quiet(), atomic_folder(folder) as path:
        model.save_pretrained(path)
        processor.save_pretrained(path)
        if adapter:
            save_adapter(model, path / ADAPTER)
        for name, values in (notes or {}).items():
            write_json(path / name, values)
        mask = os.umask(0)
        os.umask(mask)
        for file in path.rglob("*"):
            if file.is_file():  # some libraries write weights that no one else may read
                file.chmod(0o666 & ~mask)
    return Path(folder)


def _check_files(folder: Path) -> None:
    remedy = "Give a folder that training or save_model wrote."
    for name in FILES:
        if not (folder / name).is_file():
            raise CheckpointError(f"the model folder lacks {name}", file=folder, remedy=remedy)
    if not any((folder / name).is_file() for name in WEIGHTS):
        raise CheckpointError(f"the model folder lacks {WEIGHTS[0]}", file=folder, remedy=remedy)
    for file in sorted(folder.glob("*.json")):
        if file.name.endswith("config.json"):
            try:
                values = read_json(file)
            except DataError as error:
                raise CheckpointError(f"the model folder cannot be loaded: {error.what}", file=file) from error
            if not isinstance(values, dict):
                raise CheckpointError("the file holds no settings", file=file, remedy=remedy)
            if '"auto_map"' in json.dumps(values):
                raise CheckpointError(
                    "the model folder wants to run code of its own (auto_map), which is never done",
                    file=file,
                    remedy="Use a model that Transformers or this library builds.",
                )
    kind = read_json(folder / "config.json").get("model_type")
    if kind != FlamingoForConditionalGeneration.config_class.model_type:
        raise CheckpointError(
            f"the model folder cannot be loaded: its model_type is {kind!r}, not 'flamingo'",
            file=folder / "config.json",
            remedy=remedy,
        )


def _check_report(folder: Path, model: FlamingoForConditionalGeneration, report: dict[str, Any]) -> None:
    """Refuse a model some of whose weights didn't come as they should."""
    found = {
        what: sorted(name if isinstance(name, str) else str(name[0]) for name in report.get(key) or ())
        for key, what in REPORTED.items()
    }
    found["no numbers (NaN or Inf)"] = [
        name for name, weight in model.named_parameters() if not bool(weight.isfinite().all())
    ]
    said = [f"{len(names)} {what}, the first {names[0]}" for what, names in found.items() if names]
    if said:
        raise CheckpointError(
            f"weights of the model are wrong: {'; '.join(said)}",
            file=folder / WEIGHTS[0],
            remedy="Copy the folder again, or train the model with these settings again.",
        )


@contextmanager
def _translated(folder: Path) -> Iterator[None]:
    """Whatever a library says of a folder becomes one line that names it."""
    try:
        yield
    except FlamingoError as error:
        raise CheckpointError(
            f"the model folder cannot be loaded: {error.what}", file=folder, remedy=error.remedy
        ) from error
    except Exception as error:  # each library and each version of it has errors of its own
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise CheckpointError(
            f"the model folder cannot be loaded: {reason}",
            file=folder,
            remedy="Copy it again; a file may be cut off or of another model.",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Transformers' bars and reports: what is wrong is raised."""
    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
