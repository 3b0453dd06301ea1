"""Boxes as fractions and as text; marks drawn where they belong."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.records import Box
from flamingo_lib.sources.boxes import (
    BOX_PREAMBLE,
    BoxError,
    box_line,
    box_statements,
    boxes_in,
    captions_and_boxes,
    counts_text,
    from_corners,
    from_size,
)
from flamingo_lib.sources.marks import COLORS, draw_mark, point_mark, region_mark


def test_sizes_become_fractions():
    box = from_size("cat", (10, 20, 30, 40), 100, 200)
    assert (box.x1, box.y1, box.x2, box.y2) == pytest.approx((0.1, 0.1, 0.4, 0.3))
    assert box_line(box) == "cat: [0.100, 0.100, 0.400, 0.300]"
    assert from_corners("cat", (10, 20, 40, 60), 100, 200) == box


@pytest.mark.parametrize(
    ("corners", "message"),
    [
        ((50, 10, 20, 30), "x2 < x1"),
        ((5, 30, 20, 10), "y2 < y1"),
        ((5, 10, 5, 30), "without area"),
        ((120, 10, 150, 30), "outside the image"),
        ((-40, 10, 20, 30), "outside the image"),
        ((5, 10, 20), "not four numbers"),
        ((5, 10, "x", 30), "not four numbers"),
        ((5, 10, math.nan, 30), "finite"),
        ((5, 10, math.inf, 30), "finite"),
    ],
)
def test_impossible_boxes_say_why(corners, message):
    with pytest.raises(BoxError, match=message):
        from_corners("cat", corners, 100, 100)


def test_a_small_overhang_is_cut_and_sets_cut_from_larger_images_may_clip_more():
    assert from_corners("cat", (-1, 0, 101, 50), 100, 100) == Box("cat", 0.0, 0.0, 1.0, 0.5)
    with pytest.raises(BoxError):
        from_corners("ship", (60, 10, 130, 30), 100, 100)
    assert from_corners("ship", (60, 10, 130, 30), 100, 100, clip=True).x2 == 1.0
    with pytest.raises(BoxError):
        from_corners("ship", (90, 10, 150, 30), 100, 100, clip=True)
    with pytest.raises(BoxError, match="without a size"):
        from_corners("ship", (0, 0, 1, 1), 0, 100)


def test_captions_stand_over_the_boxes_after_a_blank_line():
    boxes = [Box("red car", 0.12345, 0.5, 1.0, 0.99961), Box("dog", 0.0, 0.0, 0.5, 0.5)]
    text = captions_and_boxes(["a red car", "a car and a dog"], boxes)
    captions, rest = text.split("\n\n")
    assert captions == "a red car\na car and a dog"
    assert rest.split("\n") == [
        BOX_PREAMBLE,
        "red car: [0.123, 0.500, 1.000, 1.000]",
        "dog: [0.000, 0.000, 0.500, 0.500]",
    ]
    assert all(re.fullmatch(r"[\w ]+: \[(\d\.\d{3}, ){3}\d\.\d{3}\]", line) for line in rest.split("\n")[1:])
    assert captions_and_boxes(["alone"]) == "alone"
    assert captions_and_boxes([], boxes).startswith(BOX_PREAMBLE)
    assert BOX_PREAMBLE.startswith("The followings are specific object locations") and BOX_PREAMBLE.endswith(
        "bottom right y."
    )


def test_counts():
    assert counts_text(["ship", "plane", "plane", "ship", "plane", "car"]) == "3 plane, 2 ship, 1 car"


def changed(before: Image.Image, after: Image.Image) -> np.ndarray:
    return np.any(np.asarray(before) != np.asarray(after), axis=2)


@pytest.mark.parametrize("kind", ["box", "circle"])
def test_a_region_is_surrounded_and_left_visible(kind):
    image = Image.new("RGB", (200, 100), (128, 128, 128))
    mark = {"kind": kind, "color": "red", "at": [0.3, 0.3, 0.6, 0.7]}
    drawn = draw_mark(image, mark)
    touched = changed(image, drawn)
    assert not touched[32:68, 62:118].any()  # inside the region
    assert touched[50, :60].any() and touched[50, 121:].any() and touched[:30, 90].any() and touched[71:, 90].any()
    pixels = np.asarray(drawn).reshape(-1, 3)
    assert (pixels == COLORS["red"]).all(axis=1).any()
    assert np.asarray(image).max() == 128  # the original is untouched


@pytest.mark.parametrize("at", [(0.2, 0.2), (0.9, 0.1), (0.1, 0.95), (0.99, 0.99), (0.5, 0.5)])
def test_an_arrow_has_its_tip_at_the_point_and_stays_inside(at):
    image = Image.new("RGB", (120, 80), (128, 128, 128))
    touched = changed(image, draw_mark(image, {"kind": "arrow", "color": "blue", "at": list(at)}))
    rows, columns = np.nonzero(touched)
    distance = np.hypot(columns + 0.5 - at[0] * 120, rows + 0.5 - at[1] * 80)
    assert distance.min() < 4
    assert 10 < distance.max() < 25
    assert touched.sum() > 30


def test_letters_cover_their_rectangles():
    image = Image.new("RGB", (100, 100), (10, 200, 10))
    drawn = np.asarray(draw_mark(image, {"kind": "letters", "at": [[0.1, 0.1, 0.4, 0.3]], "text": ["B"]}))
    patch = drawn[10:30, 10:40]
    assert (patch == 255).all(axis=2).sum() > 200 and (patch < 60).all(axis=2).any()
    assert tuple(drawn[80, 80]) == (10, 200, 10)


def test_marks_are_seeded_and_use_all_kinds_and_colours():
    marks = [region_mark((0, 0, 1, 1), seed=0, key=str(number)) for number in range(400)]
    assert marks == [region_mark((0, 0, 1, 1), seed=0, key=str(number)) for number in range(400)]
    assert {mark["kind"] for mark in marks} == {"box", "circle"} and {mark["color"] for mark in marks} == set(COLORS)
    assert len({(mark["kind"], mark["color"]) for mark in marks}) == 2 * len(COLORS)
    assert {region_mark((0, 0, 1, 1), seed=0, key=str(number), kinds=("box",))["kind"] for number in range(50)} == {
        "box"
    }
    assert {point_mark(0.5, 0.5, seed=1, key=str(number))["color"] for number in range(200)} == set(COLORS)


def test_boxes_in_words():
    ring, star = Box("red ring", 0.02, 0.03, 0.3, 0.3), Box("black star", 0.7, 0.4, 0.85, 0.55)
    assert box_statements([ring, star]) == [
        "There is a large red ring at the top left.",
        "There is a small black star at the middle right.",
        "There are two objects in the image.",
        "The red ring is to the left of the black star.",
        "The red ring is above the black star.",
    ]
    assert box_statements([ring], complete=False) == ["There is a large red ring at the top left."]
    assert box_statements([]) == []
    dogs = box_statements([Box("dog", 0.1 * step, 0.4, 0.1 * step + 0.05, 0.6) for step in range(8)])
    assert "There are eight objects in the image." in dogs and not any("left of" in text for text in dogs)
    assert "There are two dogs in the image." in box_statements([Box("dog", 0, 0, 1, 1), ring, Box("dog", 0, 0, 1, 1)])


def test_boxes_are_read_back_from_a_draft():
    ring, person = Box("red ring", 0.021, 0.03, 0.3, 0.3), Box("person: old", 0.0, 0.4, 1.0, 0.55)
    assert boxes_in(captions_and_boxes(["a ring: [not, a, box]", "two"], [ring, person])) == [ring, person]
    assert boxes_in("a ring") == []
