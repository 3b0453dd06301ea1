"""Checks of notebook 06: random fill, best fit, attention within a turn, fill, a plan at half length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from ..media import attended_images
from ..training.packing.plan import Sizes
from ..training.packing.strategies import STRATEGIES, plan_windows
from .model import IMAGE
from .outcome import call, exercise, number, require, shown

CAPACITY = 64


def _lengths(seed: int) -> list[int]:
    random = Random(seed)
    return [random.randint(4, 40) for _ in range(60)]


def _windows(value: Any, samples: int) -> list[list[int]]:
    """A reader's windows as lists of sample indices, checked for shape."""
    require(isinstance(value, (list, tuple)) and len(value), f"return a list of windows, not {shown(value)}")
    require(all(len(window) for window in value), "a window is empty")
    windows = [[int(index) for index in window] for window in value]
    wrong = [index for window in windows for index in window if not 0 <= index < samples]
    require(not wrong, f"windows hold indices of samples, 0 to {samples - 1}, and not {wrong[:1]}")
    return windows


@exercise("06.1")
def ex_06_1(random_fill: Callable[[list[int], int, Random], list[list[int]]]) -> str:
    """Random fill, the paper's: each sample begins a window, and random others follow until it is full.

    Args:
        random_fill: from lengths, a capacity and a generator to windows of sample indices; the last of a window is cut.
    """
    followers: set[int] = set()
    for seed in range(3):
        lengths = _lengths(seed)
        windows = _windows(call(random_fill, list(lengths), CAPACITY, Random(seed)), len(lengths))
        require(
            sorted(window[0] for window in windows) == list(range(len(lengths))),
            f"each of the {len(lengths)} samples begins one window; yours are {len(windows)} windows",
        )
        for window in windows:
            before = sum(lengths[index] for index in window[:-1])
            whole = before + lengths[window[-1]]
            told = f"window {window} of lengths {[lengths[index] for index in window]}"
            require(before < CAPACITY, f"{told} is full before its last sample: stop at {CAPACITY} tokens")
            require(whole >= CAPACITY, f"{told} has room left: draw until it is full; the last sample is cut")
            followers.update(window[1:])
        again = _windows(call(random_fill, list(lengths), CAPACITY, Random(seed)), len(lengths))
        require(windows == again, "the same generator gives two plans: draw from the one you are given")
    require(len(followers) > 30, f"only {len(followers)} samples ever follow another: draw from all of them")
    return "every sample begins a window, and every window is full; the last sample of each is cut."


