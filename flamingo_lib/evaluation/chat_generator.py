"""A model's answers to many chats: images encoded once each, prompts of like lengths decoded together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ..errors import DataError
from ..model.generation import generate_batch
from ..model.processor import pad_rows
from ..progress import Progress
from ..records import Turn

if TYPE_CHECKING:
    from ..chat.template import Rendered
    from ..images import ImageInput
    from ..model.flamingo import FlamingoForConditionalGeneration
    from ..model.processor import FlamingoProcessor

IMAGES_AT_ONCE = 128


class ChatGenerator:
    """Greedy answers of one model. An answer depends on its chat alone, not on the others.

    Args:
        model, processor: from one folder.
        batch_size: chats decoded together.
        max_new_tokens: longest answer.
        curt: cut answers at the first line end; bases that were never taught to stop go on with another question.
        open_image: opens what stands for an image file, where that is no plain file: a member of an archive, or an
            image with a mark drawn on.
    """

    def __init__(
        self,
        model: FlamingoForConditionalGeneration,
        processor: FlamingoProcessor,
        *,
        batch_size: int = 96,
        max_new_tokens: int = 64,
        curt: bool = False,
        open_image: Callable[[str], ImageInput] = str,
    ) -> None:
        self.open_image = open_image
        self.model, self.processor = model.eval(), processor
        self.batch_size, self.max_new_tokens, self.curt = batch_size, max_new_tokens, curt
        self._latents: dict[str, Tensor] = {}

    def __call__(
        self,
        chats: Sequence[Sequence[Turn]],
        images: Sequence[Sequence[str | os.PathLike]],
        *,
        description: str = "answering",
    ) -> list[str]:
        """The last turn's response to each chat.

        Args:
            chats: turns of each; only the last lacks its response.
            images: image files of each, in the order its turns bring them.
        """
        if not chats:
            return []
        rows = self.processor.render(chats=chats, generation_prompt=True)
        files = [[os.fspath(file) for file in row] for row in images]
        for index, (row, given) in enumerate(zip(rows, files, strict=True)):
            if row.n_images != len(given):
                raise DataError(f"{row.n_images} <image> tokens but {len(given)} images", record=f"chat {index}")
        self._encode(files)
        answers = [""] * len(rows)
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        with Progress(description, len(rows), "answers") as progress:
            for start in range(0, len(order), self.batch_size):
                part = order[start : start + self.batch_size]
                inputs = self._inputs([rows[index] for index in part], [files[index] for index in part])
                texts = self.processor.responses(generate_batch(self.model, inputs, self.max_new_tokens))
                for index, text in zip(part, texts, strict=True):
                    answers[index] = text.split("\n")[0].strip() if self.curt else text
                progress.update(len(part))
        return answers

    def ask(
        self,
        instructions: Sequence[str],
        images: Sequence[Sequence[str | os.PathLike]],
        *,
        description: str = "answering",
    ) -> list[str]:
        """Answers to one-turn chats."""
        chats = [[Turn(text, images=len(files))] for text, files in zip(instructions, images, strict=True)]
        return self(chats, images, description=description)

    def forget_images(self) -> None:
        """Free the latents of the images seen so far; long streams of images call it between batches."""
        self._latents.clear()

    @torch.inference_mode()
    def _encode(self, files: Sequence[Sequence[str]]) -> None:
        """Keep the latents of every image."""
        missing = [file for file in dict.fromkeys(file for row in files for file in row) if file not in self._latents]
        for start in range(0, len(missing), IMAGES_AT_ONCE):
            part = missing[start : start + IMAGES_AT_ONCE]
            opened = [self.open_image(file) for file in part]
            pixels = self.processor.image_processor.pixels(opened).to(self.model.device)
            for file, latents in zip(part, self.model.resample(self.model.encode_images(pixels)), strict=True):
                self._latents[file] = latents

    def _inputs(self, rows: Sequence[Rendered], files: Sequence[Sequence[str]]) -> dict[str, Tensor]:
        """Inputs of `generate_batch`, padded on the left."""
        inputs = pad_rows(rows, self.processor.tokenizer.pad_token_id or 0, "left")
        slots = max(len(row) for row in files)
        if slots:
            shape = next(self._latents[row[0]] for row in files if row).shape
            inputs["latents"] = torch.zeros(len(rows), slots, *shape, dtype=self.model.dtype)
            for line, row in zip(inputs["latents"], files, strict=True):
                for slot, file in enumerate(row):
                    line[slot] = self._latents[file]
        return {name: value.to(self.model.device) for name, value in inputs.items()}
