"""Resampler and gated layers against slow formulas written from the papers."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from flamingo_lib.model.attention import _FewKeys, attend
from flamingo_lib.model.cross_attention import GatedCrossAttention, linear_of_norm
from flamingo_lib.model.resampler import PerceiverResampler
from flamingo_lib.model.wide import Linear


def slow_attention(query, key, value, heads, allowed=None):
    """Softmax attention for one row, head by head and token by token."""
    width = query.shape[-1] // heads
    out = torch.zeros(len(query), heads * width)
    for head in range(heads):
        part = slice(head * width, (head + 1) * width)
        for t, q in enumerate(query[:, part]):
            scores = key[:, part] @ q / width**0.5
            if allowed is not None:
                scores[~allowed[t]] = -torch.inf
            out[t, part] = scores.softmax(0) @ value[:, part]
    return out


def slow_feed_forward(ff, x):
    x = torch.nn.functional.layer_norm(x, x.shape[-1:], ff[0].weight, ff[0].bias)
    h = x @ ff[1].weight.T
    return (h * 0.5 * (1 + torch.erf(h / 2**0.5))) @ ff[3].weight.T


def test_resampler_formula():
    torch.manual_seed(0)
    resampler = PerceiverResampler(dim=12, depth=2, num_latents=3, heads=2, dim_head=5, ff_mult=2).eval()
    tokens = torch.randn(2, 4, 12)
    for row, found in zip(tokens, resampler(tokens), strict=True):
        x = resampler.latents
        for attention, ff in resampler.layers:
            asks = attention.norm_latents(x)
            answers = torch.cat([attention.norm_media(row), asks])
            key, value = (answers @ attention.to_kv.weight.T).chunk(2, -1)
            x = x + slow_attention(asks @ attention.to_q.weight.T, key, value, 2) @ attention.to_out.weight.T
            x = x + slow_feed_forward(ff, x)
        torch.testing.assert_close(found, resampler.norm(x), atol=1e-5, rtol=1e-5)


def test_resampler_positions_tell_patches_apart():
    torch.manual_seed(0)
    tokens = torch.randn(1, 4, 12)
    plain = PerceiverResampler(dim=12, depth=1, num_latents=3, heads=2, dim_head=5, ff_mult=2)
    placed = PerceiverResampler(dim=12, depth=1, num_latents=3, heads=2, dim_head=5, ff_mult=2, num_positions=4)
    torch.testing.assert_close(plain(tokens), plain(tokens.flip(1)), atol=1e-5, rtol=1e-5)
    assert (placed(tokens) - placed(tokens.flip(1))).abs().max() > 1e-2


def gated(**changes):
    torch.manual_seed(0)
    return GatedCrossAttention(
        **{"dim": 10, "dim_visual": 6, "heads": 2, "dim_head": 4, "ff_mult": 2, "gate_init": 0.5} | changes
    ).eval()


def test_gated_layer_formula():
    layer = gated()
    x, latents = torch.randn(1, 3, 10), torch.randn(1, 2, 5, 6)  # 2 images of 5 latents
    owner = torch.tensor([1] * 5 + [2] * 5)
    attended = torch.tensor([1, 0, 2])
    mask = ((attended[:, None] == owner) | (attended[:, None] == 0))[None, None]
    looks = (attended > 0).float()[None, :, None]
    found = layer(x, latents, None, mask, looks)[0]
    attn = layer.attn
    key, value = (latents.flatten(1, 2)[0] @ attn.to_kv.weight.T).chunk(2, -1)
    seen = slow_attention(attn.norm(x[0]) @ attn.to_q.weight.T, key, value, 2, mask[0, 0]) @ attn.to_out.weight.T
    seen[1] = 0
    expected = x[0] + torch.tanh(torch.tensor(0.5)) * seen
    expected = expected + torch.tanh(torch.tensor(0.5)) * slow_feed_forward(layer.ff, expected)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_closed_gates_change_nothing():
    layer = gated(gate_init=0.0)
    x = torch.randn(2, 3, 10)
    assert torch.equal(layer(x, torch.randn(2, 1, 5, 6), None, None, None), x)


def test_token_that_looks_at_nothing_gets_exactly_nothing():
    layer = gated()
    x = torch.randn(1, 3, 10)
    nothing = layer(x, torch.randn(1, 1, 5, 6), None, None, torch.zeros(1, 3, 1))
    assert torch.equal(nothing, layer(x, None, None, None, None))


def test_keys_and_values_made_before_give_the_same():
    layer = gated(num_slots=5)
    x, latents = torch.randn(2, 3, 10), torch.randn(2, 1, 5, 6)
    assert torch.equal(layer(x, latents, None, None, None), layer(x, None, layer.attn.keys_values(latents), None, None))


def test_weights_are_collected_and_sum_to_one():
    layer = gated()
    collected: list[torch.Tensor] = []
    x, latents = torch.randn(2, 3, 10), torch.randn(2, 1, 5, 6)
    with_weights = layer(x, latents, None, None, None, collected)
    torch.testing.assert_close(with_weights, layer(x, latents, None, None, None), atol=1e-6, rtol=1e-5)
    assert collected[0].shape == (2, 2, 3, 5)
    torch.testing.assert_close(collected[0].sum(-1), torch.ones(2, 2, 3))


def test_slots_make_equal_latents_differ():
    x, latents = torch.randn(1, 3, 10), torch.randn(1, 1, 1, 6).expand(1, 1, 5, 6)
    collected: list[torch.Tensor] = []
    gated(num_slots=5)(x, latents, None, None, None, collected)
    assert collected[0].std(-1).max() > 1e-3


def test_gate_in_the_weight_or_on_the_output_is_the_same():
    """Few tokens and many take different ways."""
    layer = gated()
    x, latents = torch.randn(1, 40, 10), torch.randn(1, 1, 5, 6)
    many = layer(x, latents, None, None, None)
    few = torch.cat([layer(part, latents, None, None, None) for part in x.split(2, dim=1)], dim=1)
    torch.testing.assert_close(many, few, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", ["plain", "mask", "shared mask", "causal", "causal with fewer keys", "scale"])
def test_few_keys_give_the_numbers_of_the_fused_kernel(kind):
    torch.manual_seed(0)
    b, h, t, keys, e = 3, 2, 7, {"causal": 7, "causal with fewer keys": 5}.get(kind, 9), 4
    shaped = [torch.randn(b, n, h, e).transpose(1, 2).requires_grad_() for n in (t, keys, keys)]
    mask = None
    if "mask" in kind:
        mask = torch.rand(1 if kind == "shared mask" else b, 1, t, keys) > 0.5
        mask[..., 0] = True
    options = {"causal": "causal" in kind, "scale": 0.3 if kind == "scale" else None}
    slope = torch.randn(b, h, t, e)
    found = attend(*shaped, mask, **options)
    assert "FewKeys" in type(found.grad_fn).__name__
    expected = F.scaled_dot_product_attention(*shaped, mask, is_causal=options["causal"], scale=options["scale"])
    torch.testing.assert_close(found, expected)
    for mine, theirs in zip(
        torch.autograd.grad(found, shaped, slope), torch.autograd.grad(expected, shaped, slope), strict=True
    ):
        torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-5)


def test_gradients_of_few_keys_against_differences():
    torch.manual_seed(0)
    shaped = [torch.randn(2, 2, n, 3, dtype=torch.float64, requires_grad=True) for n in (3, 4, 4)]
    hidden = torch.rand(2, 1, 3, 4) > 0.6
    hidden[..., 1] = False
    assert torch.autograd.gradcheck(lambda *given: _FewKeys.apply(*given, hidden, 0.7), shaped)


@pytest.mark.parametrize("kind", ["half", "double", "shared keys", "many keys"])
def test_the_fused_kernel_is_left_the_rest(kind, monkeypatch):
    asked, real = [], F.scaled_dot_product_attention
    monkeypatch.setattr(
        F, "scaled_dot_product_attention", lambda *given, **named: asked.append(given) or real(*given, **named)
    )
    dtype = {"half": torch.half, "double": torch.double}.get(kind, torch.float32)
    query = torch.randn(1, 4, 3, 8, dtype=dtype)
    keys = torch.randn(1, 2 if kind == "shared keys" else 4, 400 if kind == "many keys" else 3, 8, dtype=dtype)
    assert attend(query, keys, keys).shape == query.shape
    assert len(asked) == 1


def test_a_norm_in_the_weight_behind_it():
    """Where the text needs no gradient, the norm's come from that of the weight: the same numbers with one product
    less.
    """
    torch.manual_seed(0)
    norm, layer, x, slope = nn.LayerNorm(10), Linear(10, 7, bias=False), torch.randn(2, 5, 10), torch.randn(2, 5, 7)
    weights = [norm.weight, norm.bias, layer.weight]
    for weight in weights[:2]:
        weight.data.normal_()
    outcomes, products = [], []
    for learns in (False, True):
        with FlopCounterMode(display=False) as counter:
            found = linear_of_norm(layer, norm, x.clone().requires_grad_(learns))
            outcomes.append([found, *torch.autograd.grad(found, weights, slope)])
        products.append(round(counter.get_total_flops() / (2 * 10 * 10 * 7)))
    assert products == [2, 3]
    with torch.no_grad():  # here nothing is to be gained
        assert torch.equal(linear_of_norm(layer, norm, x), layer(norm(x)))
    for found, expected in zip(*outcomes, strict=True):
        torch.testing.assert_close(found, expected)
