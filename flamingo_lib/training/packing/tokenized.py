"""Tokenized conversations: rendered once, kept compactly, cut from by index.

`TokenTable` holds the rendered conversations of a mixture end to end: four bytes or less a token, so that a million
samples fit in memory, and windows are assembled by copying slices.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...errors import DataError
from ...records import Conversation
from ...renamed import renamed
from .plan import Sizes

if TYPE_CHECKING:
    from ...chat.template import ChatTemplate


@dataclass(frozen=True)
class TokenTable:
    """Rendered examples, one after the other.

    Attributes:
        ids, labelled, attended: token ids, whether a token is supervised, and which image of its example it attends
            to (1-based, 0 none), each (tokens of all examples,).
        offsets: where each example begins (examples + 1,).
        images: image files of each example.
        names: ids of the examples.
        header: the token ids of the system message, which begins a window.
    """

    ids: np.ndarray
    labelled: np.ndarray
    attended: np.ndarray
    offsets: np.ndarray
    images: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]
    header: np.ndarray

    def __len__(self) -> int:
        return len(self.names)

    @property
    def sizes(self) -> Sizes:
        """What packing must know of the examples."""
        tokens = np.diff(self.offsets)
        before = np.concatenate([[0], np.cumsum(self.labelled, dtype=np.int64)])
        labels = before[self.offsets[1:]] - before[self.offsets[:-1]]
        positions = np.flatnonzero(self.labelled)
        first = np.full(len(self), np.iinfo(np.int64).max)
        has = labels > 0
        first[has] = positions[before[self.offsets[:-1][has]]] - self.offsets[:-1][has]
        images = np.fromiter((len(files) for files in self.images), np.int64, len(self))
        return Sizes(tokens, images, np.minimum(first, tokens), labels)

    def part(self, index: int, keep: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids, supervised and attended of the first `keep` tokens of one example."""
        span = slice(self.offsets[index], self.offsets[index] + keep)
        return self.ids[span], self.labelled[span], self.attended[span]


def build_table(
    examples: Iterable[Conversation], template: ChatTemplate, *, max_tokens: int | None = None
) -> TokenTable:
    """Render `examples` with `template`.

    Args:
        max_tokens: a dialogue of more tokens than this is cut between its turns into several examples; those parts
            of it that lost their image are dropped.

    Raises:
        DataError: no examples, or an image count that does not fit.
    """
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    images: list[tuple[str, ...]] = []
    names: list[str] = []
    header: np.ndarray | None = None
    for example in examples:
        if header is None:
            header = system_header(template, example)
        for piece in _split(example, template, max_tokens):
            rendered = template.render(piece.turns, system=False)
            parts.append(
                (
                    np.asarray(rendered.ids, np.int32),
                    np.asarray(rendered.loss_mask, bool),
                    np.asarray(rendered.attended, np.uint8),
                )
            )
            images.append(tuple(str(path) for path in piece.images))
            names.append(piece.id)
    if header is None:
        raise DataError("there is no example to train on", remedy="Check the mixture's name and its filters.")
    offsets = np.concatenate([[0], np.cumsum([len(ids) for ids, _, _ in parts], dtype=np.int64)])
    ids, labelled, attended = (np.concatenate(column) for column in zip(*parts, strict=True))
    return TokenTable(ids, labelled, attended, offsets, tuple(images), tuple(names), header)


def system_header(template: ChatTemplate, example: Conversation) -> np.ndarray:
    """The ids that the system message puts before a window's first turn."""
    whole = template.render(example.turns[:1], system=True).ids
    turn = template.render(example.turns[:1], system=False).ids
    if whole[len(whole) - len(turn) :] != turn:
        raise DataError("the chat template renders a turn differently after the system message", record=example.id)
    return np.asarray(whole[: len(whole) - len(turn)], np.int32)


def _split(example: Conversation, template: ChatTemplate, max_tokens: int | None) -> list[Conversation]:
    """The example, or, for a longer dialogue, its parts of at most `max_tokens`."""
    if max_tokens is None or len(example.turns) == 1:
        return [example]
    lengths = [len(template.render((turn,), system=False).ids) for turn in example.turns]
    if sum(lengths) <= max_tokens:
        return [example]
    parts: list[Conversation] = []
    begin, used, first_image = 0, 0, 0
    for end in range(1, len(lengths) + 1):
        used += lengths[end - 1]
        if end < len(lengths) and used + lengths[end] <= max_tokens:
            continue
        turns = example.turns[begin:end]
        count = sum(turn.images for turn in turns)
        if count or not first_image:  # a part after the images would speak of what is no longer there
            parts.append(
                Conversation(f"{example.id}#{len(parts)}", turns, example.images[first_image : first_image + count])
            )
        begin, used, first_image = end, 0, first_image + count
    return parts


__getattr__ = renamed(__name__, Example=Conversation)
