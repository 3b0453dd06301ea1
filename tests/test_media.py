"""Media attention of lists, arrays and tensors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_lib.media import MEDIA_RULES, attended_images

IMAGE = 9


@pytest.mark.parametrize(
    ("ids", "rule", "expected"),
    [
        ([1, 5, 5, IMAGE, 5, 5, IMAGE, 5, 5], "following", [1, 1, 1, 1, 2, 2, 2, 0, 0]),
        ([1, 5, 5, IMAGE, 5, 5, IMAGE, 5, 5], "preceding", [0, 0, 0, 1, 1, 1, 2, 2, 2]),
        ([1, IMAGE, IMAGE, 5], "following", [1, 1, 2, 0]),
        ([1, IMAGE, IMAGE, 5], "preceding", [0, 1, 2, 2]),
        ([1, 5, 5], "following", [0, 0, 0]),
        ([1, 5, 5], "preceding", [0, 0, 0]),
    ],
)
def test_reference_tables(ids, rule, expected):
    assert attended_images(ids, IMAGE, rule) == expected


@settings(max_examples=80, deadline=None)
@given(
    rows=st.integers(1, 9).flatmap(
        lambda length: st.lists(st.lists(st.sampled_from([IMAGE, 1, 5]), min_size=length, max_size=length), min_size=1)
    ),
    rule=st.sampled_from(MEDIA_RULES),
    first=st.integers(0, 3),
)
def test_lists_arrays_and_tensors_agree(rows, rule, first):
    expected = [attended_images(row, IMAGE, rule, first) for row in rows]
    assert attended_images(np.array(rows), IMAGE, rule, first).tolist() == expected
    found = attended_images(torch.tensor(rows), IMAGE, rule, first)
    assert found.tolist() == expected and found.dtype == torch.int64


def test_later_turns_count_on():
    assert attended_images([5, IMAGE, 5], IMAGE, "preceding", first=2) == [0, 3, 3]
    assert attended_images([5, IMAGE, 5], IMAGE, "following", first=2) == [3, 3, 0]
