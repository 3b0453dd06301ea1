"""Labels of an answered chat: the loss is on the response and its end alone.

Where the response begins is known from the chat template, rendered with and without it; the tokens are found by their
offsets in the text, counted from its end, since images stand before it and take more tokens than characters.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...errors import ConfigError, DataError
from ...images import load_image
from ...media import IGNORE_INDEX
from ...rewriting.backends.chat_format import MASK, ChatFormat
from .examples import VlmExample

if TYPE_CHECKING:
    from torch import Tensor

OFFSETS = "offset_mapping"

AT_ONCE = 1024
"""Texts tokenized at once."""

MARGIN = 16
"""Tokens that a processor may put around an image."""


def check_lengths(chat: ChatFormat, examples: Sequence[VlmExample], context_length: int) -> None:
    """Look for examples that are longer than the model's context before training begins.

    Images are counted by their sizes alone, where the processor can tell their tokens; what may be too long by that is
    encoded and counted.

    Raises:
        DataError: examples are too long; it says how many, and names the first.
    """
    tokens_of: dict[str, int] = {}
    too_long: list[tuple[VlmExample, int]] = []
    for start in range(0, len(examples), AT_ONCE):
        part = examples[start : start + AT_ONCE]
        rows = chat.tokenizer([example.prompt + example.answer for example in part], add_special_tokens=False)
        for example, ids in zip(part, rows["input_ids"], strict=True):
            for file in example.images:
                if file not in tokens_of:
                    tokens_of[file] = _image_tokens(chat.processor, file)
            length = len(ids) + sum(tokens_of[file] + MARGIN for file in example.images)
            if length > context_length:
                length = encode_examples(chat, [example])["input_ids"].shape[-1]
            if length > context_length:
                too_long.append((example, length))
    if too_long:
        example, length = too_long[0]
        raise DataError(
            f"{len(too_long)} of {len(examples)} examples are longer than the model's context of {context_length} "
            f"tokens, the first has {length}",
            record=example.id,
            remedy="Leave them out, or let the processor make fewer tokens of an image.",
        )


def encode_examples(chat: ChatFormat, examples: Sequence[VlmExample]) -> Any:
    """Model inputs of examples with equally many images, and `OFFSETS` (B, T, 2) of the tokens in the text."""
    texts = [example.prompt + example.answer for example in examples]
    images = [[load_image(file) for file in example.images] for example in examples]
    try:
        return chat.encode(texts, images, "right", return_offsets_mapping=True)
    except (ValueError, TypeError, IndexError) as error:
        raise DataError(
            f"the model's processor cannot encode these records: {' '.join(str(error).split())[:300]}",
            record=", ".join(example.id for example in examples),
        ) from error


def _image_tokens(processor: Any, file: str) -> int:
    """Tokens that an image adds to its placeholder; 0 if the processor cannot tell, or the file cannot be read."""
    from PIL import Image

    try:
        with Image.open(file) as picture:
            size = (picture.height, picture.width)
        return max(int(processor._get_num_multimodal_tokens(image_sizes=[size])["num_image_tokens"][0]) - 1, 0)
    except Exception:  # the collator opens and encodes it, and says what is wrong
        return 0


class VlmCollator:
    """Makes batches with labels (B, T): ids of the response and its end, `IGNORE_INDEX` elsewhere.

    Args:
        chat: the model's chat format.
        context_length: tokens that a row may have.
    """

    def __init__(self, chat: ChatFormat, context_length: int) -> None:
        if not getattr(chat.tokenizer, "is_fast", False):
            raise ConfigError("training needs a fast tokenizer", remedy="Give a model with a tokenizer.json.")
        self.chat, self.context_length = chat, context_length

    def __call__(self, examples: Sequence[VlmExample]) -> dict[str, Any]:
        """The model's inputs and ``labels`` of examples with equally many images.

        Raises:
            DataError: an example that is too long for the model, or whose response cannot be told from its prompt; an
                image that cannot be read. The record is named.
        """
        inputs = encode_examples(self.chat, examples)
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
