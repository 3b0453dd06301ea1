"""The compiled product: the numbers of a plain one, and nothing where it wasn't built."""

import logging

import pytest
import torch

from flamingo_lib.model import few_rows
from flamingo_lib.model.few_rows import in_blocks, is_at_hand, write_product

built = pytest.mark.usefixtures("compiled_product")


@pytest.fixture
def not_loaded(monkeypatch):
    """As in a new process that has not looked for the compiled product yet, on a processor that it is for."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    few_rows._compiled.cache_clear()
    yield monkeypatch
    few_rows._compiled.cache_clear()


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@built
@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize(("inputs", "outputs"), [(1, 16), (7, 32), (256, 48), (40, 160)])
def test_equals_a_plain_product_for_any_number_of_rows(inputs, outputs):
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(outputs, inputs, generator=generator, dtype=torch.float64)
    for rows in range(1, 20):
        x = torch.randn(rows, inputs, generator=generator, dtype=torch.float64)
        out, base = torch.full((rows, outputs), torch.nan), torch.randn(rows, outputs, generator=generator)
        total = base.clone()
        write_product(x.float(), in_blocks(weight.float()), out)
        write_product(x.float(), in_blocks(weight.float()), total, adds=True)
        torch.testing.assert_close(out.double(), x @ weight.t(), rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(total.double(), base + x @ weight.t(), rtol=1e-4, atol=1e-4)


@built
def test_a_row_does_not_depend_on_the_others():
    x, blocks = torch.randn(13, 96), in_blocks(torch.randn(64, 96))
    together = torch.empty(13, 64)
    write_product(x, blocks, together)
    for row in range(13):
        alone = torch.empty(1, 64)
        write_product(x[row : row + 1], blocks, alone)
        assert torch.equal(alone[0], together[row])


@built
def test_rows_may_lie_anywhere():
    x, weight = torch.randn(12, 5).t(), torch.randn(16, 12)
    out = torch.empty(5, 16)
    write_product(x, in_blocks(weight), out)
    torch.testing.assert_close(out, x @ weight.t())


@pytest.mark.parametrize("out", [torch.empty(2, 32), torch.empty(3, 16), torch.empty(16, 2).t()], ids=["outputs", "rows", "not contiguous"])
def test_results_need_their_place(out):
    with pytest.raises(ValueError, match="no product of"):
        write_product(torch.zeros(2, 4), in_blocks(torch.zeros(16, 4)), out)


def test_numbers_must_be_of_32_bits():
    with pytest.raises(ValueError, match="no product of torch.float64"):
        write_product(torch.zeros(2, 4, dtype=torch.float64), in_blocks(torch.zeros(16, 4)), torch.zeros(2, 16))


def test_inputs_must_be_as_many_as_the_weight_has():
    with pytest.raises(ValueError, match="no product of"):
        write_product(torch.zeros(2, 5), in_blocks(torch.zeros(16, 4)), torch.zeros(2, 16), adds=True)


def test_without_a_compiler_it_is_not_at_hand(not_loaded, caplog):
    not_loaded.setattr(few_rows, "EXTENSION_SUFFIXES", [])
    with caplog.at_level(logging.INFO):
        assert not is_at_hand()
    assert "installing the package once more" in caplog.text


def test_what_cannot_be_loaded_is_named(not_loaded, tmp_path, caplog):
    (tmp_path / "_few_rows.broken").write_text("not a library")
    not_loaded.setattr(few_rows, "EXTENSION_SUFFIXES", [".broken"])
    not_loaded.setattr(few_rows, "__file__", str(tmp_path / "few_rows.py"))
    with caplog.at_level(logging.WARNING):
        assert not is_at_hand()
        assert not is_at_hand()
    assert len(caplog.records) == 1 and "_few_rows.broken" in caplog.text


def test_it_is_for_vectors_of_256_bits_only(not_loaded):
    for capability in ("DEFAULT", "AVX512"):
        not_loaded.setattr(torch.backends.cpu, "get_cpu_capability", lambda capability=capability: capability)
        assert not is_at_hand()
