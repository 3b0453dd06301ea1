"""What a model behind the endpoint is: reads images, renders a chat as a prompt, answers prompts in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import DataError

if TYPE_CHECKING:
    from ..images import ImageInput
    from .protocol import Asked

Watch = Callable[[list[int], list[int]], Sequence[int]]
"""Called at each step with the rows of a batch that go on and their new tokens; names the rows that end there."""


class PromptTooLong(DataError):
    """A chat that leaves no room for its answer in the model's context window."""

    def __init__(self, tokens: int, new_tokens: int, window: int) -> None:
        super().__init__(
            f"the chat is {tokens} tokens long; with {new_tokens} for the answer that is more than the window of "
            f"{window}",
            remedy="Shorten it, or allow fewer new tokens.",
        )


@dataclass(frozen=True, slots=True)
class Prompt:
    """A chat as a model reads it.

    Attributes:
        rendered: the chat in the backend's own form.
        images: its images in the backend's own form, in order.
        prompt_tokens: tokens of the prompt.
        group: prompts of one group can be answered in one batch.
    """

    rendered: Any
    images: tuple[Any, ...]
    prompt_tokens: int
    group: int = 0


class Backend(Protocol):
    """A model that answers batches."""

    name: str

    def read_images(self, images: Sequence[ImageInput]) -> tuple[Any, ...]:
        """Images in the backend's own form; raises `DataError` for one that can't be used."""
        ...

    def prepare(self, asked: Asked, images: Sequence[Any]) -> Prompt:
        """Render a request, whose images `read_images` has read; several threads may call it at once.

        Raises:
            PromptTooLong: it leaves no room for an answer.
            DataError: the model can't read such a chat.
        """
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer's tokens so far."""
        ...

    def answer(self, batch: Sequence[Prompt], asked: Sequence[Asked], watch: Watch) -> None:
        """Generate an answer to each prompt, of one group and temperature; `watch` sees every token."""
        ...
