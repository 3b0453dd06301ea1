"""The cache with room holds what the growing one holds."""

import pytest
import torch
from transformers import DynamicCache

from flamingo_lib.model.cache import RoomyCache


def test_it_holds_the_same_and_grows_when_it_must():
    torch.manual_seed(0)
    roomy, plain = RoomyCache(layers=2, room=4), DynamicCache()
    for length in (3, 1, 1, 5, 1):
        for layer in range(2):
            new = torch.randn(2, 3, length, 4), torch.randn(2, 3, length, 4)
            for found, expected in zip(roomy.update(*new, layer), plain.update(*new, layer), strict=True):
                assert torch.equal(found, expected)
        assert roomy.get_seq_length() == plain.get_seq_length()
        assert roomy.get_mask_sizes(1, 0) == plain.get_mask_sizes(1, 0)


def test_rows_can_be_kept_reordered_and_repeated():
    cache = RoomyCache(layers=1, room=8)
    keys = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 2, 2, 4)
    cache.update(keys, keys, 0)
    cache.reorder_cache(torch.tensor([2, 0, 0]))
    assert cache.layers[0].keys[:, 0, 0, 0].tolist() == [2, 0, 0]
    cache.keep(torch.tensor([0, 2]))
    more = torch.full((2, 2, 1, 4), 9.0)
    assert cache.update(more, more, 0)[0][:, 0, :, 0].tolist() == [[2, 2, 9], [0, 0, 9]]
    cache.batch_repeat_interleave(2)
    assert cache.layers[0].keys[:, 0, 0, 0].tolist() == [2, 2, 0, 0]
    cache.reset()
    assert cache.get_seq_length() == 0


@pytest.mark.parametrize("room", [4, 8])
def test_what_is_written_into_the_reserved_buffer_counts_once_said(room):
    torch.manual_seed(0)
    one, other = RoomyCache(layers=1, room=4), RoomyCache(layers=1, room=room)
    first, more = torch.randn(2, 2, 3, 2, 4), torch.randn(2, 2, 3, 4, 4)
    one.update(*first, 0), other.update(*first, 0)
    expected = one.update(*more, 0)
    buffer = other.layers[0].reserve(6)
    assert other.get_seq_length() == 2
    buffer[..., 2:6, :] = more
    other.layers[0].lengthen(6)
    assert torch.equal(other.layers[0].keys, expected[0]) and torch.equal(other.layers[0].values, expected[1])


def test_it_goes_on_after_being_cropped():
    torch.manual_seed(0)
    roomy, plain = RoomyCache(layers=1, room=8), DynamicCache()
    new = torch.randn(2, 2, 3, 5, 4)
    for cache in (roomy, plain):
        cache.update(*new, 0)
        cache.layers[0].crop(-2)
    for found, expected in zip(roomy.update(*new, 0), plain.update(*new, 0), strict=True):
        assert torch.equal(found, expected)
    roomy.layers[0].crop(-1)
    assert torch.equal(roomy.layers[0].reserve(12)[0, ..., :7, :], plain.layers[0].keys[..., :7, :])
