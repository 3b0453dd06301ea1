"""Images: inlined, bounded in size, described, with their boxes in place."""

from __future__ import annotations

import base64
import io
import re

import pytest
from PIL import Image

from flamingo_lib.html import figure, image_bytes, image_link, picture
from flamingo_lib.records import Box


def opened(html: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(re.search(r'base64,([^"]+)', html)[1])))


@pytest.mark.parametrize(
    ("size", "side", "shown"),
    [((800, 400), 100, (100, 50)), ((100, 80), 180, (100, 80)), ((30, 10), 180, (120, 40)), ((1, 1), 10, (6, 6))],
)
def test_a_picture_fits_and_a_small_one_is_enlarged(size, side, shown):
    html = picture(Image.new("RGB", size), alt="x", side=side)
    assert opened(html).size == shown and f'width="{shown[0]}" height="{shown[1]}"' in html


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "1", "I;16", "CMYK"])
@pytest.mark.parametrize("encoding", ["png", "jpeg"])
def test_every_mode_is_shown(mode, encoding):
    image = Image.new(mode, (20, 20))
    assert opened(picture(image, alt="x", encoding=encoding)).format.lower() == encoding
    assert image.size == (20, 20) and image.mode == mode, "the image itself is left as it was"


def test_boxes_lie_in_percent_and_their_names_stay_inside():
    boxes = [Box("a", 0.25, 0.5, 0.5, 1.0), Box("b", 0.6, 0.0, 1.0, 0.5)]
    html = picture(Image.new("RGB", (80, 40)), boxes, alt="x")
    assert "left:25.00%;top:50.00%;width:25.00%;height:50.00%" in html
    assert 'class="fl-box"' in html and 'class="fl-box fl-right fl-top"' in html


@pytest.mark.parametrize("alt", ["", "  \n"])
def test_an_image_without_words_is_refused(alt):
    for make in (
        lambda: picture(Image.new("RGB", (4, 4)), alt=alt),
        lambda: image_bytes(b"", alt=alt),
        lambda: image_link("a.png", alt=alt),
    ):
        with pytest.raises(ValueError, match="alternative text"):
            make()


def test_a_figure_has_a_caption_only_if_there_is_one():
    image = image_bytes(b"x", alt="x")
    assert "figcaption" not in figure(image) and "<figcaption>a</figcaption>" in figure(image, "a")
