"""A model's answers to many chats: images encoded once each, prompts of like lengths decoded together."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from ..errors import DataError
from ..media import pad_latents
from ..model.generation import generate_batch
from ..model.processor import pad_rows
from ..progress import Progress
from ..records import Turn

if TYPE_CHECKING:
    from ..chat.template import Rendered
    from ..images import ImageInput
    from ..model.flamingo import FlamingoForConditionalGeneration
    from ..model.processor import FlamingoProcessor
    from .questions import EvalItem

IMAGES_AT_ONCE = 128


class Answerer(Protocol):
    """What answers the questions of an eval set."""

    def answer(self, asked: Sequence[EvalItem], *, description: str = "answering") -> list[str]:
        """A response to each question."""
        ...

    def ask(
        self,
        instructions: Sequence[str],
        images: Sequence[Sequence[str | os.PathLike]],
        *,
        description: str = "answering",
    ) -> list[str]:
        """A response to each instruction with its images."""
        ...


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
        texts = self._generate(self.processor.render(chats=chats, generation_prompt=True), images, description)
        return [text.split("\n")[0].strip() if self.curt else text for text in texts]

    def complete(
        self,
        prompts: Sequence[str],
        images: Sequence[Sequence[str | os.PathLike]],
        *,
        description: str = "answering",
    ) -> list[str]:
        """What a base model writes after each prompt, up to the end of the line or of the chunk.

        Args:
            prompts: interleaved text, in which ``<image>`` stands for an image.
            images: image files of each, in order.
        """
        if not prompts:
            return []
        return self._generate(self.processor.render(text=prompts), images, description, line=True)

    def _generate(
        self,
        rows: Sequence[Rendered],
        images: Sequence[Sequence[str | os.PathLike]],
        description: str,
        line: bool = False,
    ) -> list[str]:
        """The texts that follow each row, with `line` only up to the end of the line or the chunk."""
        ends = self._line_ends if line else None
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
                written = generate_batch(self.model, inputs, self.max_new_tokens, eos=ends)
                for index, text in zip(part, self.processor.responses(written), strict=True):
                    answers[index] = text
                progress.update(len(part))
        return answers

    @cached_property
    def _line_ends(self) -> list[int]:
        """The tokens that end a response, a chunk of interleaved text, or a line."""
        tokenizer, stop = self.processor.tokenizer, self.model.generation_config.eos_token_id
        ends = {*([stop] if isinstance(stop, int) else stop or []), self.processor.template.end_of_chunk_id}
        return sorted(ends | {number for number in range(len(tokenizer)) if tokenizer.decode([number])[:1] == "\n"})

    def answer(self, asked: Sequence[EvalItem], *, description: str = "answering") -> list[str]:
        """Answers to the questions of an eval set, each asked as a chat of one turn."""
        return self.ask([item.instruction for item in asked], [item.images for item in asked], description=description)

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
        latents = pad_latents([[self._latents[file] for file in row] for row in files])
        if latents is not None:
            inputs["latents"] = latents
        return {name: value.to(self.model.device) for name, value in inputs.items()}
