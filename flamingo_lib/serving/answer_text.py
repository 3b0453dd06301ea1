"""The text of an answer while it is being generated: whole characters only, cut before a stop text."""

from __future__ import annotations

from collections.abc import Callable, Sequence

UNFINISHED = "\ufffd"
"""What a tokenizer gives for bytes that are no whole character yet."""


class AnswerText:
    """Turns tokens into text to be sent, piece by piece.

    Args:
        decode: ids to text, of the whole answer so far.
        stop: texts before which the answer ends.
    """

    def __init__(self, decode: Callable[[Sequence[int]], str], stop: Sequence[str] = ()) -> None:
        self.decode, self.stop = decode, tuple(stop)
        self.ids: list[int] = []
        self.sent = ""
        self.stopped = False

    @property
    def tokens(self) -> int:
        """Tokens so far."""
        return len(self.ids)

    def add(self, token: int) -> str:
        """One more token; returns the text that may be sent now, which may be empty."""
        if self.stopped:
            return ""
        self.ids.append(token)
        whole = self.decode(self.ids)
        found = min((place for text in self.stop if (place := whole.find(text)) >= 0), default=-1)
        if found >= 0:
            self.stopped = True
            return self._send(whole[:found])
        if whole.endswith(UNFINISHED):
            return ""
        return self._send(whole[: len(whole) - self._held_back(whole)])

    def rest(self) -> str:
        """What was held back, now that nothing more comes."""
        return "" if self.stopped else self._send(self.decode(self.ids))

    def _send(self, upto: str) -> str:
        added = upto[len(self.sent) :]
        if added:
            self.sent = upto
        return added

    def _held_back(self, whole: str) -> int:
        """Characters at the end that may be the beginning of a stop text, or space that the end may take away."""
        longest = len(whole) - len(whole.rstrip())
        for text in self.stop:
            for size in range(min(len(text) - 1, len(whole)), longest, -1):
                if whole.endswith(text[:size]):
                    longest = size
                    break
        return longest
