"""A pretraining row: pieces of text with loss weights, the pictures among them, and what their nouns speak of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..chat.template import ASSISTANT, END_OF_CHUNK, HUMAN, IMAGE, SYSTEM_MESSAGE

IMAGE_TAG = IMAGE + END_OF_CHUNK

Mention = tuple[str, int]
"""A noun, and the cell of the object that it names."""


@dataclass
class Row:
    """One pretraining row.

    Attributes:
        scenes: indices of the scenes whose images stand in the row, in order.
        pieces: (text, weight of the loss on its tokens); joined they are the row after BOS. None stands for EOS.
        mentions: (index of the piece, end of the noun in it, index of the image, cell of the object) for the attention
            loss.
    """

    scenes: list[int] = field(default_factory=list)
    pieces: list[tuple[str | None, float]] = field(default_factory=list)
    mentions: list[tuple[int, int, int, int]] = field(default_factory=list)

    def length(self) -> int:
        """Characters, the fixed long strings (one token each) left out: near enough to sort rows by."""
        return sum(len(text) for text, _ in self.pieces if text and text != SYSTEM_MESSAGE)

    def image(self, scene: int) -> Row:
        """Append the image of a scene."""
        self.scenes.append(scene)
        return self.add(IMAGE_TAG)

    def add(self, text: str | None, weight: float = 0.0, about: Sequence[Mention] = ()) -> Row:
        """Append a piece of text, or EOS; `about` are nouns in it that speak of the latest image."""
        for noun, cell in about:
            start = (text or "").rfind(noun)
            if start >= 0 and self.scenes:
                self.mentions.append((len(self.pieces), start + len(noun), len(self.scenes) - 1, cell))
        self.pieces.append((text, weight))
        return self

    def turn(
        self,
        instruction: str,
        answer: str,
        *,
        scene: int | None = None,
        about: Sequence[Mention] = (),
        weight: float = 1.0,
        end: float = 0.3,
    ) -> Row:
        """A chat turn with its own image if `scene` is given."""
        self.add(HUMAN)
        if scene is not None:
            self.image(scene)
        return self.add(instruction, about=about).add(ASSISTANT).add(answer, weight).add(None, end)
