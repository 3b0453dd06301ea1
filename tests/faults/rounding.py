"""How far two outputs of a training are from each other where sums were added up in another order."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from tests.faults.steady import steady

ROUNDING = 1e-3
"""The largest relative distance of weights, and of figures, that counts as rounding."""


def distance(one: Path, other: Path) -> float:
    """Relative distance of two files: of each weight's norm, or of each figure; infinite if they differ otherwise."""
    if not (one.is_file() and other.is_file()):
        return math.inf
    if one.suffix == ".safetensors":
        first, second = load_file(one), load_file(other)
        shapes = ({name: weight.shape for name, weight in weights.items()} for weights in (first, second))
        if next(shapes) != next(shapes):
            return math.inf
        pairs = ((weight.double(), second[name].double()) for name, weight in first.items())
        return max((float((a - b).norm() / a.norm().clamp_min(1e-30)) for a, b in pairs), default=0.0)
    if one.suffix == ".json":
        return _between(*(steady(json.loads(path.read_text("utf-8"))) for path in (one, other)))
    return 0.0 if one.read_bytes() == other.read_bytes() else math.inf


def _between(one: Any, other: Any) -> float:
    if type(one) is not type(other):
        return math.inf
    if isinstance(one, float):
        return abs(one - other) / max(abs(one), abs(other), 1e-30)
    if isinstance(one, dict) and one.keys() == other.keys():
        return max((_between(value, other[key]) for key, value in one.items()), default=0.0)
    if isinstance(one, list) and len(one) == len(other):
        return max(map(_between, one, other), default=0.0)
    return 0.0 if one == other else math.inf
