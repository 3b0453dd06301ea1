"""`FlamingoProcessor`: chats or interleaved text, with their images, to the tensors of `forward` and `generate`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from transformers import AutoProcessor, BatchFeature, PreTrainedTokenizerBase
from transformers.processing_utils import ProcessorMixin

from ..chat.template import ChatTemplate, Rendered, plain
from ..errors import DataError
from ..media import IGNORE_INDEX
from ..records import Turn
from ..text import is_blank
from .config import FlamingoConfig
from .image_processor import FlamingoImageProcessor, Picture


class FlamingoProcessor(ProcessorMixin):
    """Image processor, tokenizer and chat template of one model; saved with it and loaded from its folder.

    Args:
        media_rule, image_position, within_turn, rewriter_marker: the rules of `chat.template.ChatTemplate`.
    """

    def __init__(
        self,
        image_processor: FlamingoImageProcessor,
        tokenizer: PreTrainedTokenizerBase,
        media_rule: str = "preceding",
        image_position: str = "before",
        within_turn: bool = True,
        rewriter_marker: str = "Assistant",
        **kwargs: Any,
    ) -> None:
        super().__init__(image_processor, tokenizer, **kwargs)
        self.media_rule, self.image_position = media_rule, image_position
        self.within_turn, self.rewriter_marker = within_turn, rewriter_marker

    @cached_property
    def template(self) -> ChatTemplate:
        """The chat template under this processor's rules."""
        names = ("media_rule", "image_position", "within_turn", "rewriter_marker")
        return ChatTemplate(self.tokenizer, **{name: getattr(self, name) for name in names})

    def to_dict(self) -> dict[str, Any]:
        """Settings as they are saved."""
        self.__dict__.pop("template", None)  # made again on demand
        return super().to_dict()

    def __call__(
        self,
        chats: Sequence[Sequence[Turn]] | None = None,
        images: Sequence[Sequence[Picture]] | None = None,
        text: Sequence[str] | None = None,
        *,
        system: bool = True,
        generation_prompt: bool = True,
        padding_side: str = "left",
        max_length: int | None = None,
    ) -> BatchFeature:
        """Rows, b of them, as tensors.

        Args:
            chats: the turns of each row; or `text`: each row as text in which `<image>` stands for an image, looked at
                over the whole row; what people wrote stands in it as `chat.template.as_text` gives it.
            images: each row's pictures in the order of its `<image>` tokens.
            system: begin chats with the system message.
            generation_prompt: end where the model goes on; else every turn needs a response, and `labels` are returned.
            padding_side: "left" to generate, "right" to train.
            max_length: tokens a row may have.

        Returns:
            input_ids, attention_mask, attended_image, each (b, t); num_images (b,); pixel_values (b, m, 3, h, w) if
            there are any images; labels (b, t) without `generation_prompt`.

        Raises:
            DataError: no rows, a row with no text, more or fewer images than `<image>` tokens, or too long a row; the
                row is named.
        """
        rows = self.render(chats=chats, text=text, system=system, generation_prompt=generation_prompt)
        pictures = [list(row) for row in images] if images is not None else [[] for _ in rows]
        if len(pictures) != len(rows):
            what = f"{len(rows)} rows of text but {len(pictures)} of images"
            raise DataError(what, remedy="Give a list of images, maybe empty, for each row.")
        for index, (row, given) in enumerate(zip(rows, pictures, strict=True)):
            if row.n_images != len(given):
                what = f"{row.n_images} <image> tokens but {len(given)} images"
                raise DataError(what, record=f"row {index}", remedy="Give one image for each.")
            if max_length is not None and len(row) > max_length:
                what = f"{len(row)} tokens, more than {max_length}"
                raise DataError(what, record=f"row {index}", remedy="Cut the text or drop turns.")
        labels = chats is not None and not generation_prompt
        batch = pad_rows(rows, self.template.tokenizer.pad_token_id or 0, padding_side, labels=labels)
        slots = max(len(given) for given in pictures)
        if slots:
            size = self.image_processor.size
            batch["pixel_values"] = torch.zeros(len(rows), slots, 3, size, size)
            for index, given in enumerate(pictures):
                try:
                    batch["pixel_values"][index, : len(given)] = self.image_processor.pixels(given)
                except DataError as error:
                    if error.file is not None:
                        raise
                    raise DataError(error.what, record=f"row {index}", remedy=error.remedy) from error
        return BatchFeature(batch)

    def render(
        self,
        *,
        chats: Sequence[Sequence[Turn]] | None = None,
        text: Sequence[str] | None = None,
        system: bool = True,
        generation_prompt: bool = True,
    ) -> list[Rendered]:
        """The rows of `__call__` before padding."""
        if (chats is None) == (text is None):
            raise DataError("give either chats or text")
        if isinstance(text, str):
            raise DataError("text is one string", remedy="Give a list of rows.")
        given: Any = chats if chats is not None else text
        if not given:
            raise DataError("the batch is empty", remedy="Give at least one row.")
        rows = []
        for index, row in enumerate(given):
            empty = any(is_blank(turn.instruction) for turn in row) if chats is not None else is_blank(plain(row))
            if empty:
                what = "the text is empty"
                remedy = "Give every row, and every turn of a chat, some text."
                raise DataError(what, record=f"row {index}", remedy=remedy)
            try:
                if chats is not None:
                    rows.append(self.template.render(row, system=system, generation_prompt=generation_prompt))
                else:
                    rows.append(self.template.interleaved(row))
            except DataError as error:
                raise DataError(error.what, record=f"row {index}", remedy=error.remedy) from error
        return rows

    def responses(self, ids: Sequence[Sequence[int]]) -> list[str]:
        """Generated ids (without the prompt) as texts, special tokens and outer spaces removed."""
        return [self.tokenizer.decode(list(row), skip_special_tokens=True).strip() for row in ids]


def pad_rows(
    rows: Sequence[Rendered], pad_token_id: int, side: str, *, labels: bool = False
) -> dict[str, torch.Tensor]:
    """Rendered rows to input_ids, attention_mask, attended_image, on request labels (b, t), and num_images (b,)."""
    if side not in ("left", "right"):
        raise DataError(f"unknown padding side {side!r}", remedy="Use left or right.")
    length = max(len(row) for row in rows)

    def table(values: Sequence[Sequence[int]], fill: int) -> torch.Tensor:
        pads = [[fill] * (length - len(row)) for row in values]
        lines = [[*pad, *row] if side == "left" else [*row, *pad] for row, pad in zip(values, pads, strict=True)]
        return torch.tensor(lines, dtype=torch.long)

    batch = {
        "input_ids": table([row.ids for row in rows], pad_token_id),
        "attention_mask": table([[1] * len(row) for row in rows], 0),
        "attended_image": table([row.attended for row in rows], 0),
        "num_images": torch.tensor([row.n_images for row in rows]),
    }
    if labels:
        pairs = (zip(row.ids, row.loss_mask, strict=True) for row in rows)
        batch["labels"] = table([[token if on else IGNORE_INDEX for token, on in row] for row in pairs], IGNORE_INDEX)
    return batch


AutoProcessor.register(FlamingoConfig, FlamingoProcessor)
