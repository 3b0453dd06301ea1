"""Packed rows, and attention of them against attention of each row by itself."""

from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from flamingo_lib.cpu import padding_free
from flamingo_lib.cpu.padding_free import IMPLEMENTATION, PackedRows, pack_rows
from tests.cpu.conftest import lengths_mask

LENGTHS = [300, 280, 9, 7, 250]


def test_causal_attention_is_that_of_each_row():
    rows = PackedRows(lengths_mask(LENGTHS) > 0)
    draw = torch.Generator().manual_seed(0)
    query = torch.randn(1, 4, sum(LENGTHS), 8, generator=draw)
    key, value = torch.randn(2, 1, 2, sum(LENGTHS), 8, generator=draw)
    attend = ALL_ATTENTION_FUNCTIONS[IMPLEMENTATION]
    found, _ = attend(None, query, key, value, None, packed_rows=rows, scaling=0.5)
    for start, end in pairwise(rows.cu_seq_lens):
        q, k, v = (x[:, :, start:end] for x in (query, key.repeat_interleave(2, 1), value.repeat_interleave(2, 1)))
        hidden = torch.ones(end - start, end - start, dtype=torch.bool).triu(1)
        expected = (0.5 * q @ k.transpose(2, 3)).masked_fill(hidden, -torch.inf).softmax(-1) @ v
        torch.testing.assert_close(found[:, start:end], expected.transpose(1, 2))


@pytest.mark.parametrize("masked", [False, True])
def test_cross_attention_is_that_of_each_row(masked):
    rows, draw = PackedRows(lengths_mask(LENGTHS) > 0), torch.Generator().manual_seed(0)
    query = torch.randn(1, 2, sum(LENGTHS), 8, generator=draw)
    key, value = torch.randn(2, len(LENGTHS), 2, 6, 8, generator=draw)
    mask = (torch.rand(len(LENGTHS), 1, max(LENGTHS), 6, generator=draw) < 0.5) if masked else None
    if masked:
        mask[..., 0] = True
    attend = ALL_ATTENTION_FUNCTIONS[IMPLEMENTATION]
    found, _ = attend(None, query, key, value, mask, packed_rows=rows, is_causal=False)
    for row, (start, end) in enumerate(pairwise(rows.cu_seq_lens)):
        seen = None if mask is None else mask[row : row + 1, :, : end - start]
        expected = F.scaled_dot_product_attention(
            query[:, :, start:end], key[row : row + 1], value[row : row + 1], seen
        )
        torch.testing.assert_close(found[:, start:end], expected.transpose(1, 2))


@pytest.mark.parametrize(
    "mask",
    [
        None,
        torch.ones(3, 20),
        lengths_mask((20, 20, 18)),  # nearly full
        lengths_mask((20, 9, 4)).flip(1),  # padded on the left
        lengths_mask((20, 9, 0)),  # an empty row
        torch.ones(3, 1, 20, 20),
    ],
)
def test_not_packed(mask):
    assert pack_rows(mask, torch.zeros(3, 20, dtype=torch.bool)) is None


def test_labels_in_the_padding_are_not_packed():
    keep = torch.zeros(2, 20, dtype=torch.bool)
    assert pack_rows(lengths_mask((20, 9)), keep) is not None
    keep[1, 12] = True
    assert pack_rows(lengths_mask((20, 9)), keep) is None


def test_long_and_short_rows_are_grouped():
    lengths = [400, 390] + [40] * 14
    rows = PackedRows(lengths_mask(lengths) > 0)
    assert [group.shape for group in rows.groups] == [(2, 400), (14, 40)]
    assert rows.position_ids.shape == (1, sum(lengths))


def test_even_rows_stay_together():
    assert [group.shape for group in PackedRows(lengths_mask([50] * 20 + [49] * 20, 60) > 0).groups] == [(40, 50)]


def test_no_cut_is_better():
    """Against all ways to cut, for few rows."""

    def cost(lengths, ranges):
        return sum((group.stop - group.start) * max(lengths[group]) ** 2 + padding_free.CALL_COST for group in ranges)

    draw = torch.Generator().manual_seed(0)
    for _ in range(50):
        lengths = torch.randint(1, 300, (7,), generator=draw).tolist()
        found = padding_free._group_rows(lengths)
        assert [row for group in found for row in range(group.start, group.stop)] == list(range(7))
        ways = []
        for chosen in range(64):
            edges = [0, *(cut + 1 for cut in range(6) if chosen >> cut & 1), 7]
            ways.append([slice(*edge) for edge in pairwise(edges)])
        assert cost(lengths, found) == min(cost(lengths, way) for way in ways)


def test_there_and_back():
    rows = PackedRows(lengths_mask([300, 280, 9, 7, 250]) > 0)
    x = torch.randn(1, 846, 3)
    assert len(rows.groups) > 1
    assert torch.equal(rows.join([group.pad(x) for group in rows.groups]), x)
    assert rows.groups[1].pad(x).abs().sum(dim=-1).gt(0).sum() == 16


def test_many_rows():
    rows = PackedRows(lengths_mask(list(range(1000, 0, -1))) > 0)
    assert 3 < len(rows.groups) <= 32 and sum(group.shape[0] for group in rows.groups) == 1000
