"""What benchmarks divide by: operations counted the same, however the work is written."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

FILE = Path(__file__).parents[2] / "benchmarks" / "operations.py"
ROWS, HEADS, QUERIES, KEYS, WIDTH = 2, 3, 40, 24, 16


@pytest.fixture(scope="module")
def operations():
    spec = importlib.util.spec_from_file_location("operations", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.operations


def inputs(queries: int, keys: int) -> list[torch.Tensor]:
    return [torch.randn(ROWS, HEADS, length, WIDTH, requires_grad=True) for length in (queries, keys, keys)]


def written_out(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    return torch.softmax(query @ key.transpose(-1, -2), dim=-1) @ value


def test_fused_attention_counts_as_its_products_do(operations):
    given = inputs(QUERIES, KEYS)
    assert operations(lambda: F.scaled_dot_product_attention(*given)) == operations(lambda: written_out(*given)) > 0


def test_and_its_backward_pass_makes_the_scores_anew(operations):
    given = inputs(QUERIES, KEYS)
    scores = operations(lambda: given[0] @ given[1].transpose(-1, -2))
    fused = operations(lambda: F.scaled_dot_product_attention(*given).sum().backward())
    assert fused == operations(lambda: written_out(*given).sum().backward()) + scores


def test_of_causal_attention_only_what_may_be_looked_at(operations):
    given = inputs(QUERIES, QUERIES)
    pairs = QUERIES * (QUERIES + 1) // 2
    of_a_pair = 2 * 2 * WIDTH  # in two products, a multiplication and an addition for each number of a head
    assert (
        operations(lambda: F.scaled_dot_product_attention(*given, is_causal=True)) == ROWS * HEADS * pairs * of_a_pair
    )


def test_threads_are_as_before(operations):
    before = torch.get_num_threads()
    operations(lambda: torch.ones(2, 2) @ torch.ones(2, 2))
    assert torch.get_num_threads() == before
