"""Attention by name, against a loop over heads and tokens."""

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck, gradgradcheck
from transformers import AttentionInterface

from flamingo_lib.model.attention import attention


def by_loop(query, key, value, mask=None):
    """(b, h, t, e) to (b, t, h, e), one token of one head at a time."""
    b, h, t, e = query.shape
    output = torch.zeros(b, t, h, e, dtype=query.dtype)
    for row in range(b):
        for head in range(h):
            for token in range(t):
                chosen = torch.ones(key.shape[2], dtype=torch.bool) if mask is None else mask[row, 0, token]
                scores = key[row, head, chosen] @ query[row, head, token] / e**0.5
                output[row, token, head] = scores.softmax(0) @ value[row, head, chosen]
    return output


def inputs(dtype=torch.float32):
    draw = torch.Generator().manual_seed(0)
    query = torch.randn(2, 3, 4, 6, generator=draw, dtype=dtype)
    key, value = torch.randn(2, 2, 3, 5, 6, generator=draw, dtype=dtype)
    mask = torch.rand(2, 1, 4, 5, generator=draw) < 0.5
    mask[..., 2] = True
    return query, key, value, mask


@pytest.mark.parametrize("implementation", ["sdpa", "eager", "flash_attention_2", "flex_attention"])
@pytest.mark.parametrize("masked", [False, True])
def test_every_implementation_gives_the_formula(implementation, masked):
    query, key, value, mask = inputs()
    mask = mask if masked else None
    found = attention(nn.Identity(), query, key, value, mask, implementation=implementation)
    torch.testing.assert_close(found, by_loop(query, key, value, mask))


def test_weights_on_request():
    query, key, value, mask = inputs()
    weights = []
    found = attention(nn.Identity(), query, key, value, mask, weights=weights)
    torch.testing.assert_close(found, by_loop(query, key, value, mask))
    torch.testing.assert_close(weights[0].sum(-1), torch.ones(2, 3, 4))
    assert not weights[0][~mask.expand(-1, 3, -1, -1)].any()


def test_a_registered_function_gets_its_options():
    seen = {}

    def negative(module, query, key, value, attention_mask, **options):
        seen.update(options)
        return -query.transpose(1, 2), None

    AttentionInterface.register("test_negative", negative)
    query, key, value, mask = inputs()
    found = attention(nn.Identity(), query, key, value, mask, implementation="test_negative", lengths=[4, 4])
    assert torch.equal(found, -query.transpose(1, 2)) and seen == {"is_causal": False, "lengths": [4, 4]}


def test_second_derivatives():
    query, key, value, mask = inputs(torch.float64)
    given = tuple(x.requires_grad_() for x in (query, key, value))

    def eager(query, key, value):
        return attention(nn.Identity(), query, key, value, mask, implementation="eager")

    assert gradcheck(eager, given) and gradgradcheck(eager, given)
