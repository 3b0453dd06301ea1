"""The theme: text can be read, colours can be told apart, and every rule belongs to something that is made."""

from __future__ import annotations

import re

import numpy as np
import pytest

from flamingo_lib.html.styles import COMPONENTS, stylesheet
from flamingo_lib.html.theme import COLOURS, SERIES, TINTS, VARIABLES, rotate

MODES = pytest.mark.parametrize("mode", [0, 1], ids=["light", "dark"])

VISION = {
    "usual": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
"""What linear RGB becomes, by Machado, Oliveira and Fernandes (2009), severity 1."""
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def linear(colour: str) -> np.ndarray:
    values = np.array([int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)])
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG 2.1."""
    low, high = sorted(float(XYZ[1] @ linear(colour)) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def difference(one: str, other: str, vision) -> float:
    """The distance of two colours in CIELAB as someone sees them."""

    def lab(colour: str) -> np.ndarray:
        ratio = XYZ @ np.clip(np.array(vision) @ linear(colour), 0, 1) / np.array([0.95047, 1.0, 1.08883])
        x, y, z = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
        return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])

    return float(np.linalg.norm(lab(one) - lab(other)))


def test_contrast_of_black_on_white():
    assert contrast("#000000", "#ffffff") == pytest.approx(21, abs=0.01) and contrast("#777777", "#ffffff") < 4.5


@MODES
@pytest.mark.parametrize("text", ["ink", "soft", "good", "bad", "accent"])
@pytest.mark.parametrize("ground", ["paper", "card", "well"])
def test_text_can_be_read(mode, text, ground):
    assert contrast(COLOURS[text][mode], COLOURS[ground][mode]) >= 4.5


@MODES
@pytest.mark.parametrize("text", ["ink", "soft", "good", "bad", "accent"])
def test_text_can_be_read_on_jupyterlabs_own_page(mode, text):
    assert contrast(COLOURS[text][mode], ("#ffffff", "#111111")[mode]) >= 4.5


@MODES
def test_text_can_be_read_on_every_tint(mode):
    for ground in [COLOURS["added"], COLOURS["removed"], *TINTS]:
        for text in ("ink", "soft"):
            assert contrast(COLOURS[text][mode], ground[mode]) >= 4.5, (text, ground)


@MODES
def test_marks_in_segments_and_the_segments_can_be_seen(mode):
    for colour in SERIES:
        assert contrast(COLOURS["card"][mode], colour[mode]) >= 4.5, "the number in a segment"
        assert contrast(COLOURS["paper"][mode], colour[mode]) >= 3
    assert contrast(COLOURS["paper"][mode], COLOURS["bar"][mode]) >= 3


@MODES
@pytest.mark.parametrize("vision", VISION)
def test_neighbours_and_good_and_bad_differ_for_everyone(mode, vision):
    for number, colour in enumerate(SERIES):
        after = SERIES[(number + 1) % len(SERIES)]
        assert difference(colour[mode], after[mode], VISION[vision]) >= 12, (colour, after)
    assert difference(COLOURS["good"][mode], COLOURS["bad"][mode], VISION[vision]) >= 12


def test_colours_rotate():
    assert [rotate(number, SERIES) for number in (1, 8, 9, 17)] == [1, 8, 1, 1]


def test_the_stylesheet_holds_together():
    css = stylesheet()
    assert "<" not in css.replace("<ins>", "") and "http" not in css and "url(" not in css
    assert css.count("{") == css.count("}")
    used, defined = set(re.findall(r"var\(--fl-([\w-]+)", css)), set(re.findall(r"--fl-([\w-]+):light-dark", css))
    assert used - defined == {"least", "side"}, "what an element sets itself"
    assert defined <= VARIABLES.keys()
    assert 'data-jp-theme-light="false"' in css and "color-scheme:light dark" in css
    assert "[data-jp-theme-light] .fl{background:none}" in css


def test_a_fragment_brings_only_what_it_needs():
    css = stylesheet('<table class="fl-table"></table>')
    assert ".fl-table" in css and ".fl-card" not in css and "--fl-series-1" not in css
    assert len(css) < 1500 < len(stylesheet())


def test_every_component_has_rules():
    assert all(css.strip().endswith("}") for css in COMPONENTS.values())
