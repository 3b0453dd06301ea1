"""Whether a model is what it was: asked in every step, and so in few calls."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

SAMPLE = 512
"""Numbers of a weight, about, that are looked at to see whether it has changed."""


def modules_of(module: nn.Module) -> list[nn.Module]:
    """The module and all below it, in a fraction of the time that `modules()` takes; one that stands in two places
    comes twice.
    """
    found = [module]
    for one in found:  # which grows meanwhile
        found += [child for child in one._modules.values() if child is not None]
    return found


def weights_of(modules: Iterable[nn.Module]) -> list[nn.Parameter]:
    """The modules' own weights, each once."""
    return list(
        dict.fromkeys(weight for module in modules for weight in module._parameters.values() if weight is not None)
    )


class Snapshot:
    """Weights as they are now.

    Where they lie and how often they were written to; and, as what is written through `.data` isn't counted, a sample
    of each.
    """

    def __init__(self, weights: Iterable[Tensor]) -> None:
        self.weights = [weight.detach() for weight in weights]
        self.places = self._places(self.weights)
        self.samples = [_sample(weight) for weight in self.weights]
        self.numbers = torch.cat(self.samples)

    def is_current(self, weights: Iterable[Tensor]) -> bool:
        """Whether these are the same weights with the same numbers."""
        return self._places(weights) == self.places and torch.equal(torch.cat(self.samples), self.numbers)

    @staticmethod
    def _places(weights: Iterable[Tensor]) -> list[tuple[int, int]]:
        return [(weight.data_ptr(), -1 if weight.is_inference() else weight._version) for weight in weights]


def _sample(weight: Tensor) -> Tensor:
    """A view of some of a weight's numbers."""
    if not weight.is_contiguous():
        return weight[(0,) * (weight.ndim - 1)]
    flat = weight.view(-1)
    return flat[:: max(1, len(flat) // SAMPLE)]
