"""Broken responses for the tiny reward judge: typos, loops, cuts, leaks, mixed-up phrases."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ..scenes.phrases import CLOSERS, DETAIL_INSTRUCTIONS, OPENERS
from ..text import split_sentences

BROKEN_KINDS = {
    "noise": 0.24,  # typos, lost or swapped words; about as long
    "loop": 0.2,  # a sentence or phrase over and over; longer
    "cut": 0.16,  # without its end; shorter
    "leak": 0.12,  # parts of the prompt in it; longer
    "chatter": 0.14,  # the annotation among rough, aimless sentences; longer
    "salad": 0.14,  # phrases of several responses run into each other
}
"""Ways of breaking a response, with their weights."""


def break_text(random: Random, kind: str, text: str, raw: str, other: str, boxes: Sequence[str]) -> str:
    """A broken response.

    Args:
        random: draws the words.
        kind: a key of `BROKEN_KINDS`.
        text: the good response to break.
        raw: the annotation of the same exchange.
        other: a response to something else.
        boxes: lines of box coordinates, as a prompt holds them.
    """
    if kind == "noise":
        return roughen(random, text)
    if kind == "cut":
        words = text.split()
        keep = max(1, min(len(words) - 1, int(len(words) * random.uniform(0.3, 0.95))))
        return " ".join(words[:keep]).rstrip(".!?,")
    if kind == "leak":
        tails = ("\n" + "\n".join(boxes), f"\n### Human: {random.choice(DETAIL_INSTRUCTIONS)}",
                 f"\n (Revised Response): {raw}")  # fmt: skip
        return text + random.choice(tails)
    if kind == "loop":
        return _loop(random, random.choice((text, text, raw)))
    if kind == "salad":
        return _salad(random, [text, other, raw])
    extra = [roughen(random, sentence) for sentence in split_sentences(other)]
    extra += [roughen(random, random.choice((*OPENERS, *CLOSERS))) for _ in range(random.randint(0, 2))]
    parts = [raw, *extra, *[roughen(random, text)] * (random.random() < 0.5)]
    random.shuffle(parts)
    return random.choice((" ", ", ", "\n")).join(parts)


def _loop(random: Random, text: str) -> str:
    parts = split_sentences(text) or [text]
    again = random.choice(parts)
    if random.random() < 0.6:
        words = again.split()
        start = random.randrange(len(words))
        again = " ".join(words[start : start + random.randint(1, 6)])
    keep = parts if random.random() < 0.6 else parts[: random.randint(0, len(parts))]
    return " ".join([*keep, *[again] * random.randint(3 if not keep else 2, 8)])


def _salad(random: Random, texts: Sequence[str]) -> str:
    """Runs of one to six words of `texts` in any order."""
    runs = []
    for text in texts:
        words = text.split()
        while words:
            length = random.randint(1, 6)
            runs.append(" ".join(words[:length]))
            words = words[length:]
    random.shuffle(runs)
    return " ".join(runs[: random.randint(2, 8)])


def roughen(random: Random, text: str) -> str:
    """Roughen a text with typos and lost or swapped words, at times without capitals or periods; about as long."""
    words = text.split()
    if random.random() < 0.4:
        words = [word.lower() for word in words]
    elif random.random() < 0.1:
        words = [word.upper() for word in words]
    if random.random() < 0.4:
        words = [word.rstrip(".!?,") or word for word in words]
    rate = random.choice((0.1, 0.15, 0.25, 0.35))
    long = [index for index, word in enumerate(words) if len(word) > 3]
    hit = {index for index in long if random.random() < rate} or set(random.sample(long, min(1, len(long))))
    rough = [_typo(random, word) if index in hit else word for index, word in enumerate(words)]
    if len(rough) > 3 and random.random() < 0.5:
        for _ in range(random.randint(1, max(1, len(rough) // 5))):
            index = random.randrange(len(rough) - 1)
            if random.random() < 0.5:
                rough[index], rough[index + 1] = rough[index + 1], rough[index]
            else:
                rough[index] = rough[index + 1]
    return " ".join(rough)


def _typo(random: Random, word: str) -> str:
    """One letter swapped, lost, doubled or replaced; short words stay."""
    if len(word) < 3:
        return word
    index = random.randrange(len(word) - 1)
    way = random.randrange(4)
    if way == 0 and word[index] != word[index + 1]:
        return word[:index] + word[index + 1] + word[index] + word[index + 2 :]
    if way == 1:
        return word[:index] + word[index + 1 :]
    letter = word[index] if way == 2 else random.choice("abcdefghijklmnopqrstuvwxyz")
    return word[:index] + letter + word[index + (way == 3) :]
