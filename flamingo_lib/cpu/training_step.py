"""A training step's loss without padding: the model's forward on packed rows, up to the last label."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from torch import Tensor

from ..model.conditioning import Conditioning, check_text, make_conditioning
from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.loss import cross_entropy, supervised
from .padding_free import IMPLEMENTATION, is_right_padded, pack_rows

READ = {
    *("input_ids", "attention_mask", "attended_image", "num_images", "labels", "label_weights"),
    *("pixel_values", "vision_tokens", "latents"),
}
"""What is read of a batch; with anything else it goes through the model's own forward."""


def training_loss(
    model: FlamingoForConditionalGeneration, batch: Mapping[str, Any], num_items_in_batch: Tensor | int | None = None
) -> Tensor:
    """The loss that `model(**batch, num_items_in_batch=...)` gives, of a model with `FusedLlamaLayer`s.

    Tokens after the last label of any row, and the padding on the right if there is much of it, are not computed.

    Raises:
        DataError: as the model's forward.
    """
    if batch.keys() - READ or batch.get("labels") is None or batch.get("input_ids") is None:
        return model(**batch, num_items_in_batch=num_items_in_batch).loss
    ids, mask = batch["input_ids"], batch.get("attention_mask")
    check_text(model.config, ids)
    latents = model.visual_latents(*(batch.get(name) for name in ("pixel_values", "vision_tokens", "latents")))
    conditioning = make_conditioning(
        model.config,
        input_ids=ids,
        attended=batch.get("attended_image"),
        latents=latents,
        num_images=batch.get("num_images"),
    )
    keep, targets, scales = supervised(batch["labels"], batch.get("label_weights"), num_items_in_batch)
    length = 1 + max(keep.any(dim=0).nonzero()[:, 0].tolist(), default=0)
    ids, keep, conditioning = ids[:, :length], keep[:, :length], _truncated(conditioning, length)
    if mask is not None:
        mask = mask[:, :length] if mask.ndim == 2 else mask[:, :, :length, :length]
    rows, positions = pack_rows(mask, keep), None
    if rows is not None:
        ids, keep, positions = rows.pack(ids), rows.pack(keep), rows.position_ids
        if conditioning.has_image is not None:
            options = {"implementation": IMPLEMENTATION, "packed_rows": rows}
            conditioning = replace(conditioning, has_image=rows.pack(conditioning.has_image), options=options)
        mask = keep[None, None]  # of four dimensions: it is passed on as it is, to layers that don't read it
    elif mask is not None and mask.ndim == 2 and is_right_padded(mask):
        mask = None  # no token sees the padding after it, and causal attention is faster without a mask
    hidden = model.get_decoder()(
        input_ids=ids,
        attention_mask=mask,
        position_ids=positions,
        use_cache=False,
        conditioning=conditioning,
        packed_rows=rows,
        wanted=keep,
    ).last_hidden_state
    hidden = hidden.flatten(0, 1).index_select(0, keep.flatten().nonzero()[:, 0])
    return cross_entropy(hidden, model.get_output_embeddings(), targets, scales)


def _truncated(conditioning: Conditioning, length: int) -> Conditioning:
    """The same for the first `length` tokens of each row."""
    mask, has_image = conditioning.mask, conditioning.has_image
    mask = None if mask is None else mask[:, :, :length]
    return replace(conditioning, mask=mask, has_image=None if has_image is None else has_image[:, :length])
