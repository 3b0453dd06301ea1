"""What tells whether a model is what it was."""

import torch
from torch import nn

from flamingo_lib.model.unchanged import Snapshot, modules_of, weights_of


def test_modules_and_weights_are_all_there(build):
    model = build()
    assert set(modules_of(model)) == set(model.modules())
    assert set(weights_of(modules_of(model))) == set(model.parameters())
    shared = nn.ModuleList([linear := nn.Linear(2, 2), linear])
    assert weights_of(modules_of(shared)) == [linear.weight, linear.bias]


def test_changes_are_seen():
    weights = [nn.Parameter(torch.randn(40, 30)), nn.Parameter(torch.randn(6)), nn.Parameter(torch.randn(5, 4).t())]
    changes = [
        lambda: weights[0].data.add_(1),  # not counted by PyTorch
        lambda: weights[0].detach()[39, 29:].zero_(),  # counted, if not sampled
        lambda: setattr(weights[1], "data", torch.zeros(6)),
        lambda: weights[2].data.mul_(2),
        lambda: weights.__setitem__(1, nn.Parameter(weights[1].detach().clone())),
    ]
    for change in changes:
        seen = Snapshot(weights)
        assert seen.is_current(weights)
        change()
        assert not seen.is_current(weights)
    assert not Snapshot(weights).is_current(weights[:2])


def test_weights_made_for_inference():
    with torch.inference_mode():
        weights = [torch.randn(3, 3)]
    seen = Snapshot(weights)
    assert seen.is_current(weights)
    with torch.inference_mode():
        weights[0].add_(1)
    assert not seen.is_current(weights)
