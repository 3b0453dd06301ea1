"""Each fused function against the composed formula, and its gradients against finite differences."""

import torch
from torch.autograd import gradcheck
from torch.nn import functional as F

from flamingo_lib.cpu.functions import FrozenLinear, RMSNorm, RotaryEmbedding, SwiGLU, deinterleaved, interleaved


def double(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def test_normalise():
    x = double(6, 8)
    assert gradcheck(lambda x: RMSNorm.apply(x, 0.3), (x,))
    expected = F.rms_norm(x, (8,), None, 0.3)
    torch.testing.assert_close(RMSNorm.apply(x, 0.3), expected)


def test_frozen_linears_side_by_side():
    x, base, down, first, second = (
        double(5, 4),
        double(5, 9),
        double(5, 4, seed=2),
        double(6, 2, seed=3),
        double(3, 3, seed=4),
    )
    weight = double(9, 4, seed=1).detach()

    def fused(x, base, down, first, second):
        return FrozenLinear.apply(x, weight, base, down, (0.5, 2.0), first, second)

    assert gradcheck(fused, (x, base, down, first, second))
    low = x @ down.T
    lora = torch.cat([0.5 * low[:, :2] @ first.T, 2.0 * low[:, 2:] @ second.T], dim=1)
    torch.testing.assert_close(fused(x, base, down, first, second), base + x @ weight.T + lora)
    assert gradcheck(lambda x: FrozenLinear.apply(x, weight, None, None, ()), (x,))


def test_no_gradient_for_what_is_frozen():
    x, down, up = double(5, 4).detach(), double(2, 4).detach(), double(3, 2)
    FrozenLinear.apply(x, double(3, 4).detach(), None, down, (1.0,), up).sum().backward()
    assert up.grad is not None and x.grad is None and down.grad is None


def test_rotation():
    heads, kv_heads, e = 4, 2, 6
    halves, angles = double(2, 3, (heads + 2 * kv_heads) * e), double(1, 3, e // 2, seed=1).detach()
    rotation = torch.polar(torch.ones_like(angles), angles)

    def fused(halves):
        rotated, values = halves.split([(heads + kv_heads) * e, kv_heads * e], dim=-1)
        qkv = torch.cat([interleaved(rotated.movedim(-1, 0), e).movedim(0, -1), values], dim=-1)
        query, key, value = RotaryEmbedding.apply(qkv, rotation, heads, kv_heads)
        return deinterleaved(query), deinterleaved(key), value

    assert gradcheck(fused, (halves,))
    cos, sin = angles.cos().repeat(1, 1, 2), angles.sin().repeat(1, 1, 2)
    parts = halves.view(2, 3, -1, e)
    half = torch.cat([-parts[..., e // 2 :], parts[..., : e // 2]], dim=-1)
    rotated = (parts * cos[:, :, None] + half * sin[:, :, None]).transpose(1, 2)
    expected = (
        rotated[:, :heads],
        rotated[:, heads : heads + kv_heads],
        parts.transpose(1, 2)[:, heads + kv_heads :],
    )
    for found, wanted in zip(fused(halves), expected, strict=True):
        torch.testing.assert_close(found, wanted)


def test_swiglu():
    both = double(5, 14)
    assert gradcheck(SwiGLU.apply, (both,))
    torch.testing.assert_close(SwiGLU.apply(both), F.silu(both[:, :7]) * both[:, 7:])
