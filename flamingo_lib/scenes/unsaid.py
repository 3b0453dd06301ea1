"""The unsaid rule of Scenes: finds what a polite answer about a scene states beyond its draft."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..errors import DataError
from ..text import split_sentences
from .graph import COLORS, SHAPES, SIZES
from .language import strip_details, strip_evidence
from .lexicon import NUMBERS
from .questions import parse_question

_FACTS = frozenset(
    (
        *COLORS,
        *SHAPES,
        *SIZES,
        *NUMBERS,
        *"0123456789",
        *"top bottom left right middle center above below only no none yes".split(),
    )
)
"""Words that state something about a scene."""


class SceneFacts:
    """A `training.unsaid.UnsaidRule` that knows the questions of Scenes and the words for its facts."""

    def is_question(self, instruction: str) -> bool:
        """Whether the instruction is a question with one curt answer, so that its draft holds the answer."""
        try:
            parse_question(instruction)
        except DataError:
            return False
        return True

    def drop_unsaid(self, target: str, draft: str) -> str:
        """`target` without those supporting sentences whose facts the draft doesn't state."""
        essential = set(split_sentences(strip_details(target)))
        stated = _facts([draft])
        kept = []
        for part in split_sentences(target):
            if _facts([part]) <= stated:
                kept.append(part)
            elif part in essential:
                kept.append(strip_evidence(part))
        return " ".join(kept)


def _facts(texts: Iterable[str]) -> set[str]:
    words = {word for text in texts for word in re.findall(r"[a-z]+|\d", text.lower())}
    number_words = {str(number): word for number, word in enumerate(NUMBERS)}
    singular = {
        word.removesuffix("es") if word == "crosses" else word.removesuffix("s") if word[:-1] in SHAPES else word
        for word in words
    }
    return {number_words.get(word, word) for word in singular if word in _FACTS}
