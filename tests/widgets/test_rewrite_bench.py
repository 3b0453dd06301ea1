"""The rewrite bench: what it gives the rewriter to read, what the judges say, and what it does not ask for twice."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.judges.panel import Judges
from flamingo_lib.records import Sample
from flamingo_lib.widgets.rewrite_bench import RewriteBench, rewrite_view

SAMPLES = [
    Sample("vqa-v2/1", "vqa-v2", "vqa", ("a.png",), "What color is the ring?", "red"),
    Sample("vqa-v2/2", "vqa-v2", "vqa", ("b.png",), "What color is the star?", "blue"),
    Sample("ultrachat/3", "ultrachat", "instruction", (), "Tell me a word.", "word"),
]
COLOURS = {"a.png": "red", "b.png": "blue"}


def opened(sample):
    return [Image.new("RGB", (8, 8), COLOURS[path]) for path in sample.images]


class Writer:
    """Tells what it was given."""

    def __init__(self):
        self.calls = []

    def __call__(self, sample, images, temperature, seed):
        self.calls.append((sample.raw, [image.getpixel((0, 0)) for image in images], temperature, seed))
        return f"The answer is {sample.raw}."


def judges():
    return Judges(
        nli=lambda questions, originals, rewrites: np.array([[0.0, np.log(3.0), -50.0]]),
        reward=lambda instructions, responses: np.array([-1.25, 2.5]),
    )


@pytest.fixture
def bench():
    return RewriteBench(Writer(), SAMPLES, opened, judges())


def test_a_rewrite_is_judged():
    shown = rewrite_view(SAMPLES[0], "The ring is red.", opened(SAMPLES[0]), judges())
    assert "contradicts 25%, entails 75%" in shown and "draft -1.25, rewrite 2.50" in shown
    assert "<ins>The ring is</ins>" in shown and "<img" in shown


def test_nli_is_asked_of_answers_only():
    shown = rewrite_view(SAMPLES[2], "Word.", (), judges())
    assert "contradicts" not in shown and "reward" in shown and "without a picture" in shown


@pytest.mark.parametrize(("choice", "pixels"), [("its own", [(255, 0, 0)]), ("none", []), ("another", [(0, 0, 255)])])
def test_the_picture_that_is_read(bench, choice, pixels):
    bench.image.value = choice
    assert bench.write.calls[-1][1] == pixels


def test_a_draft_of_ones_own_and_a_temperature(bench):
    bench.draft.value = "green"
    bench.temperature.value, bench.seed.value = 1.5, 4
    assert bench.write.calls[-1] == ("green", [(255, 0, 0)], 1.5, 4)
    assert "The answer is</ins> green" in bench.view.value


def test_another_sample_brings_its_draft_and_is_written_once(bench):
    bench.sample.value = 1
    assert bench.draft.value == "blue" and "What color is the star?" in bench.view.value
    assert [call[0] for call in bench.write.calls].count("blue") == 1
    bench.sample.value = 0
    bench.sample.value = 1
    assert len(bench.write.calls) == len(set(map(str, bench.write.calls)))


@pytest.mark.parametrize("draft", ["", "  ", "x" * 601])
def test_a_draft_that_is_none_is_not_rewritten(bench, draft):
    before = len(bench.write.calls)
    bench.draft.value = draft
    assert len(bench.write.calls) == before and "Type a draft" in bench.view.value


def test_a_rewrite_shows_that_it_is_being_written(bench):
    frames = []
    bench.write = lambda *_: frames.append(bench.view.value) or "It is done."
    bench.draft.value = "green"
    assert "being written …" in frames[0] and "green" in frames[0] and "<img" in frames[0]
    assert "being written" not in bench.view.value and "It is done." in bench.view.value
