"""Random text augmentation: the second way of distortion (docs/method.md, section 1.2).

Sentences, characters and words, each level with probability 0.5, in this order. The operators follow the counting of
NLPAUG, which the paper uses (a rate of the tokens, rounded up, from 1 to 10 at a time; characters only of words of
four letters or more), but keep spacing and punctuation, never cut through a combining mark or an emoji, and draw from
the record's own generator.
"""

from __future__ import annotations

import math
import random
import string
from collections.abc import Callable
from itertools import pairwise

from .segment import characters, find_tokens, split_keeping

LEVEL_PROBABILITY = 0.5
"""Probability of each level of noise, and of shuffling the remaining sentences."""

MAX_RATE = 0.3
"""Rates are drawn evenly from 0 to this."""

MAX_EDITS = 10
MIN_WORD = 4
ALPHABET = string.ascii_letters + string.digits + "!@#$%^&*()_+"
"""Alphabet of random characters."""

Pieces = list[list[str]]
"""A text as `[separator, token]` pairs; the last pair holds what follows the last token."""


def _pieces(text: str) -> Pieces:
    pieces, end = [], 0
    for match in find_tokens(text):
        pieces.append([text[end : match.start()], match.group()])
        end = match.end()
    pieces.append([text[end:], ""])
    return pieces


def _joined(pieces: Pieces) -> str:
    return "".join(gap + token for gap, token in pieces)


def edit_count(size: int, rate: float) -> int:
    """Number of edits among `size` items at `rate`: rounded up, from 1 to `MAX_EDITS`, at most `size`."""
    return min(max(math.ceil(rate * size), 1), MAX_EDITS, size)


# --- sentences


def drop_tail(text: str, generator: random.Random) -> str:
    """Keep the first few sentences, one to all of them."""
    pieces = split_keeping(text)
    kept = pieces[: generator.randint(1, len(pieces))]
    return "".join(sentence + gap for sentence, gap in kept).rstrip() if len(kept) < len(pieces) else text


def shuffle_sentences(text: str, generator: random.Random) -> str:
    """Sentences in another order, joined by nothing or by a newline."""
    sentences = [sentence for sentence, _ in split_keeping(text)]
    if len(sentences) < 2:
        return text
    generator.shuffle(sentences)
    return generator.choice(("", "\n")).join(sentences)


# --- characters


def _insert(chars: list[str], positions: list[int], generator: random.Random, alphabet: str) -> list[str]:
    for position in sorted(positions, reverse=True):
        chars.insert(position, generator.choice(alphabet))
    return chars


def _substitute(chars: list[str], positions: list[int], generator: random.Random, alphabet: str) -> list[str]:
    for position in positions:
        chars[position] = generator.choice(alphabet)
    return chars


def _swap(chars: list[str], positions: list[int], generator: random.Random, alphabet: str) -> list[str]:
    for position in positions:
        other = _neighbour(position, len(chars), generator)
        chars[position], chars[other] = _cased(chars[other], chars[position]), _cased(chars[position], chars[other])
    return chars


def _delete(chars: list[str], positions: list[int], generator: random.Random, alphabet: str) -> list[str]:
    gone = set(positions)
    return [char for position, char in enumerate(chars) if position not in gone]


def _cased(char: str, like: str) -> str:
    """`char` in the case of its new position; characters without case, or that change length with it, stay."""
    cased = char.upper() if like.isupper() else char.lower()
    return cased if len(cased) == len(char) else char


def _neighbour(position: int, size: int, generator: random.Random) -> int:
    if position == 0:
        return 1
    if position == size - 1:
        return position - 1
    return position + generator.choice((-1, 1))


CHARACTER_ACTIONS: dict[str, Callable[[list[str], list[int], random.Random, str], list[str]]] = {
    "insert": _insert,
    "substitute": _substitute,
    "swap": _swap,
    "delete": _delete,
}


