"""Tables: their shape, how values are written, which columns stand right."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamingo_lib.html import format_value, table, text
from tests.html.reader import Reader


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (True, "True"),
        (12345, "12,345"),
        (0.12345, "0.123"),
        (12345.6, "12,346"),
        (np.float32(0.5), "0.500"),
        (np.int64(-1200), "-1,200"),
        (float("nan"), "nan"),
        ("0.1", "0.1"),
        (("a", 1), "('a', 1)"),
    ],
)
def test_values_for_people(value, shown):
    assert format_value(value) == shown


@given(st.integers(0, 4), st.integers(1, 4), st.booleans())
def test_a_table_has_a_cell_for_every_value(rows, columns, total):
    html = table([f"c{column}" for column in range(columns)], [[0.5] * columns] * rows, total=total)
    read = Reader(html)
    assert read.tags.count("tr") == rows + 1
    assert read.tags.count("th") == columns and read.tags.count("td") == rows * columns
    assert html.count('class="fl-total"') == (total and rows > 0)


def test_numbers_stand_right_with_their_heading():
    html = table(["name", "n", "share", "mixed"], [["a", 1, "12.3 %", 1], ["b", None, "–", "two"]])
    heads = [part.split("</th>")[0] for part in html.split("<th")[2:]]
    assert ['class="fl-n"' in head for head in heads] == [False, True, True, False]
    assert html.count('<td class="fl-n">') == 4


def test_markup_stays_and_a_caption_stands_above():
    html = table(["a"], [[text("<")]], caption="b & c")
    assert "<td>&lt;</td>" in html and "<caption>b &amp; c</caption>" in html


def test_a_row_of_another_length_is_refused():
    with pytest.raises(ValueError, match="row 2 has 1 cells, the header 2"):
        table(["a", "b"], [[1, 2], [3]])
