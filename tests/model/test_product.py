"""`laid_out`: the same numbers as a linear, whichever way its weight lies."""

import pytest
import torch
from torch.nn import functional as F

from flamingo_lib.model import product as product_module
from flamingo_lib.model.compiled import product as compiled_module
from flamingo_lib.model.compiled.product import BLOCK
from flamingo_lib.model.product import Blocks, Compiled, Transposed, laid_out
from flamingo_lib.model.wide import Packed

LAYOUTS = {
    "blocks of 16": ("AVX2", False, True, Blocks, (16,)),
    "blocks of 32 or 16": ("AVX512", False, True, Blocks, (32, 16)),
    "transposed": ("DEFAULT", False, True, Transposed, ()),
    "as it is": ("AVX2", False, False, Transposed, ()),
    "packed": ("AVX512", True, True, Packed, ()),
    "compiled": ("AVX2", False, True, Compiled, ()),
}


@pytest.fixture(params=LAYOUTS.values(), ids=LAYOUTS)
def layout(request, monkeypatch):
    """(the product's class, whether it has a copy of the weight, the widths that its blocks may have)."""
    capability, packed, copy, kind, columns = request.param
    if kind is Compiled:
        request.getfixturevalue("compiled")
    monkeypatch.setattr(compiled_module, "is_at_hand", lambda: kind is Compiled)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(product_module, "is_quicker", lambda: packed)
    return kind, copy, columns


@pytest.mark.parametrize("rows", [1, 3, 40])
@pytest.mark.parametrize(("inputs", "outputs"), [(24, 48), (32, 16), (7, 30)])
@pytest.mark.parametrize("with_bias", [False, True])
def test_equals_a_linear(layout, rows, inputs, outputs, with_bias):
    torch.manual_seed(0)
    weight, x = torch.randn(outputs, inputs), torch.randn(rows, inputs)
    bias = torch.randn(outputs) if with_bias else None
    product = laid_out(weight, bias, copy=layout[1])
    columns = next((c for c in layout[2] if outputs % c == 0), None)
    uneven = (layout[0] is Blocks and columns is None) or (layout[0] is Compiled and outputs % BLOCK)
    assert type(product) is (Transposed if uneven else layout[0])
    expected, shape = (
        F.linear(x, weight, bias),
        (rows, outputs) if columns is None else (rows, outputs // columns, columns),
    )
    found = product(x)
    assert found.shape == shape
    torch.testing.assert_close(found.reshape(rows, -1), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(product.gelu(x).reshape(rows, -1), F.gelu(expected), rtol=1e-5, atol=1e-5)

    memory, result = product.place(rows)
    for factor in (2.0, 1.0):  # the second time over the first
        product.into(factor * x, memory)
    assert result.shape == shape
    torch.testing.assert_close(result.reshape(rows, -1), expected, rtol=1e-5, atol=1e-5)

    torch.testing.assert_close(product.added(torch.ones(rows, outputs), x), expected + 1, rtol=1e-5, atol=1e-5)


def test_what_adds_is_in_one_piece_where_vectors_are_wide(layout):
    product = laid_out(torch.zeros(32, 4), None, copy=layout[1], adds=True)
    assert type(product) is (Transposed if layout[0] is Blocks and 32 in layout[2] else layout[0])


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
