"""Rouge-L by bit-parallel longest common subsequence.

Rouge-L F of two texts is the harmonic mean of ``LCS / words of a`` and ``LCS / words of b``; the PF-1M records carry it
as ``rouge_score`` between output and original, and captions are evaluated by it (docs/method.md, sections 3 and 6).
Tokens are those of the ``rouge-score`` package without stemming: lower-cased runs of ``a-z0-9``.

The subsequence length is found with one addition of integers a word (Hyyrö 2004: a row of the dynamic programme is kept
as the bits of one number), so a pair costs microseconds and needs no table.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np

_SPACED = bytes(code if chr(code) in "abcdefghijklmnopqrstuvwxyz0123456789" else 32 for code in range(256))


def rouge_tokens(text: str) -> list[bytes]:
    """Lower-cased runs of ASCII letters and digits, as bytes."""
    return text.lower().encode("ascii", "replace").translate(_SPACED).split()


def lcs_length(first: Sequence[Hashable], second: Sequence[Hashable]) -> int:
    """Length of the longest common subsequence of two token lists."""
    if len(first) > len(second):
        first, second = second, first
    where: dict[Hashable, int] = {}
    bit = 1
    for token in first:
        if token in where:
            where[token] |= bit
        else:
            where[token] = bit
        bit += bit
    row = full = bit - 1
    for token in second:
        if token in where:
            common = row & where[token]
            row = (row + common) | (row - common)
    return len(first) - (row & full).bit_count()


def rouge_l(first: str, second: str) -> float:
    """Rouge-L F of two texts, 0 to 1; 0 if either has no word. Symmetric."""
    a, b = rouge_tokens(first), rouge_tokens(second)
    if not a or not b:
        return 0.0
    if a == b:
        return 1.0
    return 2 * lcs_length(a, b) / (len(a) + len(b))


def rouge_l_batch(first: Iterable[str], second: Iterable[str]) -> np.ndarray:
    """Rouge-L F of pairs of texts: an array of shape ``(n,)``, 0 to 1."""
    return np.fromiter((rouge_l(a, b) for a, b in zip(first, second, strict=True)), dtype=np.float64)


def rouge_l_best(candidate: str, references: Iterable[str]) -> float:
    """The highest Rouge-L F of `candidate` against several references, 0 to 1."""
    return max((rouge_l(candidate, reference) for reference in references), default=0.0)
