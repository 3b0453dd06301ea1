"""`laid_out`: the same numbers as a linear, whichever way its weight lies."""

import pytest
import torch
from torch.nn import functional as F

from flamingo_lib.model import product as product_module
from flamingo_lib.model.product import Blocks, Transposed, laid_out
from flamingo_lib.model.wide import Packed

LAYOUTS = [
    ("AVX2", False, True, Blocks),
    ("AVX512", False, True, Transposed),
    ("AVX2", False, False, Transposed),
    ("AVX512", True, True, Packed),
]


@pytest.fixture(params=LAYOUTS, ids=["in blocks", "transposed", "as it is", "packed"])
def layout(request, monkeypatch):
    capability, packed, copy, kind = request.param
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(product_module, "is_quicker", lambda: packed)
    return kind, copy


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize(("inputs", "outputs"), [(24, 48), (32, 16), (7, 30)])
@pytest.mark.parametrize("with_bias", [False, True])
def test_equals_a_linear(layout, rows, inputs, outputs, with_bias):
    torch.manual_seed(0)
    weight, x = torch.randn(outputs, inputs), torch.randn(rows, inputs)
    bias = torch.randn(outputs) if with_bias else None
    product = laid_out(weight, bias, copy=layout[1])
    kind = Transposed if layout[0] is Blocks and outputs % 16 else layout[0]
    assert type(product) is kind
    found = product(x)
    assert found.shape == ((rows, outputs // 16, 16) if kind is Blocks else (rows, outputs))
    torch.testing.assert_close(found.reshape(rows, -1), F.linear(x, weight, bias), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(product.gelu(x).reshape(rows, -1), F.gelu(F.linear(x, weight, bias)), rtol=1e-5, atol=1e-5)

    total, before = torch.ones(rows, outputs), F.linear(x, weight, bias) + 1
    torch.testing.assert_close(product.added(total, x), before, rtol=1e-5, atol=1e-5)


def test_only_a_copy_is_independent_of_the_weight(layout):
    weight = torch.zeros(16, 4)
    product = laid_out(weight, None, copy=layout[1])
    weight.fill_(1)
    assert bool(product(torch.ones(1, 4)).any()) != layout[1]


def test_blocks_do_not_straddle_parts(layout):
    torch.manual_seed(0)
    weight, x = torch.randn(48, 4), torch.randn(2, 4)
    halves = laid_out(weight, None, copy=layout[1], parts=2)(x).chunk(2, dim=1)
    for found, expected in zip(halves, weight.chunk(2), strict=True):
        torch.testing.assert_close(found.reshape(2, -1), x @ expected.t(), rtol=1e-5, atol=1e-5)
