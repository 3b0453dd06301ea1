"""Charts: bars in proportion, strips whose shapes and words say what their colours say."""

from __future__ import annotations

import re

from flamingo_lib.html import Segment, bars, strip_chart
from tests.html.reader import Reader

STRIP = [
    Segment(0, 10, "half", "the head"),
    Segment(10, 40, "half", "question of sample 1", 1, "1"),
    Segment(50, 1, "tick", "image", 1),
    Segment(51, 29, "full", "answer of sample 1", 1, "1"),
    Segment(80, 20, "empty", "padding"),
]


def test_bars_are_in_proportion():
    html = bars([("in", 200, "200"), ("a", 50, "50 (−150)"), ("b", 0, "0")], label="left")
    assert re.findall(r"width:([\d.]+)%", html) == ["100.00", "25.00", "0.00"]
    assert "width:50.00%" in bars([("in", 2, "")], label="left", whole=4)
    assert Reader(html).text["caption"] == "left"


def test_bars_of_nothing():
    assert "width:0.00%" in bars([("in", 0, "0")], label="left", whole=0) and "<tr>" not in bars([], label="left")


def test_segments_tile_the_strip():
    html = strip_chart([STRIP, STRIP], 100, title="Windows", name="window", legend=[("answer", "full", 1)])
    drawing = html.split('<svg viewBox="0 0 1000')[1].split("</svg>")[0]
    spans = [(float(x), float(width)) for x, width in re.findall(r'<rect x="([\d.]+)".*? width="([\d.]+)"', drawing)]
    assert spans[:5] == [(0, 100), (100, 400), (500, 10), (510, 290), (800, 200)] and len(spans) == 10


def test_shape_number_and_words_say_what_the_colour_says():
    html = strip_chart([STRIP], 100, title="Windows", name="window")
    for kind in ("half", "tick", "full", "empty"):
        assert f"fl-shape-{kind}" in html
    read = Reader(html)
    assert read.text["text"] == "1", "the number is written where there is room, at full height"
    assert read.text["li"].startswith("window 1: the head; question of sample 1; image;")
    assert ("svg", "role", "img") in read.attributes and ("svg", "aria-label", "Windows") in read.attributes


def test_a_chart_of_nothing_is_a_chart():
    assert Reader(strip_chart([], 0, title="none")).tags.count("rect") == 0
