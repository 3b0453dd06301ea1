"""The HTML of a record: everything it must show, escaped, with the difference marked."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser

import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.html import picture
from flamingo_lib.pipeline.record_html import marked_difference, record_card, record_view
from flamingo_lib.records import Box, Rewrite, Sample, Verdict


def rewrite(**changes) -> Rewrite:
    sample = Sample(
        "vqa-v2/train/1",
        "vqa-v2",
        "vqa",
        ("a.png",),
        "Is <b>it</b> red?",
        "red & round",
        boxes=(Box("ring <x>", 0.1, 0.2, 0.3, 0.4),),
    )
    values = {"sample": sample, "output": "It is red.", "verdicts": (Verdict(True, "length", 3, 2, "long enough"),)}
    return Rewrite(**values | changes)


def image(_sample):
    return [Image.new("RGB", (400, 200), "red")]


class Balance(HTMLParser):
    """Fails on a tag that is closed wrongly."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag not in ("img", "br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()


def text_of(html: str) -> str:
    return re.sub(r"<[^>]+>", "", html)


@pytest.mark.parametrize(
    ("raw", "output", "marked"),
    [
        ("red", "The circle is red.", ("red", "<ins>The circle is</ins> red.")),
        ("two cats", "", ("<del>two cats</del>", "")),
        ("same words", "Same words.", ("same words", "Same words.")),
        ("a < b", "a > b", ("a <del>&lt;</del> b", "a <ins>&gt;</ins> b")),
        ("", "New", ("", "<ins>New</ins>")),
    ],
)
def test_words_that_changed_are_marked(raw, output, marked):
    assert marked_difference(raw, output) == marked


@pytest.mark.parametrize(
    ("raw", "output"), [("a b\n\nc  d", "A  x\n\ny d e"), (" lead", "trail "), ("one", "one\n\ntwo\n\nthree")]
)
def test_marking_keeps_every_character(raw, output):
    old, new = marked_difference(raw, output)
    assert (text_of(old), text_of(new)) == (raw, output)
    Balance().feed(old + new)


def test_card_shows_the_record_escaped():
    html = record_card(rewrite(flags=("truncated",)), image)
    Balance().feed(html)
    for shown in (
        "vqa-v2/train/1",
        "Is &lt;b&gt;it&lt;/b&gt; red?",
        "&amp; round",
        "ring &lt;x&gt;",
        "long enough",
        "truncated",
        "3.000",
        "2.000",
        "✓ kept",
    ):
        assert shown in html, shown
    assert "<b>it</b>" not in html and "<script" not in html


def test_card_says_what_dropped_a_record():
    html = record_card(
        rewrite(verdicts=(Verdict(True, "length"), Verdict(False, "nli", 1.5, 0.0, "contradicts"))), image
    )
    assert "dropped by nli" in html and "✗ drop" in html and "1.500" in html


def test_card_shows_the_text_after_edits():
    edited = rewrite(output="Good.\n\nBad.", verdicts=(Verdict(True, "clip", 1, 2, edit="Good."),))
    html = record_card(edited, image)
    assert "after edits" in html and "✎ edit" in html
    assert "after edits" not in record_card(rewrite(), image)


def test_card_names_an_image_that_cannot_be_opened():
    def broken(_sample):
        raise DataError("the image is truncated", file="a.png")

    assert "the image is truncated (file a.png)" in record_card(rewrite(), broken)
    assert ">a.png</code>" in record_card(rewrite())


def test_picture_is_small_and_boxes_are_in_percent():
    html = picture(Image.new("RGB", (800, 400)), [Box("x", 0.25, 0.5, 0.75, 1.0)], alt="a picture", side=100)
    data = base64.b64decode(re.search(r'base64,([^"]+)', html)[1])
    assert Image.open(io.BytesIO(data)).size == (100, 50)
    assert "left:25.00%;top:50.00%;width:50.00%;height:50.00%" in html


def test_two_images_come_without_boxes():
    def two(_sample):
        return [Image.new("RGB", (8, 8))] * 2

    html = record_card(rewrite(), two)
    assert html.count("<img") == 2 and "fl-box" not in html


def test_a_view_carries_its_style_once():
    html = record_view([rewrite(), rewrite()], image)
    assert html.count("<style>") == 1 and html.count("<article") == 2
    assert "://" not in html
