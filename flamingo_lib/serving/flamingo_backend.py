"""Our Flamingo behind the endpoint and in chats."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from os import PathLike
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch

from ..media import pad_latents
from ..model.generation import generate_batch
from ..model.processor import pad_rows
from ..seeding import torch_generator
from .backend import Prompt, PromptTooLong, Watch

if TYPE_CHECKING:
    from torch import Tensor

    from ..images import ImageInput
    from ..model.flamingo import FlamingoForConditionalGeneration
    from ..model.processor import FlamingoProcessor
    from .protocol import Asked

CACHE_BYTES = 64 << 20
"""Visual latents kept of the images seen last: a chat sends its images again with every turn."""


class FlamingoBackend:
    """Answers with one of our models. Its prompts hold a rendered chat and images of (3, h, w) pixels each.

    The model brings its own system message, so that of a request is passed over.

    Args:
        model, processor: from one folder.
        name: under which the endpoint offers it.
        cache_bytes: bound on the visual latents that are kept.
    """

    def __init__(
        self,
        model: FlamingoForConditionalGeneration,
        processor: FlamingoProcessor,
        name: str = "flamingo",
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self.model, self.processor, self.name, self.cache_bytes = model.eval(), processor, name, cache_bytes
        self._tokenizer_lock = Lock()  # rendering switches a setting of the tokenizer on and off
        self._latents: OrderedDict[bytes, Tensor] = OrderedDict()
        self._held = 0

    @classmethod
    def load(
        cls,
        folder: str | PathLike,
        *,
        name: str | None = None,
        role: str = "the model to serve",
        optimize: bool = True,
        **options: Any,
    ) -> FlamingoBackend:
        """The model of a folder, its LoRA merged; options and errors as `loading.load_model`."""
        from ..loading import load_model

        model, processor = load_model(folder, role=role, merge=True, optimize=optimize, **options)
        return cls(model, processor, name or Path(folder).name or "flamingo")

    def read_images(self, images: Sequence[ImageInput]) -> tuple[Tensor, ...]:
        """See `backend.Backend`."""
        return tuple(self.processor.image_processor.pixels(images)) if images else ()

    def prepare(self, asked: Asked, images: Sequence[Tensor]) -> Prompt:
        """See `backend.Backend`."""
        with self._tokenizer_lock:
            rendered = self.processor.template.render(asked.turns, generation_prompt=True)
        window = getattr(self.model.config.text_config, "max_position_embeddings", None)
        if window is not None and len(rendered) + asked.max_new_tokens > window:
            raise PromptTooLong(len(rendered), asked.max_new_tokens, window)
        return Prompt(rendered, tuple(images), len(rendered))

    def decode(self, ids: Sequence[int]) -> str:
        """See `backend.Backend`."""
        with self._tokenizer_lock:
            return self.processor.responses([ids])[0]

    @torch.inference_mode()
    def answer(self, batch: Sequence[Prompt], asked: Sequence[Asked], watch: Watch) -> None:
        """See `backend.Backend`."""
        inputs = pad_rows([prompt.rendered for prompt in batch], self.processor.tokenizer.pad_token_id or 0, "left")
        latents = pad_latents([[self._encode(pixels) for pixels in prompt.images] for prompt in batch])
        if latents is not None:
            inputs["latents"] = latents
        self._trim()
        temperature = asked[0].temperature
        generate_batch(
            self.model,
            {name: value.to(self.model.device) for name, value in inputs.items()},
            max(one.max_new_tokens for one in asked),
            temperature=temperature,
            generators=[torch_generator(one.seed, one.earlier) for one in asked] if temperature > 0 else None,
            watch=watch,
        )

    def _encode(self, pixels: Tensor) -> Tensor:
        """The latents (n, D) of an image, each encoded by itself so that they depend on no other image."""
        key = blake2b(pixels.contiguous().numpy().data, digest_size=16).digest()
        if key not in self._latents:
            encoded = self.model.encode_images(pixels[None].to(self.model.device))
            self._latents[key] = self.model.resample(encoded)[0]
            self._held += self._latents[key].nbytes
        self._latents.move_to_end(key)
        return self._latents[key]

    def _trim(self) -> None:
        """Forget the images seen longest ago until the cache fits."""
        while self._held > self.cache_bytes and self._latents:
            self._held -= self._latents.popitem(last=False)[1].nbytes
