"""Broken responses: every way breaks the text as it says."""

import pytest

from flamingo_lib.judges.degenerate_text import leaks, most_repeated
from flamingo_lib.judges.reward_faults import BROKEN_KINDS, break_text, roughen
from flamingo_lib.seeding import generator

TEXT = "Of course! There is a large red circle at the top left. I hope this helps!"
OTHER, RAW = "The black star is to the left of the blue ring.", "red circle"
BOXES = ["red circle: [0.100, 0.200, 0.300, 0.400]"]


def broken(kind, count=60):
    return [break_text(generator(0, kind, index), kind, TEXT, RAW, OTHER, BOXES) for index in range(count)]


@pytest.mark.parametrize("kind", BROKEN_KINDS)
def test_every_way_changes_the_text(kind):
    texts = broken(kind)
    assert all(text and text != TEXT for text in texts) and len(set(texts)) > 20 - 15 * (kind in ("leak", "cut"))


def test_faults_are_what_they_are_called():
    assert all(leaks(text) for text in broken("leak"))
    assert all(most_repeated(text)[0] >= 2 for text in broken("loop"))
    assert all(TEXT.startswith(text) and text[-1] not in ".!" for text in broken("cut"))
    assert all(RAW in text for text in broken("chatter"))
    known = set(f"{TEXT} {OTHER} {RAW}".split())
    assert all(set(text.split()) <= known for text in broken("salad"))


def test_roughening_changes_and_keeps_the_length():
    rough = [roughen(generator(0, "rough", number), TEXT) for number in range(200)]
    assert sum(one == TEXT for one in rough) <= 2
    assert all(abs(len(one.split()) - len(TEXT.split())) <= 1 for one in rough)
    assert roughen(generator(0, "rough"), "") == ""
