"""Our Flamingo behind the endpoint."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..errors import DataError
from ..model.generation import generate_batch
from ..model.processor import pad_rows
from ..seeding import torch_generator
from .protocol import RequestError

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

    from ..chat.template import Rendered
    from ..model.flamingo import FlamingoForConditionalGeneration
    from ..model.processor import FlamingoProcessor
    from .protocol import Asked


@dataclass(frozen=True, slots=True)
class FlamingoPrompt:
    """A request as the model reads it: the rendered chat and its images' pixels (m, 3, h, w), None without images."""

    rendered: Rendered
    pixels: Tensor | None

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt."""
        return len(self.rendered)


class FlamingoBackend:
    """Answers with one of our models.

    Args:
        model, processor: from one folder.
        name: under which the endpoint offers it.
    """

    def __init__(
        self, model: FlamingoForConditionalGeneration, processor: FlamingoProcessor, name: str = "flamingo"
    ) -> None:
        self.model, self.processor, self.name = model.eval(), processor, name

    @classmethod
    def load(cls, folder: str | PathLike, *, name: str | None = None, optimize: bool = True) -> FlamingoBackend:
        """The model of a folder, its LoRA merged; errors as `loading.load_model`."""
        from ..loading import load_model

        model, processor = load_model(folder, role="the model to serve", merge=True, optimize=optimize)
        return cls(model, processor, name or Path(folder).name or "flamingo")

    def prepare(self, asked: Asked, images: Sequence[Image]) -> FlamingoPrompt:
        """See `engine.Backend`."""
        try:
            rendered = self.processor.template.render(asked.turns, generation_prompt=True)
            pixels = self.processor.image_processor.pixels(images) if images else None
        except DataError as error:
            raise RequestError(error.what) from None
        window = getattr(self.model.config.text_config, "max_position_embeddings", None)
        if window is not None and len(rendered) + asked.max_new_tokens > window:
            raise RequestError(
                f"the chat is {len(rendered)} tokens; with max_tokens {asked.max_new_tokens} that is more than the "
                f"model's {window}",
                param="messages",
            )
        return FlamingoPrompt(rendered, pixels)

    def decode(self, ids: Sequence[int]) -> str:
        """See `engine.Backend`."""
        return self.processor.responses([list(ids)])[0]

    @torch.inference_mode()
    def answer(
        self,
        batch: Sequence[FlamingoPrompt],
        asked: Sequence[Asked],
        watch: Callable[[list[int], list[int]], Sequence[int]],
    ) -> list[list[int]]:
        """See `engine.Backend`."""
        inputs = pad_rows([prompt.rendered for prompt in batch], self.processor.tokenizer.pad_token_id or 0, "left")
        slots = max(prompt.rendered.n_images for prompt in batch)
        if slots:
            latents = [
                None
                if prompt.pixels is None
                else self.model.resample(self.model.encode_images(prompt.pixels.to(self.model.device)))
                for prompt in batch
            ]
            shape = next(found for found in latents if found is not None).shape[1:]
            inputs["latents"] = torch.zeros(len(batch), slots, *shape, dtype=self.model.dtype)
            for row, found in enumerate(latents):
                if found is not None:
                    inputs["latents"][row, : len(found)] = found
        temperature = asked[0].temperature
        generators = [torch_generator(one.seed, "serve") for one in asked] if temperature > 0 else None
        return generate_batch(
            self.model,
            {name: value.to(self.model.device) for name, value in inputs.items()},
            max(one.max_new_tokens for one in asked),
            temperature=temperature,
            generators=generators,
            watch=watch,
        )
