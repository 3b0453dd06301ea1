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


@pytest.mark.parametrize("e", [(4,), (2, 2)], ids=["whole", "in pairs"])
def test_a_token_appended_is_a_token_updated(e):
    torch.manual_seed(0)
    one, other = RoomyCache(layers=1, room=4), RoomyCache(layers=1, room=4)
    first = torch.randn(2, 2, 3, 2, 4)
    one.update(*first, 0), other.update(*first, 0)
    for _ in range(4):  # past the room, too
        new = torch.randn(2, 2, 3, *e)
        expected = one.update(*new.flatten(3)[:, :, :, None], 0)
        for found, pair in zip(other.layers[0].append(new), expected, strict=True):
            assert torch.equal(found, pair.flatten(0, 1))
    assert one.get_seq_length() == other.get_seq_length() == 6
