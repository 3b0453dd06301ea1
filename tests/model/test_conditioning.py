"""Which image each token attends to, masks, visual memory."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_lib.errors import DataError
from flamingo_lib.media import attended_images
from flamingo_lib.model.conditioning import (
    VisualMemory,
    check_attended,
    check_counts,
    image_attention_mask,
)

I = 9  # noqa: E741


@pytest.mark.parametrize(
    ("ids", "rule", "expected"),
    [
        ([1, 5, 5, I, 5, 5, I, 5, 5], "following", [1, 1, 1, 1, 2, 2, 2, 0, 0]),
        ([1, 5, 5, I, 5, 5, I, 5, 5], "preceding", [0, 0, 0, 1, 1, 1, 2, 2, 2]),
        ([1, I, I, 5], "following", [1, 1, 2, 0]),
        ([1, I, I, 5], "preceding", [0, 1, 2, 2]),
        ([1, 5, 5], "following", [0, 0, 0]),
        ([1, 5, 5], "preceding", [0, 0, 0]),
    ],
)
def test_reference_tables(ids, rule, expected):
    assert attended_images(torch.tensor([ids]), I, rule).tolist() == [expected]
    assert attended_images(ids, I, rule) == expected


def in_words(ids, rule):
    """The rules said otherwise: look for the image from each token."""
    places = [p for p, token in enumerate(ids) if token == I]
    found = []
    for position, token in enumerate(ids):
        before = [k for k, p in enumerate(places, 1) if p <= position]
        after = [k for k, p in enumerate(places, 1) if p >= position]
        if rule == "preceding" or token == I:
            found.append(before[-1] if before else 0)
        else:
            found.append(after[0] if after else 0)
    return found


@settings(max_examples=80, deadline=None)
@given(st.lists(st.sampled_from([I, 1, 5]), min_size=1, max_size=12), st.sampled_from(["preceding", "following"]))
def test_both_forms_follow_the_rule_in_words(ids, rule):
    expected = in_words(ids, rule)
    assert attended_images(ids, I, rule) == expected
    assert attended_images(torch.tensor([ids]), I, rule)[0].tolist() == expected


def test_later_turns_count_on():
    assert attended_images([5, I, 5], I, "preceding", first=2) == [0, 3, 3]
    assert attended_images([5, I, 5], I, "following", first=2) == [3, 3, 0]


def test_indices_outside_the_images_are_refused():
    check_attended(torch.tensor([[0, 1, 2, 0, 2]]), 2)
    with pytest.raises(DataError, match="row 1"):
        check_attended(torch.tensor([[0, 1], [0, 3]]), 2)
    with pytest.raises(DataError, match="row 0"):
        check_attended(torch.tensor([[-1, 1]]), 2)
    with pytest.raises(DataError, match=r"token 2 looks back.*row 1"):
        check_attended(torch.tensor([[0, 1, 1], [1, 2, 1]]), 2)


def test_counts_are_checked_by_row():
    ids = torch.tensor([[I, 5, I], [5, I, 5]])
    check_counts(ids, I, 2, None)
    check_counts(ids, I, 2, torch.tensor([2, 1]))
    with pytest.raises(DataError, match="2 <image> tokens but 1 images.*row 0"):
        check_counts(ids, I, 1, None)
    with pytest.raises(DataError, match="1 <image> tokens but 2 images.*row 1"):
        check_counts(ids, I, 2, torch.tensor([2, 2]))


def test_mask_lets_a_token_see_its_own_image_only():
    attended = torch.tensor([[0, 1, 2]])
    mask, has_image = image_attention_mask(attended, images=2, latents=3)
    assert has_image[0, :, 0].tolist() == [0, 1, 1]
    assert mask[0, 0, 1].tolist() == [True] * 3 + [False] * 3
    assert mask[0, 0, 2].tolist() == [False] * 3 + [True] * 3
    assert mask[0, 0, 0].all()  # no softmax over nothing; `has_image` takes the result away
    assert image_attention_mask(attended.clamp(max=1), images=1, latents=3)[0] is None


def memory():
    """Two rows of three images of two latents; every value says which row, image and latent it is."""
    key = torch.arange(2)[:, None] * 100 + torch.arange(6) // 2 * 10 + torch.arange(6) % 2
    key = key[:, None, :, None].expand(-1, 4, -1, 5).float()
    return VisualMemory({1: (key, -key)}, images=3, latents_per_image=2)


def test_memory_keeps_the_selected_image():
    chosen = memory().select(torch.tensor([3, 1]))
    key, value = chosen.keys_values[1]
    assert chosen.images == 1 and chosen.selected and key.shape == (2, 4, 2, 5)
    assert key[:, 0, :, 0].tolist() == [[20, 21], [100, 101]] and torch.equal(value, -key)
    assert memory().select(torch.tensor([0, 0])).images == 0
    assert chosen.select(torch.tensor([1, 0])).keys_values == chosen.keys_values


def test_memory_keeps_rows_in_order():
    key, _ = memory().keep(torch.tensor([1, 1, 0])).keys_values[1]
    assert key[:, 0, 0, 0].tolist() == [100, 100, 0]
