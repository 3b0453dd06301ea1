"""The rule for data of any kind: which instructions are questions, and what of a target its draft does not say."""

import pytest

from flamingo_lib.training.unsaid import WordOverlap

RULE = WordOverlap()


@pytest.mark.parametrize(
    ("instruction", "is_question"),
    [
        ("What is the man holding?", True),
        ("Is there a dog in the picture?", True),
        ("How many people are there?", True),
        ("Describe the image in detail.", False),
        ("What do you see in this picture?", False),
        ("Why is the man smiling?", False),
        ("Name the animal.", False),
    ],
)
def test_questions_are_told_from_descriptions_and_reasons(instruction, is_question):
    assert RULE.is_question(instruction) is is_question


def test_the_answer_and_courtesies_stay():
    target = "Great question! The umbrella is green. A dog sits beside it. Have a nice day!"
    assert RULE.drop_unsaid(target, "green") == "Great question! The umbrella is green. Have a nice day!"
    assert RULE.drop_unsaid(target, "green umbrella, dog sits beside") == target


def test_numbers_that_the_draft_lacks_go():
    target = "The sign says stop. It says it 4 times."
    assert RULE.drop_unsaid(target, "the sign says stop") == "The sign says stop."


def test_a_target_that_shares_no_word_keeps_its_first_sentence():
    assert RULE.drop_unsaid("It is cold. Snow lies around.", "winter") == "It is cold."
    assert RULE.drop_unsaid("", "winter") == ""
