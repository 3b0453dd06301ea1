"""The pieces in C: the numbers of PyTorch's own, in any number of threads, and nothing where they weren't built."""

import logging

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from flamingo_lib.model.attention import attend
from flamingo_lib.model.compiled import library, pointwise
from flamingo_lib.model.compiled.attention import applies
from flamingo_lib.model.compiled.library import is_at_hand
from flamingo_lib.model.compiled.product import in_blocks, write_product
from flamingo_lib.model.fused import FrozenLinear, FrozenWeight, Normalise, SwiGlu
from flamingo_lib.model.pieces import lie_together
from flamingo_lib.model.resampler import Gelu

built = pytest.mark.usefixtures("compiled")


def close(found, expected):
    """Single precision's numbers beside double precision's."""
    torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)


def drawn(*shape, seed=0, scale=1.0):
    return scale * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def heads(b, count, tokens, e, seed):
    """(b, count, tokens, e), a token's heads side by side."""
    return drawn(b, tokens, count, e, seed=seed).transpose(1, 2)


def single(*tensors):
    return [tensor.detach().float().requires_grad_() for tensor in tensors]


@pytest.fixture
def not_loaded(monkeypatch):
    """As in a new process that has not looked for the functions yet, on a processor that they are for."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    library.library.cache_clear()
    yield monkeypatch
    library.library.cache_clear()


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@built
@pytest.mark.usefixtures("threads")
class TestProduct:
    @pytest.mark.parametrize(("inputs", "outputs"), [(1, 16), (7, 32), (256, 48), (40, 160)])
    def test_equals_a_plain_one_for_any_number_of_rows(self, inputs, outputs):
        weight = drawn(outputs, inputs)
        for rows in (*range(1, 20), 150):
            x, base, out = (
                drawn(rows, inputs, seed=1),
                drawn(rows, outputs, seed=2),
                torch.full((rows, outputs), torch.nan),
            )
            total = base.float()
            write_product(x.float(), in_blocks(weight.float()), out)
            write_product(x.float(), in_blocks(weight.float()), total, base=total)
            close(out, x @ weight.t())
            close(total, base + x @ weight.t())

    def test_many_rows_are_taken_in_pieces(self):
        for rows, inputs in ((301, 256), (149, 1400), (50, 2000)):
            x, weight, out = drawn(rows, inputs, scale=0.1), drawn(32, inputs, seed=1), torch.empty(rows, 32)
            write_product(x.float(), in_blocks(weight.float()), out)
            close(out, x @ weight.t())

    def test_a_row_does_not_depend_on_the_others(self):
        x, blocks = torch.randn(13, 96), in_blocks(torch.randn(64, 96))
        together = torch.empty(13, 64)
        write_product(x, blocks, together)
        for row in range(13):
            alone = torch.empty(1, 64)
            write_product(x[row : row + 1], blocks, alone)
            assert torch.equal(alone[0], together[row])

    def test_rows_may_lie_anywhere(self):
        x, weight, out = drawn(12, 5).t(), drawn(16, 12, seed=1), torch.empty(5, 16)
        write_product(x.float(), in_blocks(weight.float()), out)
        close(out, x @ weight.t())

    def test_of_a_frozen_weight_and_its_gradient(self, watch):
        asked = watch(torch.ops.flamingo_lib, "product", lambda *given: given)
        x, base, weight, slope = drawn(40, 64), drawn(40, 48, seed=1), drawn(48, 64, seed=2), drawn(40, 48, seed=3)
        inputs = single(x, base)
        found = FrozenLinear.apply(inputs[0], FrozenWeight(weight.float()), inputs[1], None, ())
        to_x, to_base = torch.autograd.grad(found, inputs, slope.float())
        close(found, x @ weight.t() + base)
        close(to_x, slope @ weight)
        close(to_base, slope)
        assert len(asked) == 2


@pytest.mark.parametrize(
    "out", [torch.empty(2, 32), torch.empty(3, 16), torch.empty(16, 2).t()], ids=["outputs", "rows", "not contiguous"]
)
def test_results_need_their_place(out):
    with pytest.raises(ValueError, match="no product of"):
        write_product(torch.zeros(2, 4), in_blocks(torch.zeros(16, 4)), out)
    with pytest.raises(ValueError, match="no product of"):
        write_product(torch.zeros(2, 4), in_blocks(torch.zeros(16, 4)), torch.zeros(2, 16), base=out)


def test_numbers_must_be_of_32_bits():
    with pytest.raises(ValueError, match="no product of torch.float64"):
        write_product(torch.zeros(2, 4, dtype=torch.float64), in_blocks(torch.zeros(16, 4)), torch.zeros(2, 16))


def test_inputs_must_be_as_many_as_the_weight_has():
    with pytest.raises(ValueError, match="no product of"):
        write_product(torch.zeros(2, 5), in_blocks(torch.zeros(16, 4)), torch.zeros(2, 16))


@built
@pytest.mark.usefixtures("threads")
class TestAttention:
    @pytest.mark.parametrize(
        ("b", "count", "kv_heads", "queries", "keys", "e", "causal"),
        [
            (2, 4, 4, 128, 128, 64, True),
            (3, 2, 2, 128, 64, 32, False),
            (2, 6, 2, 101, 101, 16, True),
            (1, 3, 1, 49, 17, 48, False),
            (2, 2, 2, 33, 20, 32, True),
            (1, 2, 2, 20, 50, 16, True),
            (1, 1, 1, 16, 1, 16, False),
        ],
    )
    def test_numbers_and_gradients(self, b, count, kv_heads, queries, keys, e, causal):
        shaped = [heads(b, count, queries, e, 0), heads(b, kv_heads, keys, e, 1), heads(b, kv_heads, keys, e, 2)]
        shaped = [x.requires_grad_() for x in shaped]
        slope, given = heads(b, count, queries, e, 3), single(*shaped)
        found = attend(*given, causal=causal, scale=0.4)
        assert "_Compiled" in type(found.grad_fn).__name__
        expected = F.scaled_dot_product_attention(*shaped, is_causal=causal, scale=0.4, enable_gqa=True)
        close(found, expected)
        for mine, theirs in zip(
            torch.autograd.grad(found, given, slope.float()), torch.autograd.grad(expected, shaped, slope), strict=True
        ):
            close(mine, theirs)

    def test_a_token_may_have_its_numbers_anywhere(self):
        shaped = [drawn(2, 32, 3, 20, seed=seed).permute(0, 2, 3, 1) for seed in range(3)]
        close(attend(*(x.float() for x in shaped)), F.scaled_dot_product_attention(*shaped))

    @pytest.mark.parametrize(
        ("b", "count", "keys", "e"), [(2, 2, 20, 16), (1, 3, 20, 16), (1, 2, 20, 32), (1, 2, 21, 16)]
    )
    def test_shapes_that_do_not_belong_together_are_left_to_pytorch(self, b, count, keys, e):
        query, key = torch.empty(1, 4, 20, 16), torch.empty(1, 2, 20, 16)
        assert applies(query, key, key, 1.0)
        assert not applies(query, torch.empty(b, count, keys, e), key, 1.0)
        assert not applies(query, key, torch.empty(b, count, keys, e), 1.0)

    @pytest.mark.parametrize("together", [0, 1, 2])
    def test_gradients_lie_together_where_what_they_are_of_does(self, together):
        """Queries, keys and values of one product; keys and values of one, and queries alone; all alone."""
        pieces = (
            list(torch.randn(2, 20, 8, 16).split([4, 2, 2], dim=2))
            if together < 2
            else [torch.randn(2, 20, n, 16) for n in (4, 2, 2)]
        )
        if together == 1:
            pieces[0] = pieces[0].clone()
        query, key, value = (x.transpose(1, 2).detach().requires_grad_() for x in pieces)
        slopes = torch.autograd.grad(attend(query, key, value).sum(), (query, key, value))
        assert lie_together(slopes[1:], 1) == (together < 2) and lie_together(slopes, 1) == (together == 0)

    def test_scores_of_any_size(self):
        shaped = [heads(1, 2, 20, 16, seed) for seed in range(3)]
        shaped[0] = 1e4 * shaped[0]
        close(attend(*(x.float() for x in shaped)), F.scaled_dot_product_attention(*shaped))

    @pytest.mark.parametrize("which", [0, 1, 2])
    def test_what_is_no_number_is_not_hidden(self, which):
        shaped = [heads(1, 1, 20, 16, seed).float() for seed in range(3)]
        shaped[which][0, 0, 7, 3] = torch.nan
        found = attend(*shaped)[0, 0].isnan().any(1)
        assert found.tolist() == ([token == 7 for token in range(20)] if which == 0 else [True] * 20)

    def test_a_token_knows_nothing_of_later_ones(self):
        shaped = [heads(1, 2, 60, 16, seed).float() for seed in range(3)]
        before = attend(*shaped, causal=True)
        for x in shaped:
            x[:, :, 50:] += 1.0
        after = attend(*shaped, causal=True)
        assert torch.equal(before[:, :, :50], after[:, :, :50]) and not torch.equal(before[:, :, 50:], after[:, :, 50:])

    def test_the_same_in_inference_mode(self):
        shaped = [heads(1, 2, 20, 16, seed).float() for seed in range(3)]
        with torch.inference_mode():
            found = attend(*shaped)
        assert torch.equal(found, attend(*shaped))


@built
class TestPointwise:
    def test_gated_unit(self):
        both, slope = drawn(9, 64, scale=4.0), drawn(9, 32, seed=1)
        both[0, :4] = torch.tensor([200.0, -200.0, 80.0, -90.0])
        (given,), both = single(both), both.requires_grad_()
        found, expected = SwiGlu.apply(given), F.silu(both[:, :32]) * both[:, 32:]
        assert len(found.grad_fn.saved_tensors) == 1
        close(found, expected)
        close(torch.autograd.grad(found, given, slope.float())[0], torch.autograd.grad(expected, both, slope)[0])

    def test_gelu(self):
        x, slope = drawn(9, 48, scale=3.0), drawn(9, 48, seed=1)
        x[0, :6] = torch.tensor([0.0, -0.0, 30.0, -30.0, 1e4, -1e4])
        (given,), x = single(x), x.requires_grad_()
        found, expected = Gelu()(given), F.gelu(x)
        assert "_Gelu" in type(found.grad_fn.next_functions[0][0]).__name__
        with torch.no_grad():
            assert torch.equal(Gelu()(given), found)
        close(found, expected)
        close(torch.autograd.grad(found, given, slope.float())[0], torch.autograd.grad(expected, x, slope)[0])

    def test_probabilities(self):
        logits = drawn(9, 48, scale=30.0)
        logits[0] = torch.linspace(0, 1e4, 48)
        logits[1] = -torch.inf
        logits[1, 5] = 2.0
        close(pointwise.softmax_(logits.float()), logits.softmax(-1))

    def test_norm(self):
        x, slope = drawn(9, 48, scale=3.0), drawn(9, 48, seed=1)
        x[0] = 0.0
        (given,), x = single(x), x.requires_grad_()
        found, expected = Normalise.apply(given, 1e-3), F.rms_norm(x, (48,), None, 1e-3)
        close(found, expected)
        close(torch.autograd.grad(found, given, slope.float())[0], torch.autograd.grad(expected, x, slope)[0])

    @pytest.mark.parametrize("function", [SwiGlu.apply, Gelu()], ids=["gated unit", "gelu"])
    def test_a_gradient_takes_the_place_of_what_was_saved_unless_that_is_kept(self, function):
        given = drawn(9, 64).float().requires_grad_()
        own = given.clone()  # as a product's result: nobody else's
        result, slope = function(own), torch.ones(())
        node = result.grad_fn if result.grad_fn.name() == "SwiGluBackward" else result.grad_fn.next_functions[0][0]
        (place,) = (saved.data_ptr() for saved in node.saved_tensors)
        slopes = []
        own.register_hook(slopes.append)
        for kept in (True, True, False):
            torch.autograd.grad(result, given, slope.expand_as(result), retain_graph=kept)
        first, again, last = slopes
        assert torch.equal(first, again) and torch.equal(first, last)
        assert [found.data_ptr() == place for found in slopes] == [False, False, True]

    def test_what_is_no_number_is_not_hidden(self):
        both = torch.zeros(2, 32)
        both[1, 3] = torch.nan
        assert SwiGlu.apply(both).isnan().nonzero().tolist() == [[1, 3]]
        assert Normalise.apply(both, 1e-6).isnan().all(1).tolist() == [False, True]
        assert Gelu()(both.clone().requires_grad_()).isnan().nonzero().tolist() == [[1, 3]]
        assert pointwise.softmax_(both.clone()).isnan().all(1).tolist() == [False, True]


@built
def test_operations_are_counted():
    def count(work):
        with FlopCounterMode(display=False) as counter:
            work()
        return counter.get_total_flops()

    (x,), weight = single(drawn(40, 64)), drawn(48, 64).float()
    assert (
        count(lambda: FrozenLinear.apply(x, FrozenWeight(weight), None, None, ()).sum().backward())
        == 2 * 2 * 40 * 64 * 48
    )
    shaped = single(*(heads(2, 3, 20, 16, seed) for seed in range(3)))
    for causal, seen in ((False, 400), (True, 210)):
        assert count(lambda causal=causal: attend(*shaped, causal=causal).sum().backward()) == 7 * 2 * 2 * 3 * 16 * seen


def test_without_a_compiler_they_are_not_at_hand(not_loaded, caplog):
    not_loaded.setattr(library, "EXTENSION_SUFFIXES", [])
    with caplog.at_level(logging.INFO):
        assert not is_at_hand()
    assert "installing the package once more" in caplog.text


def test_what_cannot_be_loaded_is_named(not_loaded, tmp_path, caplog):
    (tmp_path / "_compiled.broken").write_text("not a library")
    not_loaded.setattr(library, "EXTENSION_SUFFIXES", [".broken"])
    not_loaded.setattr(library, "__file__", str(tmp_path / "library.py"))
    with caplog.at_level(logging.WARNING):
        assert not is_at_hand()
        assert not is_at_hand()
    assert len(caplog.records) == 1 and "_compiled.broken" in caplog.text


@built
def test_an_older_build_that_lacks_a_function_is_named(not_loaded, caplog):
    not_loaded.setitem(library.FUNCTIONS, "flamingo_of_tomorrow", (None,))
    with caplog.at_level(logging.WARNING):
        assert not is_at_hand()
    assert "flamingo_of_tomorrow" in caplog.text


def test_they_are_for_vectors_of_256_bits_only(not_loaded):
    for capability in ("DEFAULT", "AVX512"):
        not_loaded.setattr(torch.backends.cpu, "get_cpu_capability", lambda capability=capability: capability)
        assert not is_at_hand()
