"""Training examples of the tiny NLI judge: labels that hold, splits that share nothing."""

from collections import Counter

import numpy as np

from flamingo_lib.errors import DataError
from flamingo_lib.judges.nli import CONTRADICTION, ENTAILMENT, NEUTRAL
from flamingo_lib.judges.nli_examples import ANSWERS, KINDS, nli_example, nli_examples
from flamingo_lib.scenes.ground_truth import answer_kept, stated_answer
from flamingo_lib.scenes.questions import QUESTION_TYPES, parse_question


def question_of(example):
    """The Scenes question asked; None of a statement to be checked."""
    try:
        return parse_question(example.question)
    except DataError:
        return None


NLI = nli_examples(3, "train", 900)
ASKED = [(question, example) for example in NLI if (question := question_of(example)) is not None]


def test_labels_agree_with_the_truth_reader():
    right = Counter()
    for question, example in ASKED:
        if example.kind == "reasoned torn":  # the conclusion is the annotation's, its evidence is not
            continue
        kept = answer_kept(question, example.original.removeprefix("Answer: ").partition(".")[0], example.rewrite)
        right[example.label, kept] += 1
    assert right[ENTAILMENT, True] / (right[ENTAILMENT, True] + right[ENTAILMENT, False]) > 0.97
    assert right[CONTRADICTION, True] + right[NEUTRAL, True] <= 0.02 * len(NLI)


def test_every_kind_type_and_label_is_there():
    assert {example.kind for example in NLI} == set(KINDS)
    assert {example.type for example in NLI} == set(QUESTION_TYPES) == set(ANSWERS)
    shares = np.bincount([example.label for example in NLI]) / len(NLI)
    assert shares[CONTRADICTION] > 0.3 and shares[ENTAILMENT] > 0.3 and shares[NEUTRAL] > 0.03


def test_the_original_alone_does_not_tell_the_label():
    """Given only the curt original, contradiction is about as frequent as without it."""
    rates = [
        np.mean([example.label == CONTRADICTION for example in NLI if example.original.lower().rstrip(".") == answer])
        for answer in ("yes", "no", "red", "small", "large", "left", "right", "1", "2")
        if sum(example.original.lower().rstrip(".") == answer for example in NLI) > 15
    ]
    assert rates and all(0.2 < rate < 0.75 for rate in rates)


def test_no_answer_really_gives_none():
    for question, example in ASKED:
        if example.kind in ("no answer", "curt vague"):
            assert stated_answer(question, example.rewrite) is None and example.label == NEUTRAL


def test_curt_answers_are_held_against_curt_ones_and_sentences():
    curt = [example for example in NLI if example.kind in ("curt same", "curt other")]
    assert len(curt) > 80 and all(len(example.rewrite.split()) <= 5 for example in curt)
    assert all((example.label == ENTAILMENT) == (example.kind == "curt same") for example in curt)
    words = [len(example.original.split()) for example in curt]
    assert sum(count <= 2 for count in words) > 20 and sum(count >= 5 for count in words) > 20


def test_right_answers_may_give_their_reason():
    """Dialogues do, and the judge must not take the reason for another answer."""
    right = [example.rewrite for example in NLI if example.kind == "same"]
    for start in ("I counted", " only s", " and the "):
        assert any(start in text for text in right), start


def test_answers_stand_behind_their_evidence():
    kinds = Counter(example.kind for example in NLI if ", so " in example.rewrite)
    assert kinds["reasoned same"] > 40 and kinds["reasoned other"] > 25 and kinds["reasoned torn"] > 10
    labels = {example.kind: example.label for example in NLI if example.kind.startswith("reasoned")}
    assert labels == {"reasoned same": ENTAILMENT, "reasoned other": CONTRADICTION, "reasoned torn": CONTRADICTION}


def test_examples_depend_on_their_key_alone():
    assert NLI[17] == nli_example(3, "train", 17) != nli_example(3, "test", 17) != nli_example(4, "test", 17)
