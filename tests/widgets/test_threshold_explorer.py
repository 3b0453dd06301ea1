"""The threshold explorer: funnel, precision and recall, and neighbours follow the thresholds."""

from __future__ import annotations

import pytest

from flamingo_lib.config import FiltersConfig
from flamingo_lib.filters.verdict import dropped, passed
from flamingo_lib.records import Rewrite, Sample
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.language import paragraph
from flamingo_lib.seeding import generator
from flamingo_lib.widgets.inspector import Inspector
from flamingo_lib.widgets.threshold_explorer import (
    Scored,
    ThresholdExplorer,
    explorer_view,
    is_dropped,
    precision_and_recall,
    scored_records,
)

RECORDS = [Scored(f"raw {n}", f"answer {n}", {"nli": n - 5.0}, {"nli": n >= 7}) for n in range(10)]
RECORDS += [Scored("caption", "A ring.", {"sts": 0.5, "clip": 20.0}, {"sts": False, "clip": False})]
START = {"sts": 0.4, "clip": 17.0, "nli": 0.0}


def test_margins_are_dropped_above_and_similarities_below():
    assert is_dropped("nli", 1.0, 0.0) and not is_dropped("nli", 0.0, 0.0)
    assert is_dropped("sts", 0.3, 0.4) and not is_dropped("clip", 17.0, 17.0)


@pytest.mark.parametrize(("threshold", "expected"), [(0.0, (4, 3, 3)), (3.0, (1, 3, 1)), (-9.0, (10, 3, 3))])
def test_precision_and_recall(threshold, expected):
    assert precision_and_recall(RECORDS, "nli", threshold) == expected


def test_the_view_shows_funnel_rates_and_neighbours():
    shown = explorer_view(RECORDS, START, "nli", shown=3)
    assert "7 (−4)" in shown and "0.750 [" in shown and "1.000 [" in shown
    assert (
        "answer 5" in shown
        and "answer 9" not in shown
        and "drop" in shown
        and "faulty" not in shown.split("nearest")[1]
    )
    assert "10 (−1)" in explorer_view(RECORDS, START | {"sts": 0.6}, "nli")


def test_sliders_draw_again():
    explorer = ThresholdExplorer(RECORDS, FiltersConfig())
    before = explorer.view.value
    explorer.sliders["nli"].value = 3.0
    assert explorer.view.value != before and "10 (−1)" in explorer.view.value
    assert "<img" in explorer._repr_mimebundle_()["text/html"]


def test_scores_come_from_verdicts_and_faults_from_the_scene():
    scene = draw_scene(0, "explorer", count=2)

    class Index:
        def scene(self, image, source):
            return scene

    sample = Sample("a/1", "a", "caption", ("a.png",), "Describe.", "two objects")
    text = paragraph(generator(0, "explorer"), scene)
    judged = [
        Rewrite(sample, text, verdicts=(passed("length", 9), passed("sts", 0.9), passed("clip", 30.0))),
        Rewrite(sample, "Everything is fine.", verdicts=(dropped("sts", "other", 0.1),)),
        Rewrite(sample, "", verdicts=(dropped("length", "none", 0),)),
    ]
    good, bad = scored_records(judged, Index())
    assert good.scores == {"sts": 0.9, "clip": 30.0} and not any(good.faulty.values())
    assert bad.scores == {"sts": 0.1} and bad.faulty == {"sts": True}


def test_the_inspector_keeps_its_first_record():
    sample = Sample("a/1", "a", "vqa", (), "What color?", "red")
    assert "What color?" in Inspector([Rewrite(sample, "It is red.")])._repr_mimebundle_()["text/html"]
