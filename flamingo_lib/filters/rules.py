"""Filters that need no model: length, change, endless repetition, leaked preamble (docs/method.md, section 3)."""

from __future__ import annotations

from collections.abc import Sequence

from ..judges.degenerate_text import leaks, most_repeated
from ..judges.rouge import rouge_l
from ..records import Rewrite, Verdict
from .verdict import Outcome, dropped, number, passed


class LengthFilter:
    """Drops rewrites with too few or too many words; the score is the number of words."""

    name, tasks = "length", None

    def __init__(self, min_words: int, max_words: int) -> None:
        self.min_words, self.max_words = min_words, max_words

    def __call__(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        """Judge the batch."""
        return [Outcome(self._verdict(rewrite)) for rewrite in rewrites]

    def _verdict(self, rewrite: Rewrite) -> Verdict:
        words = len(rewrite.final.split())
        if not words and rewrite.flags:
            return dropped(
                self.name, f"no output: {rewrite.scores.get('error') or rewrite.flags[0]}", 0, self.min_words
            )
        if words < self.min_words:
            return dropped(self.name, f"too short: {words} words", words, self.min_words)
        if words > self.max_words:
            return dropped(self.name, f"too long: {words} words", words, self.max_words)
        if "truncated" in rewrite.flags:
            return dropped(self.name, f"cut off after {words} words, before the end of the text", words, self.max_words)
        return passed(self.name, words, self.max_words)


class ChangeFilter:
    """Drops rewrites that (nearly) repeat the annotation; the score is Rouge-L, also kept as ``rouge_score``."""

    name, tasks = "change", None

    def __init__(self, max_rouge: float) -> None:
        self.max_rouge = max_rouge

    def __call__(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        """Judge the batch."""
        return [self._outcome(rewrite) for rewrite in rewrites]

    def _outcome(self, rewrite: Rewrite) -> Outcome:
        output, original = rewrite.final, rewrite.sample.raw
        score = number(rouge_l(output, original))
        same = score >= self.max_rouge or output.split() == original.split()  # Rouge-L reads ASCII words only
        verdict = (
            dropped(self.name, "left as it was, or nearly", score, self.max_rouge)
            if same
            else passed(self.name, score, self.max_rouge)
        )
        return Outcome(verdict, {"rouge_score": score})


class RepetitionFilter:
    """Drops texts that say one sentence, or one phrase in a row, too often; the score is how often."""

    name, tasks = "repetition", None

    def __init__(self, max_repeats: int) -> None:
        self.max_repeats = max_repeats

    def __call__(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        """Judge the batch."""
        return [Outcome(self._verdict(rewrite)) for rewrite in rewrites]

    def _verdict(self, rewrite: Rewrite) -> Verdict:
        times, what = most_repeated(rewrite.final)
        if times > self.max_repeats:
            return dropped(self.name, f"{times} times {shorten(what)!r}", times, self.max_repeats)
        if "repetition" in rewrite.flags:
            return dropped(self.name, "the generation ran in circles", times, self.max_repeats)
        return passed(self.name, times, self.max_repeats)


def shorten(text: str, length: int = 60) -> str:
    """`text` cut to `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


class PreambleFilter:
    """Drops rewrites into which the prompt leaked; the score is the number of kinds of leak.

    Kinds: the boxes' preamble, box coordinates, role marks, image marks.
    """

    name, tasks = "preamble", None

    def __call__(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        """Judge the batch."""
        return [Outcome(self._verdict(rewrite)) for rewrite in rewrites]

    def _verdict(self, rewrite: Rewrite) -> Verdict:
        found = leaks(rewrite.final)
        if "leaked_preamble" in rewrite.flags and not found:
            found = ["the marks of the prompt"]
        if found:
            return dropped(self.name, "leaked: " + ", ".join(found), len(found), 0)
        return passed(self.name, 0, 0)
