"""Statements for the NLI judge: labels that hold in the scenes, every kind and label, splits that share nothing."""

from collections import Counter

import numpy as np
import pytest

from flamingo_lib.judges.nli import CONTRADICTION, ENTAILMENT, NEUTRAL
from flamingo_lib.judges.statement_examples import KINDS, statement_example, statement_examples, statement_label
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.ground_truth import check
from flamingo_lib.scenes.language import paragraph
from flamingo_lib.seeding import generator
from flamingo_lib.sources.boxes import box_statements
from flamingo_lib.text import split_sentences

EXAMPLES = statement_examples(3, "train", 1200)


@pytest.mark.parametrize(
    ("premise", "hypothesis", "label"),
    [
        ("There is a large red ring at the top left.", "The top left shows a large red ring.", ENTAILMENT),
        ("There is a large red ring at the top left.", "There is a red ring.", ENTAILMENT),
        ("There is a large red ring at the top left.", "There is a small red ring at the top left.", CONTRADICTION),
        ("There is a large red ring at the top left.", "A red ring is in the center.", CONTRADICTION),
        ("There is a large red ring at the top left.", "There is a blue star at the top left.", CONTRADICTION),
        ("There is a large red ring at the top left.", "There is a blue star in the center.", NEUTRAL),
        ("There is a large red ring at the top left.", "There is no red ring in the image.", CONTRADICTION),
        ("the red ring", "A large red ring is in the center.", NEUTRAL),
        ("It is a ring.", "There is a yellow ring.", NEUTRAL),
        ("There are four objects in the image.", "The image shows three objects.", CONTRADICTION),
        ("There are four objects in the image.", "The image shows four objects.", ENTAILMENT),
        ("The red ring is above the blue star.", "The blue star is below the red ring.", ENTAILMENT),
        ("The red ring is above the blue star.", "The red ring is below the blue star.", CONTRADICTION),
        ("The red ring is above the blue star.", "The red ring is to the left of the blue star.", NEUTRAL),
        ("a red ring", "I hope this helps!", NEUTRAL),
    ],
)
def test_labels_of_plain_pairs(premise, hypothesis, label):
    assert statement_label(premise, hypothesis) == label


def test_what_boxes_entail_is_true_of_the_scene():
    told = 0
    for seed in range(40):
        scene, other = draw_scene(seed, "a"), draw_scene(seed + 1000, "b")
        statements = box_statements([item.box() for item in scene.objects])
        for sentence in split_sentences(paragraph(generator(seed, "p"), scene if seed % 2 else other, wrap=False)):
            labels = {statement_label(premise, sentence) for premise in statements}
            if ENTAILMENT in labels:
                told += 1
                assert check(scene, sentence).ok, sentence
            else:
                assert not check(scene, sentence).ok, sentence
    assert told > 60


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
