"""What the gated layers read of a batch: which image each token attends to, masks, visual memory, input checks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from ..errors import DataError
from ..media import attended_images
from .config import FlamingoConfig
from .cross_attention import KeysValues


@dataclass(frozen=True, eq=False)
class VisualMemory:
    """A batch's images as the gated layers' keys and values: computed once, read at every step of generation.

    Attributes:
        keys_values: by decoder layer, (b, heads, images * latents_per_image, e) each.
        images: image slots a row; 0 if no token to come attends to any.
        latents_per_image: visual latents an image.
        selected: True once only each row's one image that new tokens attend to is kept.
    """

    keys_values: dict[int, KeysValues]
    images: int
    latents_per_image: int
    selected: bool = False

    def select(self, image: Tensor) -> VisualMemory:
        """Keep only image `image[row]` of each row ((b,), 1-based; 0: none, whatever is kept is not attended to)."""
        if not bool((image > 0).any()):
            return VisualMemory({}, 0, self.latents_per_image, selected=True)
        if self.images == 1:
            return replace(self, selected=True)
        start = (image.clamp(min=1) - 1) * self.latents_per_image
        index = (start[:, None] + torch.arange(self.latents_per_image, device=image.device))[:, None, :, None]
        chosen = self._map(lambda x: x.gather(2, index.expand(-1, x.shape[1], -1, x.shape[3])))
        return replace(chosen, images=1, selected=True)

    def keep(self, rows: Tensor) -> VisualMemory:
        """Only these rows, in this order; a row may be named several times."""
        return self._map(lambda x: x[rows])

    def _map(self, function: Any) -> VisualMemory:
        pairs = {index: (function(key), function(value)) for index, (key, value) in self.keys_values.items()}
        return replace(self, keys_values=pairs)


@dataclass(frozen=True, eq=False)
class Conditioning:
    """What the gated layers of one forward pass read; it travels as an argument and is forgotten with the call.

    Attributes:
        latents: (b, m, n, D) visual latents, or None.
        keys_values: by decoder layer, where they were computed before (generation).
        mask, has_image: see `image_attention_mask`.
        options: keyword arguments of `attention.attention`.
    """

    latents: Tensor | None = None
    keys_values: dict[int, KeysValues] = field(default_factory=dict)
    mask: Tensor | None = None
    has_image: Tensor | None = None
    options: dict[str, Any] = field(default_factory=dict)


current_conditioning: ContextVar[Conditioning | None] = ContextVar("flamingo_conditioning", default=None)
"""That of the innermost `conditioning_context`, if there is one."""


@contextmanager
def conditioning_context(conditioning: Conditioning) -> Iterator[None]:
    """Also hand it over beside the call: some language models drop keyword arguments before they reach their layers."""
    token = current_conditioning.set(conditioning)
    try:
        yield
    finally:
        current_conditioning.reset(token)


def make_conditioning(
    config: FlamingoConfig,
    *,
    input_ids: Tensor | None,
    attended: Tensor | None,
    latents: Tensor | None,
    memory: VisualMemory | None = None,
    num_images: Tensor | None = None,
    fresh: bool = True,
    options: dict[str, Any] | None = None,
) -> Conditioning:
    """Check that tokens and images fit (a `DataError` names the row), and make what the gated layers read.

    Args:
        input_ids: (b, t), or None where embeddings were given.
        attended: (b, t) or None, see `FlamingoForConditionalGeneration`.
        latents: (b, m, n, D) or None; memory: instead of it.
        num_images: (b,) or None.
        fresh: False where a cache holds what came before; then little can be checked.
        options: of `Conditioning`, beside the name of the attention implementation.
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
    assert attended is not None  # made above where it wasn't given
    if memory is not None:
        per_image, values, latents = memory.latents_per_image, next(iter(memory.keys_values.values()))[0], None
    else:
        assert latents is not None
        per_image, values = latents.shape[2], latents
    mask, has_image = image_attention_mask(attended, slots, per_image)
    return Conditioning(
        latents=latents,
        keys_values=memory.keys_values if memory is not None else {},
        mask=mask,
        has_image=has_image.to(values.dtype),
        options={"implementation": config._attn_implementation} | (options or {}),
    )


