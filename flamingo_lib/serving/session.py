"""A conversation with a model: turns and images are remembered, images are looked at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from ..chat.template import Rendered
from ..chat.token_view import explain, token_view
from ..errors import DataError
from ..html import Markup, standalone
from ..records import Turn
from ..seeding import torch_generator
from ..text import is_blank

if TYPE_CHECKING:
    from ..model.flamingo import FlamingoForConditionalGeneration
    from ..model.image_processor import Picture
    from ..model.processor import FlamingoProcessor


class ChatSession:
    """One conversation.

    Args:
        model, processor: of one folder (see `loading.load_model`).
        max_new_tokens: the longest answer.
        temperature: 0 is greedy.
        seed: answer k of a conversation is drawn with the generator of `(seed, k)`.

    Attributes:
        turns: the exchanges so far.
    """

    def __init__(
        self,
        model: FlamingoForConditionalGeneration,
        processor: FlamingoProcessor,
        *,
        max_new_tokens: int = 160,
        temperature: float = 0.0,
        seed: int = 0,
    ) -> None:
        self.model, self.processor = model, processor
        self.max_new_tokens, self.temperature, self.seed = max_new_tokens, temperature, seed
        self.reset()

    @classmethod
    def from_folder(cls, folder: str | os.PathLike, *, optimize: bool = True, **settings: Any) -> ChatSession:
        """A session with the model of a folder, its LoRA merged; `optimize` as in `loading.load_model`."""
        from ..loading import load_model

        return cls(*load_model(folder, role="the model to chat with", merge=True, optimize=optimize), **settings)

    def reset(self) -> None:
        """Forget the conversation."""
        self.turns: list[Turn] = []
        self._latents: list[list[torch.Tensor]] = []  # of each turn's images, (n, D) each
        self._answers = 0

    def ask(self, instruction: str, images: Sequence[Picture] = (), *, draft: str | None = None) -> str:
        """The model's answer to one more turn.

        Args:
            images: the pictures that stand in this turn's instruction.
            draft: a raw answer to be rewritten instead (for a rewriter).

        Raises:
            DataError: an empty instruction, an image that can't be used, or a turn that doesn't fit the model's window
                by itself.
        """
        if is_blank(instruction):
            raise DataError("the instruction is empty", remedy="Ask something.")
        turn = Turn(instruction, None, len(images), draft)
        latents = self._look(images)
        kept, rendered = self._fit([*self.turns, turn])
        known = [*self._latents, latents]
        shown = [latent for index in kept for latent in known[index]]
        answer = self._generate(rendered, shown)
        self.turns.append(replace(turn, response=answer))
        self._latents.append(latents)
        return answer

    def html(self) -> Markup:
        """The conversation as the model reads it, for a notebook: what each token attends to (see `token_view`)."""
        if not self.turns:
            return standalone(token_view([]))
        rendered = self.processor.template.render(self.turns)
        return standalone(token_view(explain(rendered, self.processor.tokenizer)))

    @torch.inference_mode()
    def _look(self, images: Sequence[Picture]) -> list[torch.Tensor]:
        if not images:
            return []
        pixels = self.processor.image_processor.pixels(images).to(self.model.device)
        return list(self.model.resample(self.model.encode_images(pixels)))

    def _fit(self, turns: list[Turn]) -> tuple[list[int], Rendered]:
        """The indices of the latest turns that leave room for an answer, and these turns rendered.

        The turn of the latest image stays, too: what is asked later is asked about it, and no model was trained on a
        dialogue that has lost its image.
        """
        window = getattr(self.model.config.text_config, "max_position_embeddings", None)
        shown = [index for index, turn in enumerate(turns) if turn.images]
        choices = [sorted({*shown[-1:], *range(start, len(turns))}) for start in range(len(turns))]
        for kept in [*choices, [len(turns) - 1]]:
            rendered = self.processor.template.render([turns[index] for index in kept], generation_prompt=True)
            if window is None or len(rendered) + self.max_new_tokens <= window:
                return kept, rendered
        raise DataError(
            (
                f"the turn is {len(rendered)} tokens long; with {self.max_new_tokens} for the answer that is more "
                f"than the window of {window}"
            ),
            remedy="Shorten it, or allow fewer new tokens.",
        )

    def _generate(self, rendered: Rendered, latents: list[torch.Tensor]) -> str:
        from ..model.generation import generate_batch

        device = self.model.device
        inputs = {
            "input_ids": torch.tensor([rendered.ids], device=device),
            "attended_image": torch.tensor([rendered.attended], device=device),
        }
        if latents:
            inputs["latents"] = torch.stack(latents)[None]
        generators = [torch_generator(self.seed, self._answers)] if self.temperature > 0 else None
        self._answers += 1
        ids = generate_batch(
            self.model, inputs, self.max_new_tokens, temperature=self.temperature, generators=generators
        )
        return self.processor.responses(ids)[0]
