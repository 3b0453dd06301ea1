"""Any image-text-to-text model of Transformers behind the endpoint and in chats, with its own chat template."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from ..images import load_image
from ..rewriting.backends.chat_format import MASK, ChatFormat
from ..rewriting.backends.decoding import end_ids, generate_rows
from ..rewriting.backends.prompt import REWRITE_PROMPT
from ..rewriting.backends.settings import BackendConfig
from ..rewriting.backends.vlm import context_length, load_vlm
from ..seeding import torch_generator
from .backend import Prompt, PromptTooLong, Watch

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..images import ImageInput
    from .protocol import Asked


class TransformersBackend:
    """Answers with a model of Transformers. Its prompts hold the chat as text, and Pillow images.

    A batch holds prompts of equally many images, padded on the left, so that an answer does not depend on those beside
    it. A draft is shown as the rewriter reads it (`rewriting.backends.prompt.REWRITE_PROMPT`).

    Args:
        model: in evaluation mode.
        chat: its chat format.
        name: under which the endpoint offers it.
        prompt: how a draft is shown.
    """

    def __init__(self, model: Any, chat: ChatFormat, name: str = "model", prompt: str = REWRITE_PROMPT) -> None:
        self.model, self.chat, self.name, self.prompt = model.eval(), chat, name, prompt
        self.ends = end_ids(model, chat)
        # The engine's thread encodes and decodes while other threads prepare: tokenizers are not made to be shared.
        self._preparing = ChatFormat(deepcopy(chat.processor), chat.system, chat.name)
        self._lock = Lock()

    @classmethod
    def load(
        cls,
        folder: str,
        settings: BackendConfig | None = None,
        *,
        name: str | None = None,
        device: str = "cpu",
        role: str = "the model to serve",
    ) -> TransformersBackend:
        """The model of a folder; settings and errors as `rewriting.backends.vlm.load_vlm`."""
        settings = settings or BackendConfig(kind="transformers")
        model, chat = load_vlm(folder, settings, device, role=role)
        return cls(model, chat, name or Path(folder).name or "model", settings.template)

    def read_images(self, images: Sequence[ImageInput]) -> tuple[Image, ...]:
        """See `backend.Backend`."""
        return tuple(load_image(image) for image in images)

    def prepare(self, asked: Asked, images: Sequence[Image]) -> Prompt:
        """See `backend.Backend`."""
        with self._lock:
            text = self._preparing.conversation(asked.turns, asked.system, self.prompt)
            try:
                inputs = self._preparing.encode([text], [images], "left")
            except (ValueError, TypeError, IndexError, RuntimeError) as error:
                what = " ".join(str(error).split())[:300]
                raise DataError(f"the model's processor cannot encode it: {what}") from error
        tokens, window = int(inputs[MASK].sum()), context_length(self.model)
        if tokens + asked.max_new_tokens > window:
            raise PromptTooLong(tokens, asked.max_new_tokens, window)
        return Prompt(text, tuple(images), tokens, group=len(images))

    def decode(self, ids: Sequence[int]) -> str:
        """See `backend.Backend`."""
        return self.chat.decode(ids, self.ends)[0]

    def answer(self, batch: Sequence[Prompt], asked: Sequence[Asked], watch: Watch) -> None:
        """See `backend.Backend`."""
        temperature = asked[0].temperature
        generate_rows(
            self.model,
            self.chat,
            self.chat.encode([prompt.rendered for prompt in batch], [prompt.images for prompt in batch], "left"),
            max(one.max_new_tokens for one in asked),
            ends=self.ends,
            temperature=temperature,
            generators=[torch_generator(one.seed, one.earlier) for one in asked] if temperature > 0 else None,
            watch=watch,
        )