@exercise("06.2")
def ex_06_2(best_fit: Callable[[list[int], int], list[list[int]]]) -> str:
    """Best fit: whole samples, longest first, each where it leaves the least room.

    Args:
        best_fit: from lengths and a capacity to windows of sample indices.
    """
    for seed in range(5):
        lengths = _lengths(seed)
        windows = _windows(call(best_fit, list(lengths), CAPACITY), len(lengths))
        used = [index for window in windows for index in window]
        twice = sorted({index for index in used if used.count(index) > 1})
        require(not twice, f"sample {twice[:1]} stands in two windows")
        require(len(used) == len(lengths), f"{len(lengths) - len(used)} of {len(lengths)} samples are in no window")
        for window in windows:
            total = sum(lengths[index] for index in window)
            require(total <= CAPACITY, f"window {window} holds {total} tokens, more than {CAPACITY}: nothing is cut")
        expected, least = _best_fit_count(lengths), -(-sum(lengths) // CAPACITY)
        told = f"{len(windows)} windows; best fit needs {expected}, and no plan fewer than {least}"
        require(
            len(windows) <= expected, f"{told}: take the longest first, and the window with the least room that fits"
        )
    return (
        f"no more windows than best fit in decreasing order; the bound is the tokens divided by {CAPACITY}, rounded up."
    )


def _best_fit_count(lengths: Sequence[int]) -> int:
    rooms: list[int] = []
    for length in sorted(lengths, reverse=True):
        fitting = [room for room in rooms if room >= length]
        if fitting:
            rooms.remove(min(fitting))
        rooms.append((min(fitting) if fitting else CAPACITY) - length)
    return len(rooms)


def _rows(seed: int) -> list[list[list[int]]]:
    """Windows of two to four turns of token ids, with none, one or two images each."""
    random = Random(seed)

    def turn() -> list[int]:
        return [IMAGE] * random.choice((0, 1, 1, 2)) + [random.randint(1, 5) for _ in range(random.randint(2, 6))]

    return [[turn() for _ in range(random.randint(2, 4))] for _ in range(30)]


def _bound(turns: Sequence[Sequence[int]]) -> list[int]:
    attended, first = [], 0
    for turn in turns:
        attended += attended_images(turn, IMAGE, "preceding", first)
        first += sum(token == IMAGE for token in turn)
    return attended


@exercise("06.3")
def ex_06_3(attended_image: Callable[[list[list[int]], int], list[int]]) -> str:
    """Attention within a turn: each token attends to the latest image of its own turn, 0 if that has none.

    Args:
        attended_image: from a window's turns (token ids each) and the image token's id to one list for the window;
            images are numbered over the whole window.
    """
    for turns in _rows(0):
        given: list[int] = [int(value) for value in call(attended_image, [list(turn) for turn in turns], IMAGE)]
        expected, whole = _bound(turns), attended_images([t for turn in turns for t in turn], IMAGE, "preceding")
        if given == expected:
            continue
        require(len(given) == len(expected), f"{turns} has {len(expected)} tokens, and you give {len(given)} values")
        require(
            given != whole, f"in {turns} a turn without an image sees that of an earlier turn: it should see none (0)"
        )
        alone = [value for turn in turns for value in attended_images(turn, IMAGE, "preceding")]
        require(given != alone, f"number images over the window, not anew in each turn: {expected} for {turns}")
        require(False, f"for {turns} it is {expected}, and you give {given}")
    return "no token sees an image of another sample, although they share a window."


@exercise("06.4")
def ex_06_4(fill: Callable[[list[int], int, int], float]) -> str:
    """Fill of a plan: the share of window positions that hold a token.

    Args:
        fill: from the windows' lengths, their number and the context length to a share, 0 to 1.
    """
    for lengths, context in (([64, 32, 64], 64), ([10], 64), ([60, 61, 62, 63], 64)):
        given = number(call(fill, list(lengths), len(lengths), context))
        expected = sum(lengths) / (len(lengths) * context)
        require(
            abs(given - sum(lengths) / context) > 1e-9 or len(lengths) == 1, "divide by the number of windows as well"
        )
        require(
            abs(given - expected) < 1e-9,
            f"lengths {lengths} in windows of {context} fill {expected:.3f} of them, not {given:.3f}",
        )
    return "the share of window positions that hold a token, padding left out of the count."


@exercise("06.5")
def ex_06_5(count: Callable[[list[list[int]], int], int]) -> str:
    """Foreign images under the unbounded rule: tokens that see another sample's image if turns don't bound attention.

    Args:
        count: from a window's turns and the image token's id to the number of such tokens.
    """
    for turns in _rows(1):
        whole = attended_images([token for turn in turns for token in turn], IMAGE, "preceding")
        bound = _bound(turns)
        expected = sum(a != b for a, b in zip(whole, bound, strict=True))
        given = int(number(call(count, [list(turn) for turn in turns], IMAGE)))
        require(
            given != sum(value > 0 for value in whole) or given == expected,
            f"in {turns} {given} tokens see an image; count those whose image is of another turn ({expected})",
        )
        require(
            given == expected, f"in {turns} it is {expected}, not {given}: turns without an image see an earlier one's"
        )
    return "these tokens would be trained to answer from a picture that isn't theirs."


@exercise("06.6")
def ex_06_6(fill: Mapping[str, float], sizes: Sizes, context_length: int, **settings: Any) -> str:
    """Plan at another context length: the fill of each packing strategy.

    Args:
        fill: strategy to fill, 0 to 1, to two decimals.
        sizes: what the samples measure.
        context_length: tokens in a window.
        settings: of `plan_windows`: ``max_images``, ``header``, ``seed``, ``batch_size``.
    """
    require(isinstance(fill, Mapping), f"give a dictionary of strategy to fill, not {shown(fill)}")
    missing = [name for name in STRATEGIES if name not in fill]
    require(not missing, f"the fill of {', '.join(missing)} is missing")
    expected = {}
    for name in STRATEGIES:
        expected[name] = (
            plan_windows(sizes, strategy=name, context_length=context_length, **settings).report(sizes).fill
        )
        given = number(fill[name], f"the fill of {name}")
        require(given <= 1, f"the fill of {name} is a share from 0 to 1, not {given:.3g}")
        require(
            abs(given - expected[name]) < 0.01,
            f"{name} fills {expected[name]:.3f} of {context_length}, not {given:.3f}",
        )
    return "; ".join(f"{name} {value:.2f}" for name, value in expected.items()) + f" at {context_length} tokens."
