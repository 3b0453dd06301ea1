"""Products by oneDNN: the numbers of plain ones, on the processors they are meant for, for what they are made for."""

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from flamingo_lib.model import generate_batch, wide
from flamingo_lib.model.lora import add_lora
from flamingo_lib.model.trainable import set_trainable

pytestmark = pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="this PyTorch comes without oneDNN")


@pytest.fixture
def products(monkeypatch, watch):
    """On this processor, too, and for small products; the rows of each."""
    monkeypatch.setattr(wide, "is_quicker", lambda: True)
    monkeypatch.setattr(wide, "SMALL", 0)
    monkeypatch.setattr(wide, "ROWS", 8)
    return watch(wide, "by_onednn", lambda x, weight: len(x))


def close(found, expected):
    torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("large", [0, 10**9])
@pytest.mark.parametrize("m", [8, 24, 29])
@pytest.mark.parametrize(("i", "n"), [(12, 40), (40, 12)])
class TestProducts:
    @pytest.fixture(autouse=True)
    def sizes(self, monkeypatch, large):
        monkeypatch.setattr(wide, "LARGE", large)
        torch.manual_seed(0)

    def test_rows_times(self, products, large, m, i, n):
        x, weight, base = torch.randn(m, i), torch.randn(n, i), torch.randn(m, n)
        expected, kept = x.double() @ weight.double().t(), base.clone()
        close(wide.rows_times(x, weight), expected)
        close(wide.rows_times(x, weight, base), expected + base)
        close(wide.rows_times(x, weight.t().contiguous().t()), expected)
        assert torch.equal(base, kept)
        assert len(products) == 3 and all(rows % 8 == 0 or not large for rows in products)

    def test_sum_of_rows(self, products, m, i, n):
        left, right = torch.randn(m, n), torch.randn(m, i)
        found = wide.sum_of_rows(left, right)
        assert found.is_contiguous()
        close(found, left.double().t() @ right.double())
        assert products == [min(n, i)]

    @pytest.mark.parametrize("lead", [1, 2])
    def test_linear(self, products, m, i, n, lead):
        x, layer = torch.randn(lead, m, i, requires_grad=True), wide.Linear(i, n, bias=False)
        slope = torch.randn(lead, m, n)
        layer(x).backward(slope)
        found, x.grad, weight = (x.grad, layer.weight.grad), None, layer.weight.detach().clone().requires_grad_()
        F.linear(x, weight).backward(slope)
        for ours, theirs in zip(found, (x.grad, weight.grad), strict=True):
            close(ours, theirs)
        assert len(products) == 3


def test_a_frozen_weight_gets_no_gradient(products):
    x, layer = torch.randn(16, 4, requires_grad=True), wide.Linear(4, 6, bias=False).requires_grad_(False)
    layer(x).sum().backward()
    assert len(products) == 2 and layer.weight.grad is None and x.grad is not None


@pytest.mark.parametrize(
    ("x", "layer"),
    [
        (torch.randn(16, 4).double(), wide.Linear(4, 6, bias=False).double()),
        (torch.randn(16, 4).bfloat16(), wide.Linear(4, 6, bias=False).bfloat16()),
        (torch.randn(16, 4), wide.Linear(4, 6, bias=True)),
        (torch.randn(7, 4), wide.Linear(4, 6, bias=False)),
    ],
    ids=["double", "bfloat16", "bias", "few rows"],
)
def test_left_alone(products, x, layer):
    assert torch.equal(layer(x), F.linear(x, layer.weight, layer.bias)) and not products


def test_autocast_is_left_alone(products):
    layer = wide.Linear(4, 6, bias=False)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.randn(16, 4)).dtype == torch.bfloat16
    assert not products


@pytest.mark.parametrize("bias", [None, torch.linspace(-1, 1, 12)])
@pytest.mark.parametrize("rows", [1, 8, 70])
def test_packed(bias, rows):
    torch.manual_seed(0)
    weight, x, total = torch.randn(12, 20), torch.randn(rows, 20), torch.randn(rows, 12)
    packed, expected = wide.Packed(weight, bias), F.linear(x, weight, bias)
    close(packed(x), expected)
    close(packed.added(total, x), expected + total)


def test_operations_are_counted(products):
    x, layer = torch.randn(16, 4, requires_grad=True), wide.Linear(4, 6, bias=False).requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        layer(x).sum().backward()
        wide.Packed(layer.weight, None).added(torch.zeros(16, 6), x.detach())
    assert counter.get_total_flops() == 3 * 2 * 16 * 4 * 6


@pytest.mark.parametrize(
    ("capability", "vendor", "expected"),
    [("AVX512", "AuthenticAMD", True), ("AVX2", "AuthenticAMD", False), ("AVX512", "GenuineIntel", False)],
)
def test_the_processors_it_is_for(monkeypatch, capability, vendor, expected):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(
        Path,
        "read_text",
        lambda *given, **named: f"processor\t: 0\nvendor_id\t: {vendor}\nmodel\t\t: 2\n\nprocessor\t: 1\n",
    )
    assert wide.is_quicker.__wrapped__() == expected


@pytest.mark.parametrize("trained", ["connector", "lora"])
def test_the_model_gives_the_same_numbers(build, products, monkeypatch, trained):
    model = build()
    if trained == "lora":
        add_lora(model, 4, 8)
    set_trainable(model, [trained])
    torch.manual_seed(0)
    ids = torch.randint(5, 96, (3, 21))
    ids[:, 1] = 3
    batch = {"input_ids": ids, "pixel_values": torch.randn(3, 1, 3, 16, 16)}

    def work():
        model.zero_grad()
        loss = model(**batch, labels=ids).loss
        loss.backward()
        slopes = [weight.grad for weight in model.parameters() if weight.grad is not None]
        return loss.detach(), slopes, generate_batch(model, batch, 4, eos=[])

    loss, slopes, tokens = work()
    count = len(products)
    monkeypatch.setattr(wide, "is_quicker", lambda: False)
    expected, wanted, plain_tokens = work()
    assert count > 20 and len(products) == count
    torch.testing.assert_close(loss, expected)
    for found, slope in zip(slopes, wanted, strict=True):
        torch.testing.assert_close(found, slope, rtol=1e-3, atol=3e-5 * float(slope.abs().max()))
    assert tokens == plain_tokens
