"""What the model gets to see of a batch's images: pixels, or features that were computed once.

Which of the three it is follows from what is tuned: while the tower trains, pixels; while the resampler trains, the
tower's tokens; else the resampler's latents.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..model.trainable import GROUPS
from .feature_cache import FeatureCache, weights_fingerprint

if TYPE_CHECKING:
    from ..model.flamingo import FlamingoForConditionalGeneration

Pixels = Callable[[Sequence[str | os.PathLike]], Tensor]
"""Image files to normalised pixels (n, 3, H, W), always the same for the same file."""


def visual_form(tunes: Iterable[str], augmented: bool = False) -> str:
    """`pixel_values`, `vision_tokens` or `latents`: the latest form that training these parts leaves constant."""
    tunes = {member for part in tunes for member in GROUPS.get(part, (part,))}
    if augmented or "vision" in tunes:
        return "pixel_values"
    return "vision_tokens" if "resampler" in tunes else "latents"


class Visuals:
    """Image files of each row to one padded tensor (B, M, ...), M at least 1.

    Args:
        form: see `visual_form`.
        fetch: image files to an array or tensor (n, ...).
        shape: shape of one image's entry.
        dtype: of the tensor.
    """

    def __init__(
        self, *, form: str, fetch: Callable[[list[str]], Any], shape: Sequence[int], dtype: torch.dtype = torch.float32
    ) -> None:
        self.form, self.fetch, self.shape, self.dtype = form, fetch, tuple(shape), dtype

    def __call__(self, rows: Sequence[Sequence[str]]) -> dict[str, Tensor]:
        """The batch's visual input, by the name of its form."""
        slots = max(
            1, max(len(files) for files in rows)
        )  # a slot even without images, so that every batch uses every parameter
        out = torch.zeros(len(rows), slots, *self.shape, dtype=self.dtype)
        files = [file for row in rows for file in row]
        if files:
            taken = torch.cat(
                [torch.full((len(row),), index * slots) + torch.arange(len(row)) for index, row in enumerate(rows)]
            )
            out.view(-1, *self.shape)[taken] = torch.as_tensor(self.fetch(files)).to(self.dtype)
        return {self.form: out}


def make_visuals(
    model: FlamingoForConditionalGeneration,
    pixels: Pixels,
    files: Iterable[str | os.PathLike],
    *,
    tunes: Iterable[str],
    cache_folder: str | os.PathLike | None,
    details: Any = None,
    augmented: bool = False,
    batch_size: int = 64,
    rank: int = 0,
    processes: int = 1,
) -> Visuals:
    """Visual inputs for training: cached features of all `files` where the stage allows it, else pixels.

    Args:
        pixels: how a file is read.
        files: every image that will be asked for.
        tunes: the parts that train.
        cache_folder: where feature caches live; None computes from pixels in every step.
        details: what besides the weights decides the features, such as the preprocessing (JSON-like).
        augmented: the pixels of a file differ from time to time, so nothing may be kept.
        rank, processes: which share of the missing features this process computes. The caller waits for the others
            before training.
    """
    size = model.vision_encoder.image_size
    form = visual_form(tunes, augmented)
    if cache_folder is None or form == "pixel_values":
        return Visuals(form="pixel_values", fetch=pixels, shape=(3, size, size))
    cache, encode = _cache_of(model, pixels, form, cache_folder, details)
    cache.fill(files, encode, batch_size=batch_size, rank=rank, processes=processes)
    return Visuals(form=form, fetch=lambda paths: cache.get([cache.key(path) for path in paths]), shape=cache.shape)


def _cache_of(
    model: FlamingoForConditionalGeneration, pixels: Pixels, form: str, folder: str | os.PathLike, details: Any
) -> tuple[FeatureCache, Callable[[list[Path]], np.ndarray]]:
    """The cache of this model's `form`, and what computes its entries."""
    modules = [model.vision_encoder] + ([model.perceiver] if form == "latents" else [])
    config = model.config
    settings = [
        form,
        details,
        config.vision_config,
        config.patch_tokens,
        config.resampler_heads if form == "latents" else None,
    ]
    tower = weights_fingerprint(modules, settings)
    count = config.num_latents if form == "latents" else model.vision_encoder.num_tokens

    @torch.no_grad()
    def encode(paths: list[Path]) -> np.ndarray:
        tokens = model.encode_images(pixels(paths).to(model.device))
        return (model.resample(tokens) if form == "latents" else tokens).float().cpu().numpy()

    return FeatureCache(folder, tower=tower, shape=(count, model.vision_encoder.width)), encode
