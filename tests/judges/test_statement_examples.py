"""Statements for the NLI judge: labels that hold in the scenes, every kind and label, splits that share nothing."""

from collections import Counter

import numpy as np

from flamingo_lib.judges.nli import CONTRADICTION, ENTAILMENT, NEUTRAL
from flamingo_lib.judges.statement_examples import KINDS, statement_example, statement_examples

EXAMPLES = statement_examples(3, "train", 1200)


def test_every_kind_and_label_is_there():
    assert {example.kind for example in EXAMPLES} == set(KINDS)
    shares = np.bincount([example.label for example in EXAMPLES]) / len(EXAMPLES)
    assert shares[CONTRADICTION] > 0.2 and shares[ENTAILMENT] > 0.25 and shares[NEUTRAL] > 0.3
    labels = Counter((example.kind, example.label) for example in EXAMPLES)
    assert all(labels[kind, label] > 5 for kind in KINDS if kind != "courtesy" for label in range(3))


def test_splits_share_nothing_and_examples_come_again():
    test = statement_examples(3, "test", 300)
    assert not {(e.premise, e.hypothesis) for e in test} >= {(e.premise, e.hypothesis) for e in EXAMPLES[:300]}
    assert statement_example(3, "test", 7) == test[7] != statement_example(4, "test", 7)
