"""Rewriter targets without their image: removes the sentences that only the image could support.

A rewriter that trains on a draft without its image, or with another one, must not be taught to state what only the
image could tell. An `UnsaidRule` decides what that is; `WordOverlap` does for any data, and a world whose language is
known may bring a stricter one (`scenes.unsaid.SceneFacts`).
"""

from __future__ import annotations

from typing import Protocol

from ..distortion.politeness_phrases import is_courtesy
from ..distortion.question_type import classify_question
from ..distortion.segment import split_sentences, words

SHORT_WORD = 3
"""Longest word, in letters, that counts as a function word."""


class UnsaidRule(Protocol):
    """Finds the sentences of a target that its draft does not support."""

    def is_question(self, instruction: str) -> bool:
        """Whether the instruction is a question with one curt answer, so that its draft holds the answer."""
        ...

    def drop_unsaid(self, target: str, draft: str) -> str:
        """`target` without the sentences that state what `draft` doesn't say."""
        ...


class WordOverlap:
    """An `UnsaidRule` for any data, by the words that target and draft share.

    A question is an instruction with a question mark that asks for neither a description nor a reason. Its target
    keeps the courtesies, the sentence that shares the most content words with the draft (the answer), and each other
    sentence whose content words all stand in the draft. Content words are numbers and words of more than `SHORT_WORD`
    letters, case aside.
    """

    def is_question(self, instruction: str) -> bool:
        """See `UnsaidRule`."""
        return "?" in instruction and classify_question(instruction).kind not in ("describe", "why")

    def drop_unsaid(self, target: str, draft: str) -> str:
        """See `UnsaidRule`."""
        said = set(_all_words(draft))
        sentences = [sentence.strip() for sentence in split_sentences(target)]
        telling = [index for index, sentence in enumerate(sentences) if not is_courtesy(sentence)]
        answer = max(telling, key=lambda index: len(said & set(_all_words(sentences[index]))), default=None)
        return " ".join(
            sentence
            for index, sentence in enumerate(sentences)
            if index not in telling or index == answer or _content_words(sentence) <= said
        )


def _all_words(text: str) -> list[str]:
    return [word.lower() for word in words(text)]


def _content_words(text: str) -> set[str]:
    return {word for word in _all_words(text) if len(word) > SHORT_WORD or any(map(str.isdigit, word))}