def image_attention_mask(attended: Tensor, images: int, latents: int) -> tuple[Tensor | None, Tensor]:
    """The gated layers' mask, made once a forward pass.

    Args:
        attended: (b, t).
        images: m image slots.
        latents: n latents an image.

    Returns:
        The mask (b, 1, t, m * n), True where a token may attend, None for a single image, and has_image (b, t, 1) of
        0 and 1, float32. A token that attends to none may attend anywhere in the mask, so that no softmax is empty:
        has_image takes its result away.
    """
    has_image = (attended > 0).unsqueeze(-1)
    if images == 1:
        return None, has_image.float()
    owner = torch.arange(1, images + 1, device=attended.device).repeat_interleave(latents)
    return ((attended.unsqueeze(-1) == owner) | ~has_image).unsqueeze(1), has_image.float()


def check_text(config: FlamingoConfig, given: Tensor | None) -> None:
    """Raise `DataError` unless ids (b, t) or embeddings (b, t, d) hold a token and fit the language model's window."""
    if given is None or given.shape[0] == 0 or given.shape[1] == 0:
        raise DataError("the batch is empty", remedy="Give input_ids with at least one row and one token.")
    window = getattr(config.text_config, "max_position_embeddings", None)
    if window and given.shape[1] > window:
        what = f"rows are {given.shape[1]} tokens long, the language model's window is {window}"
        raise DataError(what, remedy="Cut the text or drop turns.")


def check_images(pixel_values: Tensor | None, vision_tokens: Tensor | None, latents: Tensor | None) -> None:
    """Raise `DataError` if images were given in more than one form or with the wrong number of dimensions."""
    if sum(x is not None for x in (pixel_values, vision_tokens, latents)) > 1:
        raise DataError("images were given twice", remedy="Give one of pixel_values, vision_tokens and latents.")
    given = {"pixel_values": (pixel_values, 5), "vision_tokens": (vision_tokens, 4), "latents": (latents, 4)}
    for name, (x, dimensions) in given.items():
        if x is not None and x.ndim != dimensions:
            remedy = "The first two are rows and image slots."
            raise DataError(f"{name} has {x.ndim} dimensions, not {dimensions}", remedy=remedy)


def check_pixels(pixel_values: Tensor, side: int) -> None:
    """Raise `DataError` unless these are finite floating point pixels (..., 3, side, side); a bad image is named."""
    if not pixel_values.is_floating_point():
        remedy = "Give normalised floating point pixels, as FlamingoProcessor makes them."
        raise DataError(f"pixel values are {pixel_values.dtype}", remedy=remedy)
    if (shape := tuple(pixel_values.shape[-3:])) != (3, side, side):
        raise DataError(f"images are {shape}, not (3, {side}, {side})", remedy="Resize them as FlamingoProcessor does.")
    if not torch.compiler.is_compiling():
        finite = pixel_values.isfinite().flatten(-3).all(dim=-1)
        if not bool(finite.all()):
            index = (~finite).nonzero()[0].tolist()
            names = " ".join(f"{name} {number}" for name, number in zip(("row", "image"), index, strict=False))
            raise DataError("NaN or Inf among the pixels", record=names)


def check_counts(input_ids: Tensor, image_token_id: int, images: int, num_images: Tensor | None) -> None:
    """Raise `DataError` naming the row whose `<image>` tokens don't match the images given for it.

    Args:
        images: image slots of the batch; a row may use fewer.
        num_images: (b,) how many of them each row really has, if known.
    """
    counts = (input_ids == image_token_id).sum(dim=1)
    wrong = counts > images if num_images is None else counts != num_images
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        what = f"{int(counts[row])} <image> tokens but {images if num_images is None else int(num_images[row])} images"
        raise DataError(what, record=f"row {row}", remedy="Give one image for each <image> token.")


def check_attended(attended: Tensor, images: int) -> None:
    """Raise `DataError` naming the row if an index is outside 0 to `images` or the images come out of order."""
    high = attended.amax(dim=1)
    if bool((high > images).any()) or bool((attended < 0).any()):
        row = int(((high > images) | (attended < 0).any(dim=1)).nonzero()[0])
        what = f"the tokens look at image {int(attended[row].max())} but the row has {images}"
        remedy = "Give one image for each <image> token, and attended indices from 0 (none) to the number of images."
        raise DataError(what, record=f"row {row}", remedy=remedy)
    latest = attended.cummax(dim=1).values
    backwards = (attended > 0) & (attended < latest)
    if bool(backwards.any()):
        row, position = backwards.nonzero()[0].tolist()
        first, second = int(attended[row, position]), int(latest[row, position])
        what = f"token {position} looks back at image {first} after image {second}"
        remedy = "Images must be attended to in the order in which they stand in the row."
        raise DataError(what, record=f"row {row}", remedy=remedy)
