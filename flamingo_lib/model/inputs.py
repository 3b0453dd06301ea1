"""What a forward pass is given: checked, and made into what the gated layers read."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import DataError
from .config import FlamingoConfig
from .generate import VisualMemory
from .layers import Conditioning
from .media import attended_images, check_attended, check_counts, look_mask


def check_pixels(pixel_values: Tensor, side: int) -> None:
    """Raise `DataError` unless these are finite floating point pixels (..., 3, side, side); a bad image is named."""
    if not pixel_values.is_floating_point():
        raise DataError(
            f"pixel values are {pixel_values.dtype}",
            remedy="Give normalised floating point pixels, as FlamingoProcessor makes them.",
        )
    if pixel_values.shape[-3:] != (3, side, side):
        raise DataError(
            f"images are {tuple(pixel_values.shape[-3:])}, not (3, {side}, {side})",
            remedy="Resize them as FlamingoProcessor does.",
        )
    if not torch.compiler.is_compiling():
        finite = pixel_values.isfinite().flatten(-3).all(dim=-1)
        if not bool(finite.all()):
            place = (~finite).nonzero()[0].tolist()
            names = " ".join(f"{name} {index}" for name, index in zip(("row", "image"), place, strict=False))
            raise DataError("NaN or Inf among the pixels", record=names)


def conditioning_of(
    config: FlamingoConfig,
    dtype: torch.dtype,
    input_ids: Tensor | None,
    attended: Tensor | None,
    latents: Tensor | None,
    memory: VisualMemory | None,
    num_images: Tensor | None,
    fresh: bool,
) -> Conditioning:
    """Check that tokens and images fit, and make what the gated layers read.

    Args:
        input_ids: (b, t), or None where embeddings were given.
        attended: (b, t) or None, see `FlamingoForConditionalGeneration.forward`.
        latents: (b, m, n, D) or None; memory: instead of it.
        num_images: (b,) or None.
        fresh: False where a cache holds what came before; then little can be checked.
    """
    slots = memory.images if memory is not None else 0 if latents is None else latents.shape[1]
    check = fresh and not torch.compiler.is_compiling()
    if check and input_ids is not None:
        check_counts(input_ids, config.image_token_id, slots, num_images)
    if slots and attended is None:
        if not fresh or input_ids is None:
            raise DataError("attended_image is needed to go on from a cache or from embeddings with images")
        attended = attended_images(input_ids, config.image_token_id, config.media_rule)
    if check and attended is not None:
        check_attended(attended, slots)
    if not slots:
        return Conditioning()
    per_image = memory.latents_per_image if memory is not None else latents.shape[2]
    mask, looks = look_mask(attended, slots, per_image)
    return Conditioning(
        latents=latents, keys_values=memory.keys_values if memory is not None else {}, mask=mask, looks=looks.to(dtype)
    )
