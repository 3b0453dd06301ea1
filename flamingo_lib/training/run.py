"""`run_stage`: train the parts of a model that a stage tunes, resumably, and say how it went."""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..config import StageConfig
from ..errors import ConfigError
from ..seeding import derive_seed
from ..storage import fingerprint, read_json, write_json
from .collate import Collator
from .feature_cache import weights_fingerprint
from .packing.dataset import WindowDataset
from .packing.plan import PackingReport
from .trainer import StageTrainer, checkpoints, training_arguments

IDENTITY = "run.json"
"""Beside the checkpoints: what they were trained on, so that those of another run are not resumed."""


@dataclass(frozen=True)
class StageResult:
    """How a stage went.

    Attributes:
        steps: optimizer steps in all.
        resumed_from: the step this process started at.
        seconds: wall-clock time of this process's steps.
        loss: mean loss over the last tenth of the steps.
        curve: (step, mean loss since the previous entry) in order.
        tokens, supervised_tokens: seen by this process, padding excluded.
        trained_parameters: how many numbers were trained.
        packing: the first epoch's windows.
    """

    steps: int
    resumed_from: int
    seconds: float
    loss: float
    curve: tuple[tuple[int, float], ...]
    tokens: int
    supervised_tokens: int
    trained_parameters: int
    packing: PackingReport

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


class _Counting:
    """A collator that counts what it hands out."""

    def __init__(self, collator: Callable[[list], dict[str, torch.Tensor]]) -> None:
        self.collator, self.tokens, self.supervised = collator, 0, 0

    def __call__(self, rows: list) -> dict[str, torch.Tensor]:
        self.tokens += sum(len(row) for row in rows)
        self.supervised += sum(int(row.labelled.sum()) for row in rows)
        return self.collator(rows)


def world_size() -> int:
    """Processes of this run, as `torchrun` and `accelerate launch` announce them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def run_stage(
    model: nn.Module,
    stage: StageConfig,
    dataset: WindowDataset,
    work_dir: str | os.PathLike,
    *,
    seed: int,
    collator: Collator,
    label: str = "training",
    save_every: int | None = 50,
    log_every: int = 10,
    fsdp: bool = False,
    bf16: bool = False,
    cpu: bool | None = None,
    checkpoint_activations: bool = False,
    keep_checkpoints: bool = False,
) -> StageResult:
    """Train `model`, whose trainable weights are already chosen, on the windows of `dataset`.

    A run that was interrupted, however hard, goes on from its newest checkpoint in `work_dir` and ends with the same
    weights, bit by bit, as one that was not. Checkpoints of another stage, seed, data set or model are thrown away.

    Args:
        work_dir: where checkpoints stand while the run lasts; emptied at its end.
        collator: makes batches, visual inputs included.
        save_every: steps between checkpoints; None for none.
        log_every: steps between points of the loss curve; at least five points are taken.
        fsdp, bf16, cpu, checkpoint_activations: see `trainer.training_arguments`.
        keep_checkpoints: leave the checkpoints where they are.

    Raises:
        ConfigError: nothing to train, or a batch size that can't be divided.
        FlamingoError: the loss is not a number, or the disk is full.
    """
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    if not trained:
        raise ConfigError("the stage trains nothing", remedy="Name the parts to train in its setting `tunes`.")
    if collator.isolate_turns and getattr(model.config.text_config, "_attn_implementation", "sdpa") not in (
        "sdpa",
        None,
    ):
        raise ConfigError("isolate_turns needs the sdpa attention of the language model")
    folder = Path(work_dir)
    arguments = training_arguments(
        stage,
        folder,
        steps=dataset.steps,
        seed=derive_seed(seed, "trainer"),
        save_every=save_every,
        log_every=max(1, min(log_every, dataset.steps // 5)),
        processes=world_size(),
        fsdp=fsdp,
        bf16=bf16,
        cpu=cpu,
        checkpoint_activations=checkpoint_activations,
    )
    counting = _Counting(collator)
    config = copy.deepcopy(model.config)
    trainer = StageTrainer(label=label, model=model, args=arguments, train_dataset=dataset, data_collator=counting)
    identity = {
        "stage": stage.model_dump(mode="json"),
        "seed": seed,
        "steps": dataset.steps,
        "data": _data_identity(dataset),
        "trains": [name for name, _ in trained],
        "start": weights_fingerprint([model]),
    }
    with arguments.main_process_first(local=False):
        newest = _resumable(folder, identity)
    begin = time.monotonic()
    trainer.train(resume_from_checkpoint=str(newest) if newest else None)
    seconds = time.monotonic() - begin
    if trainer.is_fsdp_enabled:
        _gather(model)
    model.config = config
    trainer.accelerator.wait_for_everyone()
    if arguments.should_save and not keep_checkpoints:
        shutil.rmtree(folder, ignore_errors=True)
    curve = tuple((int(entry["step"]), float(entry["loss"])) for entry in trainer.state.log_history if "loss" in entry)
    tail = [loss for step, loss in curve if step > 0.9 * dataset.steps] or [loss for _, loss in curve[-1:]]
    return StageResult(
        steps=dataset.steps,
        resumed_from=int(newest.name.removeprefix("checkpoint-")) if newest else 0,
        seconds=seconds,
        loss=sum(tail) / max(len(tail), 1),
        curve=curve,
        tokens=counting.tokens,
        supervised_tokens=counting.supervised,
        trained_parameters=sum(weight.numel() for _, weight in trained),
        packing=dataset.plan(0).report(dataset.table.sizes),
    )


def _resumable(folder: Path, identity: dict[str, Any]) -> Path | None:
    """The newest checkpoint of this very run; what others left is removed."""
    file = folder / IDENTITY
    key = fingerprint(identity)
    if file.exists() and read_json(file).get("key") == key:
        found = checkpoints(folder)
        return found[-1] if found else None
    shutil.rmtree(folder, ignore_errors=True)
    write_json(file, {"key": key} | identity)
    return None


def _data_identity(dataset: WindowDataset) -> str:
    table = dataset.table
    digest = hashlib.blake2b(digest_size=16)
    for column in (table.ids, table.labelled, table.attended, table.offsets, table.header):
        digest.update(np.ascontiguousarray(column).view(np.uint8).data)
    return fingerprint(digest.hexdigest(), table.names, table.images)


def _gather(model: nn.Module) -> None:
    """Bring sharded weights back together, so that `model` is as after any other run."""
    from torch.distributed.tensor import DTensor

    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            if isinstance(weight, DTensor):
                setattr(module, name, nn.Parameter(weight.full_tensor().detach(), requires_grad=weight.requires_grad))
