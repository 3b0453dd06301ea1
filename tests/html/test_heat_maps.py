"""Heat maps: a shade and a percentage a cell."""

from __future__ import annotations

import re

import pytest
from PIL import Image

from flamingo_lib.html import heat_map
from tests.html.reader import Reader

PICTURE = Image.new("RGB", (30, 30), "tan")


def test_each_cell_has_its_percentage_and_the_heaviest_no_shade():
    made = heat_map(PICTURE, [[0.1, 0.5], [0.4, 0.0]], alt="attention")
    assert re.findall(r"<b>(\d+)</b>", made) == ["10", "50", "40", "0"]
    shades = [float(value) for value in re.findall(r"17,17,17,([\d.]+)", made)]
    assert shades[1] == 0 and shades[3] == max(shades)
    assert "attention" in {key: value for _, key, value in Reader(made).attributes}["alt"]


def test_all_zero_weights_are_drawn():
    assert heat_map(PICTURE, [[0.0]], alt="x").count("fl-heat") >= 1


@pytest.mark.parametrize("weights", [[], [[]], [[1.0], [0.5, 0.5]]])
def test_weights_that_are_no_grid(weights):
    with pytest.raises(ValueError, match="rows of the same length"):
        heat_map(PICTURE, weights, alt="x")


def test_an_alternative_text_is_needed():
    with pytest.raises(ValueError, match="alternative text"):
        heat_map(PICTURE, [[1.0]], alt=" ")
