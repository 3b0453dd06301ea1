"""How fast windows are trained on: a few steps of a plain loop, timed."""

from __future__ import annotations

import time
from dataclasses import dataclass

import torch

from ..media import IGNORE_INDEX
from ..model.flamingo import FlamingoForConditionalGeneration
from .collate import Collator
from .packing.dataset import WindowDataset


@dataclass(frozen=True)
class Speed:
    """Optimizer steps and supervised tokens a second, data loading and optimizer included."""

    steps: float
    supervised_tokens: float


def training_speed(
    model: FlamingoForConditionalGeneration, dataset: WindowDataset, collator: Collator, *, steps: int
) -> Speed:
    """Train `model`, whose trainable weights are already chosen, for a few steps, after one that isn't counted.

    On a CPU seconds are the processor's, so that other work on the machine doesn't count; on a GPU the clock's.
    """
    stage, device = dataset.stage, next(model.parameters()).device
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    optimizer = torch.optim.AdamW(
        [weight for weight in model.parameters() if weight.requires_grad], stage.learning_rate, fused=True
    )
    model.train()
    start, supervised = 0.0, 0
    for step in range(-1, steps):
        if step == 0:
            start, supervised = clock(), 0
        begin = (step + 1) * stage.batch_size
        batch = collator([dataset[(begin + offset) % len(dataset)] for offset in range(stage.batch_size)])
        supervised += int((batch["labels"] != IGNORE_INDEX).sum())
        batch = {name: values.to(device) for name, values in batch.items()}
        loss = model(**batch).loss if model.training_loss is None else model.training_loss(model, batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    seconds = clock() - start
    return Speed(steps / seconds, supervised / seconds)
