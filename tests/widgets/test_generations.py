"""The generation viewer: both rewrites with the difference marked, in the order chosen."""

from __future__ import annotations

from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.widgets.generations import GenerationViewer, generation_view


def example(number, gain):
    return {
        "id": f"vqa-v2/{number}",
        "instruction": f"question {number}?",
        "raw": "red",
        "first": "It is red.",
        "second": "It is clearly red.",
        "reward": [0.5, 0.5 + gain],
        "scenes": [draw_scene(0, f"view/{number}", count=1).to_json()],
    }


def test_a_record_in_both_generations():
    shown = generation_view(example(1, 0.25))
    assert "question 1?" in shown and "<ins>" in shown and "clearly" in shown
    assert "reward +0.50" in shown and "reward +0.75" in shown and "picture 1 of vqa-v2/1" in shown


def test_the_order_and_the_slider_choose():
    viewer = GenerationViewer([example(number, gain) for number, gain in enumerate((0.1, 0.9, -0.8))])
    assert "question 0?" in viewer.view.value
    viewer.order.value = "gained most"
    assert "question 1?" in viewer.view.value
    viewer.order.value = "lost most"
    assert "question 2?" in viewer.view.value
    viewer.position.value = 3
    assert "question 1?" in viewer.view.value


def test_nothing_to_show():
    assert "no record" in GenerationViewer([]).view.value
