"""A conversation with a model: turns and images are remembered, answers come as they are written."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..chat.token_view import explain, token_view
from ..errors import DataError
from ..html import Markup, standalone
from ..records import Turn
from ..storage import write_json
from ..text import is_blank
from .backend import Backend, Prompt, PromptTooLong
from .engine import Piece, Ticket, answer_batch
from .flamingo_backend import FlamingoBackend
from .protocol import Asked

if TYPE_CHECKING:
    from ..images import ImageInput
    from ..model.flamingo import FlamingoForConditionalGeneration
    from ..model.processor import FlamingoProcessor


class Session:
    """One conversation with the model of a backend; the endpoint gives the same answers to the same turns and seed.

    Args:
        backend: the model (see `load.load_backend`).
        max_new_tokens: the longest answer.
        temperature: 0 is greedy.
        seed: answer k of a conversation is drawn with the generator of `(seed, k)`.

    Attributes:
        turns: the exchanges so far.
    """

    def __init__(self, backend: Backend, *, max_new_tokens: int = 160, temperature: float = 0.0, seed: int = 0) -> None:
        self.backend = backend
        self.max_new_tokens, self.temperature, self.seed = max_new_tokens, temperature, seed
        self.reset()

    def reset(self) -> None:
        """Forget the conversation."""
        self.turns: list[Turn] = []
        self._images: list[tuple[Any, ...]] = []  # of each turn, as the backend reads them
        self._sources: list[list[str]] = []  # what each turn's images are called
        self._on_text: Callable[[str], None] | None = None

    def ask(
        self,
        instruction: str,
        images: Sequence[ImageInput] = (),
        *,
        draft: str | None = None,
        on_text: Callable[[str], None] | None = None,
    ) -> str:
        """The model's answer to one more turn.

        Args:
            images: the pictures that stand in this turn's instruction.
            draft: a raw answer to be rewritten instead.
            on_text: called with each piece of the answer as it is written.

        Raises:
            DataError: an empty instruction, an image that can't be used, or a turn that doesn't fit the model's window
                by itself. The conversation is then as before.
        """
        if is_blank(instruction):
            raise DataError("the instruction is empty", remedy="Ask something.")
        turn = Turn(instruction, None, len(images), draft)
        read = self.backend.read_images(images)
        prompt = self._fit([*self.turns, turn], [*self._images, read])
        self._on_text = on_text
        answer = self._generate(prompt.rendered, prompt.images)
        self.turns.append(replace(turn, response=answer))
        self._images.append(read)
        self._sources.append([str(image) if isinstance(image, (str, os.PathLike)) else "" for image in images])
        return answer

    def undo(self) -> Turn | None:
        """Take back the last exchange, which is returned; None if there is none."""
        if not self.turns:
            return None
        self._images.pop()
        self._sources.pop()
        return self.turns.pop()

    def save(self, path: str | os.PathLike) -> Path:
        """Write the conversation as JSON: model, settings, and messages as the endpoint takes them, images by path."""
        messages: list[dict[str, Any]] = []
        for turn, sources in zip(self.turns, self._sources, strict=True):
            asked: dict[str, Any] = {"role": "user", "content": turn.instruction}
            if sources:
                asked["images"] = sources
            if turn.draft is not None:
                asked["draft"] = turn.draft
            messages += [asked, {"role": "assistant", "content": turn.response}]
        settings = {"max_tokens": self.max_new_tokens, "temperature": self.temperature, "seed": self.seed}
        write_json(path, {"model": self.backend.name, **settings, "messages": messages})
        return Path(path)

    def _fit(self, turns: list[Turn], images: list[tuple[Any, ...]]) -> Prompt:
        """The latest turns that leave room for an answer, as the model reads them.

        The turn of the latest image stays, too: what is asked later is asked about it, and no model was trained on a
        dialogue that has lost its image.
        """
        shown = [index for index, turn in enumerate(turns) if turn.images]
        choices = [sorted({*shown[-1:], *range(start, len(turns))}) for start in range(len(turns))]
        for kept in choices:
            try:
                return self._prepare(turns, images, kept)
            except PromptTooLong:
                continue
        return self._prepare(turns, images, [len(turns) - 1])

    def _prepare(self, turns: list[Turn], images: list[tuple[Any, ...]], kept: list[int]) -> Prompt:
        asked = self._asked(tuple(turns[index] for index in kept))
        return self.backend.prepare(asked, [image for index in kept for image in images[index]])

    def _asked(self, turns: tuple[Turn, ...]) -> Asked:
        return Asked(
            turns,
            max_new_tokens=self.max_new_tokens,
            temperature=self.temperature,
            seed=self.seed,
            earlier=len(self.turns),
        )

    def _generate(self, rendered: Any, images: tuple[Any, ...]) -> str:
        pieces: list[str] = []

        def push(piece: Piece) -> None:
            pieces.append(piece.text)
            if piece.text and self._on_text is not None:
                self._on_text(piece.text)

        answer_batch(self.backend, [Ticket(self._asked(()), Prompt(rendered, images, 0), push)])
        return "".join(pieces)


class ChatSession(Session):
    """One conversation with a Flamingo.

    Args:
        model, processor: of one folder (see `loading.load_model`).
        settings: see `Session`.
    """

    def __init__(self, model: FlamingoForConditionalGeneration, processor: FlamingoProcessor, **settings: Any) -> None:
        self.model, self.processor = model, processor
        super().__init__(FlamingoBackend(model, processor), **settings)

    @classmethod
    def from_folder(cls, folder: str | os.PathLike, *, optimize: bool = True, **settings: Any) -> ChatSession:
        """A session with the model of a folder, its LoRA merged; `optimize` as in `loading.load_model`."""
        from ..loading import load_model

        return cls(*load_model(folder, role="the model to chat with", merge=True, optimize=optimize), **settings)

    def html(self) -> Markup:
        """The conversation as the model reads it, for a notebook: what each token attends to (see `token_view`)."""
        if not self.turns:
            return standalone(token_view([]))
        rendered = self.processor.template.render(self.turns)
        return standalone(token_view(explain(rendered, self.processor.tokenizer)))
