"""Checks of notebook 06: right answers pass, typical slips are named."""

import numpy as np
import pytest

from flamingo_lib.media import attended_images
from flamingo_lib.teaching import check
from flamingo_lib.training.packing.plan import Sizes
from flamingo_lib.training.packing.strategies import STRATEGIES, plan_windows


def random_fill(lengths, capacity, random):
    windows = []
    for first in range(len(lengths)):
        window = [first]
        while sum(lengths[index] for index in window) < capacity:
            window.append(random.randrange(len(lengths)))
        windows.append(window)
    return windows


def half_filled(lengths, capacity, random):
    return [[index] for index in range(len(lengths))]


def overfilled(lengths, capacity, random):
    return [[*window, 0] for window in random_fill(lengths, capacity, random)]


def test_random_fill():
    assert check.ex_06_1(random_fill)
    assert "draw until it is full" in check.ex_06_1(half_filled).text
    assert "full before its last sample" in check.ex_06_1(overfilled).text
    assert "begins one window" in check.ex_06_1(lambda *inputs: random_fill(*inputs)[1:]).text


def fitted(lengths, capacity, order, choose):
    windows, rooms = [], []
    for index in order:
        fitting = [number for number, room in enumerate(rooms) if room >= lengths[index]]
        if not fitting:
            windows.append([])
            rooms.append(capacity)
            fitting = [len(rooms) - 1]
        number = choose(fitting, key=rooms.__getitem__)
        windows[number].append(index)
        rooms[number] -= lengths[index]
    return windows


def best_fit(lengths, capacity):
    return fitted(lengths, capacity, sorted(range(len(lengths)), key=lambda index: -lengths[index]), min)


def worst_fit(lengths, capacity):
    return fitted(lengths, capacity, sorted(range(len(lengths)), key=lengths.__getitem__), max)


def test_best_fit():
    assert check.ex_06_2(best_fit)
    assert "take the longest first" in check.ex_06_2(worst_fit).text
    assert "nothing is cut" in check.ex_06_2(lambda lengths, capacity: [list(range(len(lengths)))]).text
    assert "are in no window" in check.ex_06_2(lambda lengths, capacity: [[0]]).text


def bound(turns, image):
    attended, first = [], 0
    for turn in turns:
        attended += attended_images(turn, image, "preceding", first)
        first += turn.count(image)
    return attended


def unbounded(turns, image):
    return attended_images([token for turn in turns for token in turn], image, "preceding")


def renumbered(turns, image):
    return [value for turn in turns for value in attended_images(turn, image, "preceding")]


def test_attention_within_a_turn():
    assert check.ex_06_3(bound)
    assert "sees that of an earlier turn" in check.ex_06_3(unbounded).text
    assert "number images over the window" in check.ex_06_3(renumbered).text


def test_fill():
    assert check.ex_06_4(lambda lengths, windows, context: sum(lengths) / (windows * context))
    assert "number of windows" in check.ex_06_4(lambda lengths, windows, context: sum(lengths) / context).text
    assert "not 1.000" in check.ex_06_4(lambda lengths, windows, context: 1.0).text


def test_foreign_images():
    assert check.ex_06_5(lambda turns, image: sum(map(int.__ne__, bound(turns, image), unbounded(turns, image))))
    seeing = check.ex_06_5(lambda turns, image: sum(value > 0 for value in unbounded(turns, image)))
    assert "of another turn" in seeing.text
    assert "not 0" in check.ex_06_5(lambda turns, image: 0).text


@pytest.fixture
def sizes():
    tokens = np.random.default_rng(0).integers(10, 30, 50)
    return Sizes(tokens, np.zeros(50, int), np.full(50, 2), tokens - 2)


def test_plan_at_half_length(sizes):
    settings = {"max_images": 4, "header": 4, "seed": 0}
    right = {
        name: round(plan_windows(sizes, strategy=name, context_length=64, **settings).report(sizes).fill, 2)
        for name in STRATEGIES
    }
    assert check.ex_06_6(right, sizes, 64, **settings)
    assert "not 0.100" in check.ex_06_6(right | {"none": 0.1}, sizes, 64, **settings).text
    assert "best_fit is missing" in check.ex_06_6({"none": 0.3, "random_fill": 1}, sizes, 64, **settings).text
    assert "give a dictionary" in check.ex_06_6([0.3], sizes, 64, **settings).text
