"""Labels of plain statements: worked out by hand, and held against scenes."""

import pytest

from flamingo_lib.judges.nli import CONTRADICTION, ENTAILMENT, NEUTRAL
from flamingo_lib.judges.statement_labels import statement_label
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.ground_truth import check
from flamingo_lib.scenes.language import paragraph
from flamingo_lib.seeding import generator
from flamingo_lib.sources.boxes import box_statements
from flamingo_lib.text import split_sentences


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
        ("There is a large red ring at the top left.", "I can see a red ring at the top left.", ENTAILMENT),
        ("a red ring and a blue star", "I can see a red ring in the center and a blue star below it.", NEUTRAL),
        ("a blue star", "I can see a red ring at the top left and a red ring at the top left.", CONTRADICTION),
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
