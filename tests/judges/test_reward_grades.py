"""Politeness grades read from a response's parts."""

import pytest

from flamingo_lib.judges.reward_grades import grade_name, has_reason, polite_grade, polite_parts

OPENER, ANSWER, FACT, CLOSER, OFFER = (
    "Thank you for asking!", "The ring is red.", "It is quite large.", "Have a great day!",
    "Please let me know if you need more help.",
)  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "grade", "name"),
    [
        ((ANSWER,), 2, "plain"),
        ((OPENER, ANSWER), 2.25, "wrapped"),
        ((ANSWER, OFFER), 2.25, "wrapped"),
        ((OPENER, ANSWER, CLOSER), 2.5, "wrapped"),
        ((ANSWER, FACT), 3, "supported"),
        ((ANSWER, FACT, FACT), 3, "supported"),
        ((ANSWER, FACT, CLOSER), 3.25, "supported"),
        ((OPENER, ANSWER, FACT), 3.5, "supported"),
        ((OPENER, ANSWER, FACT, CLOSER), 3.75, "helpful"),
        ((OPENER, ANSWER, FACT, OFFER), 4, "helpful"),
    ],
)
def test_each_part_adds_its_share(parts, grade, name):
    assert polite_grade(" ".join(parts)) == grade
    assert grade_name(grade) == name


def test_a_reason_within_the_sentence_supports_it():
    assert has_reason("The cat is larger, so it wins.") and has_reason("It is so, since I say it.")
    assert not has_reason("It is so.")
    assert polite_grade("5 is the larger one, since it is larger than 3.") == 3


def test_the_caller_may_say_whether_it_is_supported():
    assert polite_grade(f"{ANSWER} The color of the ring is red.", supported=False) == 2


def test_the_same_words_open_and_close():
    parts = polite_parts(f"{OPENER} {ANSWER} {OPENER}")
    assert (parts.openers, parts.statements, parts.closings) == ((OPENER,), (ANSWER,), (OPENER,))
