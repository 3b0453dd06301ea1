"""Answers by style for an NLI judge's sensitivity and specificity."""

import numpy as np

from flamingo_lib.judges.judge_metrics import style_errors
from flamingo_lib.judges.nli import CONTRADICTION, ENTAILMENT
from flamingo_lib.judges.nli_styles import REFERENCES, STYLES, StyledAnswer, styled_answers
from flamingo_lib.scenes.ground_truth import stated_answer
from flamingo_lib.scenes.language import REASONED
from flamingo_lib.scenes.questions import parse_question

ANSWERS = styled_answers(12, 80)


def test_half_of_the_answers_are_right_and_say_so_to_the_truth_reader():
    assert all(sum(item.right for item in ANSWERS if item.style == style) > 20 for style in STYLES)
    agree = [
        item.right == (stated_answer(question, item.response) == stated_answer(question, item.reference))
        for item in ANSWERS
        for question in (parse_question(item.question),)
    ]
    assert np.mean(agree) > 0.97


def test_styles_differ_in_length_and_meet_both_references():
    words = {
        style: np.median([len(item.response.split()) for item in ANSWERS if item.style == style]) for style in STYLES
    }
    assert words["curt"] <= 3 < words["sentence"] < words["full answer"] < words["behind its evidence"]
    assert {(item.style, item.against) for item in ANSWERS} == {(one, other) for one in STYLES for other in REFERENCES}


def test_answers_behind_their_evidence_are_to_questions_that_have_some():
    some = [item for item in ANSWERS if item.style == "behind its evidence"]
    assert {parse_question(item.question).type for item in some} == set(REASONED)
    assert all(", so " in item.response for item in some)


def test_errors_are_counted_by_style_and_reference():
    def judge(questions, references, responses):
        """Calls everything entailed but what says no."""
        logits = np.zeros((len(questions), 3))
        labels = [CONTRADICTION if text.startswith("No") else ENTAILMENT for text in responses]
        logits[np.arange(len(labels)), labels] = 1
        return logits

    rows = [
        StyledAnswer("Is it?", "yes", text, right, "curt", REFERENCES[0])
        for text, right in (("Yes", True), ("No idea", True), ("No", False), ("Yes.", False), ("No.", False))
    ]
    rows += [
        StyledAnswer("Is it?", "yes", text, right, "sentence", REFERENCES[1])
        for text, right in (("Sure, yes.", True), ("No, it is not.", False))
    ]
    figures = style_errors(judge, rows)
    assert figures["curt, curt reference"] == {"sensitivity": 0.5, "specificity": 0.6667, "answers": 5}
    assert figures["sentence, reference sentence"] == {"sensitivity": 1.0, "specificity": 1.0, "answers": 2}


def test_answers_depend_on_the_seed_alone():
    first = styled_answers(12, 3)
    assert first == ANSWERS[: len(first)] != styled_answers(13, 3)
