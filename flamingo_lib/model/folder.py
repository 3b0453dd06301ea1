"""A model's folder: weights, config, tokenizer and processor together, written at once and read at once."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from transformers.utils import logging

from ..errors import CheckpointError
from ..storage import atomic_folder
from .flamingo import FlamingoForConditionalGeneration
from .processor import FlamingoProcessor


def save_folder(
    model: FlamingoForConditionalGeneration, processor: FlamingoProcessor, folder: str | os.PathLike
) -> Path:
    """Write everything that `load_folder` reads; an older folder is replaced in one step."""
    with _quiet(), atomic_folder(folder) as path:
        model.save_pretrained(path)
        processor.save_pretrained(path)
    return Path(folder)


def load_folder(
    folder: str | os.PathLike, dtype: str | torch.dtype = "float32"
) -> tuple[FlamingoForConditionalGeneration, FlamingoProcessor]:
    """Model (in evaluation mode, tower frozen) and processor of a folder on this machine; nothing is fetched.

    Raises:
        CheckpointError: a file is missing or broken, or it is another kind of model.
    """
    folder = Path(folder)
    for name in ("config.json", "processor_config.json", "tokenizer.json"):
        if not (folder / name).is_file():
            raise CheckpointError(
                f"the model folder lacks {name}",
                file=folder,
                remedy="Give a folder that save_folder or a training stage wrote.",
            )
    try:
        with _quiet():
            model, report = FlamingoForConditionalGeneration.from_pretrained(
                folder, dtype=dtype, local_files_only=True, use_safetensors=True, output_loading_info=True
            )
            processor = FlamingoProcessor.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise CheckpointError(
            f"the model folder cannot be loaded: {str(error).splitlines()[0]}", file=folder
        ) from error
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        if names := report.get(what):
            raise CheckpointError(
                f"{len(names)} {what.replace('_', ' ')}, the first {min(map(str, names))}",
                file=folder / "model.safetensors",
            )
    return model.eval(), processor


@contextmanager
def _quiet():
    """Without Transformers' bars for what takes a moment."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
