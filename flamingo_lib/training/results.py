"""Training results: steps, time and loss curve of a training, whatever model it trained."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from torch import nn

from .packing.plan import PackingReport


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How a training went.

    Attributes:
        steps: optimizer steps in all.
        resumed_from: the step this process started at.
        seconds: wall-clock time of this process's steps.
        loss: mean loss over the last tenth of the steps.
        curve: (step, mean loss since the previous entry) in order.
        trained_parameters: the number of trained weights.
    """

    steps: int
    resumed_from: int
    seconds: float
    loss: float
    curve: tuple[tuple[int, float], ...]
    trained_parameters: int

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class StageResult(TrainingResult):
    """How a stage went.

    Attributes:
        tokens, supervised_tokens: seen in all steps, those before a resume too, by this process's share of each batch;
            padding excluded.
        packing: the first epoch's windows.
    """

    tokens: int
    supervised_tokens: int
    packing: PackingReport


@dataclass(frozen=True, kw_only=True)
class VlmResult(TrainingResult):
    """How the training of another model went.

    Attributes:
        examples: how many there were.
        attention: how packed samples were kept apart; None without packing.
        windows, fill: of the first epoch: how many windows, and the share of their positions that holds a token, 0 to
            1; None without packing.
    """

    examples: int
    attention: str | None = None
    windows: int | None = None
    fill: float | None = None


def training_figures(
    log: Iterable[Mapping[str, Any]], model: nn.Module, *, steps: int, newest: Path | None, seconds: float
) -> dict[str, Any]:
    """The fields of a `TrainingResult`.

    Args:
        log: the trainer's history, whose entries with ``loss`` have ``step``.
        model: whose weights that need gradients were trained.
        newest: the checkpoint that this process started at.
    """
    curve = tuple((int(entry["step"]), float(entry["loss"])) for entry in log if "loss" in entry)
    last = [loss for step, loss in curve if step > 0.9 * steps] or [loss for _, loss in curve[-1:]]
    return {
        "steps": steps,
        "resumed_from": int(newest.name.removeprefix("checkpoint-")) if newest else 0,
        "seconds": seconds,
        "loss": sum(last) / max(len(last), 1),
        "curve": curve,
        "trained_parameters": sum(weight.numel() for weight in model.parameters() if weight.requires_grad),
    }
