"""Pieces of one memory put together without copying, and others by copying."""

import pytest
import torch

from flamingo_lib.model.pieces import halves, is_kept, joined


def whole():
    return torch.arange(2 * 3 * 6.0).view(2, 3, 6)


@pytest.mark.parametrize("dim", [0, 1, 2, -1])
def test_pieces_of_one_tensor_are_it(dim):
    x = whole()
    found = joined(x.split(1, dim), dim)
    assert torch.equal(found, x) and found.data_ptr() == x.data_ptr()


def test_a_part_of_it():
    x = whole()
    found = joined(x[1:, :, 1:5].split([1, 3], dim=2), 2)
    assert torch.equal(found, x[1:, :, 1:5]) and found.data_ptr() == x[1:, :, 1:5].data_ptr()


@pytest.mark.parametrize(
    "pieces",
    [
        lambda x: (x[:, :, 3:], x[:, :, :3]),
        lambda x: (x[:, :, :2], x[:, :, 3:]),
        lambda x: (x[:, :, :3], x[:, :, :3]),
        lambda x: (x[:, :, :3], x[:, :, 3:].clone()),
        lambda x: (x[:, :, :3], whole()[:, :, 3:]),
        lambda x: (x[:, :, :3], x[:, :, 3:].transpose(0, 2)[:2, :, :2]),
        lambda x: (torch.zeros(()).expand(2, 3, 2),) * 2,
    ],
    ids=["in other order", "with a gap", "the same twice", "another layout", "another memory", "turned", "expanded"],
)
def test_others_are_copied(pieces):
    x = whole()
    parts = pieces(x)
    found = joined(parts, 2)
    assert torch.equal(found, torch.cat(parts, 2)) and found.data_ptr() != x.data_ptr()


def test_halves_have_the_gradients_of_chunks():
    x, slopes = torch.randn(2, 3, 8, requires_grad=True), torch.randn(2, 2, 3, 4)
    found = halves(x)
    assert "_Halves" in type(found[0].grad_fn).__name__ and all(map(torch.equal, found, x.chunk(2, dim=-1)))
    apart, together = ([*slopes], [*torch.cat([*slopes], dim=-1).chunk(2, dim=-1)])
    for given in (apart, together):
        (slope,) = torch.autograd.grad(found, x, given, retain_graph=True)
        assert torch.equal(slope, torch.cat(apart, dim=-1))


def test_of_other_formats_there_are_second_derivatives():
    x = torch.randn(3, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda x: tuple(half**2 for half in halves(x)), x)


def test_a_half_that_is_not_used_has_no_gradient():
    x = torch.randn(3, 8, requires_grad=True)
    (slope,) = torch.autograd.grad(halves(x)[1].sum(), x)
    assert torch.equal(slope, torch.tensor([0.0, 1.0]).repeat_interleave(4).expand(3, 8))


@pytest.mark.parametrize("kept", [False, True])
def test_a_backward_pass_knows_whether_there_may_be_another(kept):
    known = []
    x = torch.ones(2, requires_grad=True)
    result = 2 * x
    result.register_hook(lambda slope: known.append(is_kept()))
    result.sum().backward(retain_graph=kept)
    assert known == [kept]
