"""The protocol of rewriters, whatever model is behind them, and what they have in common: flags of a generated text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Protocol

from ..errors import DataError
from ..judges.degenerate_text import leaks, most_repeated
from ..records import Rewrite, Sample
from ..renamed import renamed

REPEATED = 4
"""A sentence or phrase so often in one text counts as running in circles."""


class RewriterBackend(Protocol):
    """What rewrites samples: our Flamingo, any image-text-to-text model of Transformers, or a server."""

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        ...

    def rewrite(self, samples: Sequence[Sample], progress: Callable[[int], None] | None = None) -> list[Rewrite]:
        """One `Rewrite` for each sample, in order; the text of each depends on its own sample alone.

        Args:
            samples: with the raw annotation in `raw`.
            progress: called with the number of samples finished since the last call.
        """
        ...


class LabelledRewriter:
    """Writes into each record which rewriter wrote it."""

    def __init__(self, rewriter: RewriterBackend, label: str) -> None:
        self.rewriter, self.label = rewriter, label

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        return self.rewriter.tokens

    @property
    def tokens_read(self) -> int:
        """Tokens that a server says it has read so far; 0 of a model in this process, which doesn't count them."""
        return getattr(self.rewriter, "tokens_read", 0)

    def rewrite(self, samples: Sequence[Sample], progress: Callable[[int], None] | None = None) -> list[Rewrite]:
        """One labelled rewrite for each sample."""
        return [replace(rewrite, rewriter=self.label) for rewrite in self.rewriter.rewrite(samples, progress)]

    __call__ = rewrite


def flags_of(text: str, complete: bool) -> tuple[str, ...]:
    """Flags of a generated text: the names of its apparent faults."""
    flags = [] if complete else ["truncated"]
    if most_repeated(text)[0] >= REPEATED:
        flags.append("repetition")
    if leaks(text):
        flags.append("leaked_preamble")
    return tuple(flags)


def without_output(sample: Sample, flag: str, error: DataError | str) -> Rewrite:
    """A sample that has no rewrite: `flag` names the kind of reason, and `scores` holds it as ``error``.

    Flags: ``empty_prompt``, ``too_long`` (over the model's context), ``unreadable_image``, ``refused`` (by the server,
    or by a chat template that cannot hold the sample).
    """
    return Rewrite(sample, "", (flag,), MappingProxyType({"error": str(error)}))


__getattr__ = renamed(__name__, Rewriter="flamingo_lib.rewriting.backends.flamingo.FlamingoRewriter")