def noise_characters(
    text: str,
    generator: random.Random,
    *,
    action: str,
    word_rate: float,
    character_rate: float,
    alphabet: str = ALPHABET,
) -> str:
    """Edit characters inside words.

    Args:
        action: ``"insert"``, ``"substitute"``, ``"swap"`` (with a neighbour) or ``"delete"``.
        word_rate: the share of tokens touched, 0 to 1; only words of `MIN_WORD` characters or more are.
        character_rate: the share of a touched word's characters edited, 0 to 1.
        alphabet: what new characters are drawn from.
    """
    pieces = _pieces(text)
    long = [index for index, piece in enumerate(pieces) if len(piece[1]) >= MIN_WORD]
    if not long:
        return text
    edit = CHARACTER_ACTIONS[action]
    for index in generator.sample(long, min(edit_count(len(pieces) - 1, word_rate), len(long))):
        chars = characters(pieces[index][1])
        if len(chars) > 1:
            positions = generator.sample(range(len(chars)), edit_count(len(chars), character_rate))
            pieces[index][1] = "".join(edit(chars, positions, generator, alphabet))
    return _joined(pieces)


# --- words


def _swap_words(pieces: Pieces, positions: list[int], generator: random.Random) -> None:
    """Swap each token with a neighbour; a capital that only marks the beginning stays there."""
    for position in positions:
        low, high = sorted((position, _neighbour(position, len(pieces) - 1, generator)))
        one, two = pieces[low][1], pieces[high][1]
        if low == 0 and one.istitle() and two.islower():
            one, two = one.lower(), two.capitalize()
        pieces[low][1], pieces[high][1] = two, one
    for (_, before), piece in pairwise(pieces):
        if not piece[0] and before[-1:].isalnum() and piece[1][:1].isalnum():
            piece[0] = " "  # a comma that stood between has moved away


WORD_ACTIONS = ("delete", "swap", "crop")


def noise_words(text: str, generator: random.Random, *, action: str, rate: float) -> str:
    """Word noise: delete words, swap neighbours or crop a run; `rate` (0 to 1) is the share of tokens touched."""
    pieces = _pieces(text)
    size = len(pieces) - 1
    if size < 2:
        return text
    count = edit_count(size, rate)
    if action == "crop":
        start = generator.randrange(size - count + 1)
        positions = list(range(start, start + count))
    else:
        eligible = [index for index in range(size) if pieces[index][1][0].isalnum()]
        positions = generator.sample(eligible, min(count, len(eligible)))
    capital = pieces[0][1][:1].isupper()
    if action == "swap":
        _swap_words(pieces, positions, generator)
        return _joined(pieces)
    if len(positions) == size:
        positions.remove(generator.choice(positions))
    for position in positions:
        pieces[position] = ["", ""]  # the space before it goes too
    left = _joined(pieces).strip()
    return left[:1].upper() + left[1:] if capital and 0 in positions else left


# --- all levels


def noise_steps(text: str, generator: random.Random) -> tuple[str, tuple[str, ...]]:
    """The distorted text and the operations that changed it, as ``"level:operation"``; none if no level was drawn."""
    steps: list[str] = []

    def apply(name: str, changed: str) -> None:
        nonlocal text
        if changed != text and changed.strip():
            steps.append(name)
            text = changed

    if generator.random() < LEVEL_PROBABILITY:
        apply("sentences:drop", drop_tail(text, generator))
        if generator.random() < LEVEL_PROBABILITY:
            apply("sentences:shuffle", shuffle_sentences(text, generator))
    if generator.random() < LEVEL_PROBABILITY:
        action = generator.choice(tuple(CHARACTER_ACTIONS))
        word_rate, character_rate = generator.uniform(0, MAX_RATE), generator.uniform(0, MAX_RATE)
        apply(
            f"characters:{action}",
            noise_characters(text, generator, action=action, word_rate=word_rate, character_rate=character_rate),
        )
    if generator.random() < LEVEL_PROBABILITY:
        action = generator.choice(WORD_ACTIONS)
        apply(f"words:{action}", noise_words(text, generator, action=action, rate=generator.uniform(0, MAX_RATE)))
    return text, tuple(steps)


def noise(text: str, generator: random.Random) -> str:
    """`text` with random augmentation; the same text one time in eight, when no level is drawn (as in the paper)."""
    return noise_steps(text, generator)[0]
