"""Labels of an answered chat: the loss is on the response and its end alone.

Where the response begins is known from the chat template, rendered with and without it; the tokens are found by their
offsets in the text, counted from its end, since images stand before it and take more tokens than characters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError, DataError
from ...images import load_image
from ...media import IGNORE_INDEX
from ...rewriting.backends.chat_format import MASK, ChatFormat
from .examples import VlmExample

if TYPE_CHECKING:
    from PIL import Image
    from torch import Tensor

OFFSETS = "offset_mapping"


class VlmCollator:
    """Makes batches with labels (B, T): ids of the response and its end, `IGNORE_INDEX` elsewhere.

    Args:
        chat: the model's chat format.
        context_length: tokens that a row may have.
        open_image: opens an image file.
    """

    def __init__(
        self, chat: ChatFormat, context_length: int, open_image: Callable[[str], Image.Image] = load_image
    ) -> None:
        if not getattr(chat.tokenizer, "is_fast", False):
            raise ConfigError("training needs a fast tokenizer", remedy="Give a model with a tokenizer.json.")
        self.chat, self.context_length, self.open_image = chat, context_length, open_image

    def __call__(self, examples: Sequence[VlmExample]) -> dict[str, Any]:
        """The model's inputs and ``labels`` of examples with equally many images.

        Raises:
            DataError: an example that is too long for the model, or whose response cannot be told from its prompt; an
                image that cannot be read. The record is named.
        """
        texts = [example.prompt + example.answer for example in examples]
        images = [[self.open_image(file) for file in example.images] for example in examples]
        try:
            inputs = self.chat.encode(texts, images, "right", return_offsets_mapping=True)
        except (ValueError, TypeError, IndexError) as error:
            raise DataError(
                f"the model's processor cannot encode these records: {' '.join(str(error).split())[:300]}",
                record=", ".join(example.id for example in examples),
            ) from error
        offsets = inputs.pop(OFFSETS)
        labels = inputs["input_ids"].new_full(inputs["input_ids"].shape, IGNORE_INDEX)
        for row, example in enumerate(examples):
            length = int(inputs[MASK][row].sum())
            if length > self.context_length:
                raise DataError(
                    f"the example has {length} tokens, more than the model's context of {self.context_length}",
                    record=example.id,
                    remedy="Leave it out, or let the processor make fewer tokens of an image.",
                )
            ids, spans = inputs["input_ids"][row, :length], offsets[row, :length]
            labels[row, :length] = self._labels(example, ids, spans)
        return {**inputs, "labels": labels}

    def _labels(self, example: VlmExample, ids: Tensor, spans: Tensor) -> Tensor:
        """Labels (T,) of one row without padding."""
        total = int(spans[:, 1].max())
        border, tail = total - len(example.answer), total - len(self.chat.closing)
        starts, ends = spans[:, 0], spans[:, 1]
        if bool(((starts < border) & (ends > border)).any()):
            raise DataError(
                "a token holds the end of the prompt and the beginning of the response",
                record=example.id,
                remedy="Leave it out: rewriting would never meet such a token.",
            )
        closing = ((starts >= tail) & (ids == self.chat.end_id)).nonzero()
        labelled = starts >= border
        labelled[int(closing[0]) + 1 :] = False
        for token in self.chat.image_token_ids:
            labelled &= ids != token
        return ids.where(labelled, IGNORE_INDEX)
