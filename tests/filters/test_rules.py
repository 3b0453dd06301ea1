"""Length, change, repetition and preamble, each on texts written by hand."""

import pytest

from flamingo_lib.filters.rules import ChangeFilter, LengthFilter, PreambleFilter, RepetitionFilter
from flamingo_lib.judges.degenerate_text import leaks, most_repeated

from .helpers import rewrite


def verdict(filter, *args, **kwargs):
    return filter([rewrite(*args, **kwargs)])[0].verdict


def test_length_counts_words():
    filter = LengthFilter(3, 5)
    texts = ("It is", "It is red", "It is red and blue", "It is red and blue too", "")
    assert [verdict(filter, text).keep for text in texts] == [
        False, True, True, False, False,
    ]  # fmt: skip
    assert verdict(filter, "one").score == 1 and verdict(filter, "one").threshold == 3
    assert verdict(filter, "a b c d e f").threshold == 5
    cut = verdict(filter, "It is red", flags=("truncated",))
    assert not cut.keep and "cut off" in cut.reason
    assert verdict(filter, "", flags=("unreadable_image",)).reason == "no output: unreadable_image"


def test_change_drops_what_was_left_alone():
    filter = ChangeFilter(0.9)
    assert not verdict(filter, "Red.", raw="red").keep
    assert not verdict(filter, "a man on a horse", raw="A man on a  horse!").keep
    assert verdict(filter, "The circle is red.", raw="red").keep
    nearly = "a small red circle and a big blue square at the top left of it"
    assert not verdict(filter, nearly, raw=nearly.replace("big", "large")).keep
    assert not verdict(filter, "猫が寝ている", raw="猫が寝ている").keep
    assert verdict(filter, "猫が寝ています", raw="猫が寝ている").keep


def test_change_keeps_the_score():
    outcome = ChangeFilter(0.98)([rewrite("The circle is red", raw="red circle")])[0]
    assert outcome.scores["rouge_score"] == pytest.approx(2 / 6) == outcome.verdict.score


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("It is a cat.", 1),
        ("There is a ring. It is red. There is a ring. There is a ring.", 3),
        ("very very very very good", 4),
        ("the red the red the red the red the red", 5),
        ("a small red ring a small red ring a small red ring", 3),
        ("I see a red ring and a red circle and a red star and a red cross.", 1),
        ("", 0),
    ],
)
def test_repetitions_are_counted(text, times):
    assert most_repeated(text)[0] == times


def test_repetition_filter():
    filter = RepetitionFilter(3)
    assert verdict(filter, "No. No. No. It is red.").keep
    drop = verdict(filter, "a ring, " * 20)
    assert not drop.keep and drop.score == 20 and "ring" in drop.reason
    assert not verdict(filter, "It is red.", flags=("repetition",)).keep


@pytest.mark.parametrize(
    "text",
    [
        "The followings are specific object locations within the image, along with detailed coordinates.",
        "A ring. ring: [0.1, 0.25, 0.3, 1.0]",
        "(Revised Response): A ring.",
        "A ring.\n### Human: And?",
        "### Assistent: yes",
        "See <image>.",
    ],
)
def test_leaks_are_dropped(text):
    drop = verdict(PreambleFilter(), text)
    assert not drop.keep and drop.score >= 1 and drop.reason.startswith("leaked")


def test_no_leak_in_ordinary_texts():
    assert leaks("The object at [the left] (a ring) costs 3 < 5, see #1: 0.5, 0.2.") == []
    assert verdict(PreambleFilter(), "The objects are at specific places.").keep
    assert not verdict(PreambleFilter(), "A ring.", flags=("leaked_preamble",)).keep
