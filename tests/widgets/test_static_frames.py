"""Widgets of the notebooks: controls redraw the view, and the file keeps a first frame."""

from __future__ import annotations

import nbformat
import numpy as np
import pytest
from PIL import Image

from flamingo_lib.pipeline.notebook_outputs import WIDGET, normalise
from flamingo_lib.widgets.attention import MEAN, AttentionViewer, attention_view
from flamingo_lib.widgets.distortion_bench import DistortionBench, bench_view, make_draft

PICTURE = Image.new("RGB", (36, 36), "tan")
TOKENS, ATTENDED = ["<image>", "What", "?"], [1, 1, 0]
EXCHANGE = ("What color is the ring?", "The ring is red. It is at the top left.")


def weights():
    values = np.zeros((2, 2, 3, 4))
    values[0, 0, 1], values[0, 1, 1] = [1, 0, 0, 0], [0, 0, 0, 1]
    values[1, :, 1] = [0, 1, 0, 0]
    return values


@pytest.mark.parametrize(
    ("layer", "head", "finding"),
    [
        (0, 0, "100%, in row 1, column 1"),
        (0, 1, "100%, in row 2, column 2"),
        (0, MEAN, "50%"),
        (1, 0, "row 1, column 2"),
    ],
)
def test_attention_of_a_token(layer, head, finding):
    assert finding in attention_view(PICTURE, TOKENS, ATTENDED, weights(), token=1, layer=layer, head=head)


def test_a_token_without_an_image_says_so():
    shown = attention_view(PICTURE, TOKENS, ATTENDED, weights(), token=2, layer=0, head=0)
    assert "attends to no image" in shown and "<img" not in shown


def test_controls_redraw_the_attention():
    viewer = AttentionViewer(PICTURE, TOKENS, ATTENDED, weights(), token=1)
    assert viewer.layer.value == 1 and "column 2" in viewer.view.value
    viewer.layer.value, viewer.head.value = 0, 1
    assert "row 2, column 2" in viewer.view.value


def test_a_draft_depends_on_its_seed_alone():
    one, again, other = (make_draft(*EXCHANGE, way="noise", command="none", seed=seed)[0] for seed in (3, 3, 4))
    assert one == again != other
    assert make_draft(*EXCHANGE, way="llm", command="upper", seed=0)[0].isupper()


def test_the_bench_marks_the_difference_and_asks_the_classifier():
    shown = bench_view(*EXCHANGE, way="llm", command="shortest", seed=0, classifier=lambda drafts: [0.25])
    assert "<del>" in shown and "25%" in shown and "75%" in shown
    bench = DistortionBench([EXCHANGE])
    before = bench.view.value
    bench.command.value = "upper"
    assert bench.view.value != before and "command upper" in bench.view.value


def test_a_notebook_keeps_the_first_frame():
    bundle = DistortionBench([EXCHANGE])._repr_mimebundle_()
    assert WIDGET in bundle and "fl-definitions" in bundle["text/html"]
    cell = nbformat.v4.new_code_cell("bench")
    cell.outputs = [nbformat.v4.new_output("execute_result", data=bundle, execution_count=1)]
    kept = normalise(nbformat.v4.new_notebook(cells=[cell])).cells[0].outputs
    assert len(kept) == 1 and WIDGET not in kept[0].data and "text/html" in kept[0].data
