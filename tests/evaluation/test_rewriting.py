"""Rewriter metrics by task, on scenes whose truth is known."""

import json

import pytest

from flamingo_lib.evaluation.rewriting import by_task_html, rewriter_by_task, task_fulfilled
from flamingo_lib.records import Box, Rewrite, Sample, Verdict
from flamingo_lib.scenes.graph import Scene, SceneObject
from flamingo_lib.scenes.index import GRAPHS, TruthIndex

CIRCLE = SceneObject("circle", "red", "large", 0, 0.17, 0.17, 0.13)
STAR = SceneObject("star", "black", "small", 8, 0.83, 0.83, 0.08)


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """A large red circle at the top left and a small black star at the bottom right; then the star is gone."""
    folder = tmp_path_factory.mktemp("truth")
    lines = [
        {"scene": Scene("a", (CIRCLE, STAR)).to_json(), "pool": "evaluation", "images": ["s/1.png"]},
        {"scene": Scene("b", (CIRCLE,)).to_json(), "pool": "evaluation", "images": ["s/2.png"]},
    ]
    (folder / GRAPHS).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return TruthIndex(folder)


def sample(task, raw="", instruction="Describe it.", boxes=(), **meta):
    images = ("1.png", "2.png") if task == "change" else ("1.png",)
    return Sample(f"s/{task}", "s", task, images, instruction, raw, boxes, meta=meta)


REGION = sample("region", "the star", boxes=(Box("black star", 0.7, 0.7, 0.9, 0.9),))
CLASS = sample("classification", "It is a star.", labels=["star"])
VQA = sample("vqa", "red", "What color is the circle?")


@pytest.mark.parametrize(
    ("sample", "text", "fulfilled", "false"),
    [
        (sample("caption"), "There is a large red circle at the top left.", True, False),
        (sample("caption"), "There is a large red circle in the center.", True, True),
        (sample("caption"), "I am happy to help!", False, False),
        (REGION, "This is the black star at the bottom right.", True, False),
        (REGION, "This is the red circle at the top left.", False, False),
        (CLASS, "The image shows a small black star.", True, False),
        (CLASS, "The image shows a red circle.", False, False),
        (sample("change", "star gone"), "The black star is gone.", True, False),
        (sample("change", "star gone"), "The red circle is gone.", False, True),
        (sample("change", "star gone"), "There is a large red circle at the top left.", False, False),
        (sample("change", "star gone"), "The black star is gone. There is a green ring at the left.", False, True),
        (VQA, "The circle is red.", True, False),
        (VQA, "The circle is blue.", False, True),
    ],
)
def test_each_task_is_held_against_its_own_truth(index, sample, text, fulfilled, false):
    assert task_fulfilled(sample, text, index) == (fulfilled, false)


def test_shares_by_task_before_and_after_the_filters(index):
    drop = (Verdict(False, "claims"),)
    rewrites = [
        Rewrite(REGION, "This is the black star at the bottom right."),
        Rewrite(REGION, "This is the black star in the center."),
        Rewrite(REGION, "This is the black star in the center.", verdicts=drop),
        Rewrite(REGION, "This is the small black star.", verdicts=drop),
        Rewrite(sample("change", "star gone"), "There is a red circle.", verdicts=drop),
    ]
    figures = rewriter_by_task(rewrites, index)
    assert figures["region"] == {
        "records": 4, "right": 0.5, "false_claim": 0.5, "kept": 0.5,
        "kept_right": 0.5, "kept_false_claim": 0.5, "right_kept": 0.5,
    }  # fmt: skip
    assert (
        figures["change"]["right"] == 0 and figures["change"]["kept_right"] is figures["change"]["right_kept"] is None
    )
    shown = str(by_task_html(figures))
    assert "not good on these tasks: change." in shown and "region" in shown
    assert rewriter_by_task([], index) == {}
