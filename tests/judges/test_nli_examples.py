"""Training examples of the tiny NLI judge: labels that hold, splits that share nothing."""

from collections import Counter

import numpy as np

from flamingo_lib.judges.nli import CONTRADICTION, ENTAILMENT, NEUTRAL
from flamingo_lib.judges.nli_examples import ANSWERS, KINDS, nli_example, nli_examples
from flamingo_lib.scenes.ground_truth import answer_kept, stated_answer
from flamingo_lib.scenes.questions import QUESTION_TYPES, parse_question

NLI = nli_examples(3, "train", 600)


def test_labels_agree_with_the_truth_reader():
    right = Counter()
    for example in NLI:
        question = parse_question(example.question)
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
    for example in NLI:
        if example.kind == "no answer":
            assert stated_answer(parse_question(example.question), example.rewrite) is None


def test_examples_depend_on_their_key_alone():
    assert NLI[17] == nli_example(3, "train", 17) != nli_example(3, "test", 17) != nli_example(4, "test", 17)
