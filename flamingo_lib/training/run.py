"""`run_stage`: train the parts of a model that a stage tunes, resumably, and say how it went."""

from __future__ import annotations

import copy
import hashlib
import json
import os
import shutil
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from ..config import StageConfig
from ..errors import ConfigError
from ..rewriting.job_config import refuse_differences
from ..rewriting.lock import NAME as LOCK
from ..rewriting.lock import only_job
from ..seeding import derive_seed
from ..storage import fingerprint, read_json, storage_errors
from .collate import Collator
from .feature_cache import weights_fingerprint
from .packing.dataset import WindowDataset
from .results import StageResult, training_figures
from .trainer import ABOUT, StageTrainer, checkpoints, training_arguments


class TokenCounter:
    """Counts the tokens of the batches that were trained on.

    Batches are made ahead of the step that uses them, so that a collator alone would count too many at a checkpoint.
    """

    def __init__(self, collator: Callable[[list], dict[str, torch.Tensor]]) -> None:
        self.collator, self.tokens, self.supervised = collator, 0, 0
        self._ahead: deque[tuple[int, int]] = deque()

    def __call__(self, rows: list) -> dict[str, torch.Tensor]:
        """Collate `rows`."""
        self._ahead.append((sum(len(row) for row in rows), sum(int(row.labelled.sum()) for row in rows)))
        return self.collator(rows)

    def count(self, batch: Any = None) -> None:
        """The oldest batch that wasn't counted yet is trained on."""
        tokens, supervised = self._ahead.popleft()
        self.tokens, self.supervised = self.tokens + tokens, self.supervised + supervised


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
    finish: Callable[[StageResult], None] | None = None,
) -> StageResult:
    """Train `model`, whose trainable weights are already chosen, on the windows of `dataset`.

    A run that was interrupted, however hard, goes on from its newest checkpoint in `work_dir` and ends with the same
    weights, bit by bit, as one that was not. Every checkpoint says what it was trained from; one of other settings,
    data or weights is refused. One training at a time works in `work_dir`.

    Args:
        work_dir: where checkpoints stand while the run lasts; they are removed at its end.
        collator: makes batches, visual inputs included.
        save_every: steps between checkpoints; None for none.
        log_every: steps between points of the loss curve; at least five points are taken.
        fsdp, bf16, cpu, checkpoint_activations: see `trainer.training_arguments`.
        keep_checkpoints: leave the checkpoints where they are.
        finish: called in every process with the result while the checkpoints are still there, to save the model.

    Raises:
        ConfigError: nothing to train, a batch size that can't be divided, or a checkpoint of another training.
        FlamingoError: the loss is not a number, another process trains in `work_dir`, or the disk is full.
    """
    trained = [(name, weight) for name, weight in model.named_parameters() if weight.requires_grad]
    if not trained:
        raise ConfigError("the stage trains nothing", remedy="Name the parts to train in its setting `tunes`.")
    if collator.isolate_turns and getattr(cast(Any, model.config).text_config, "_attn_implementation", "sdpa") not in (
        "sdpa",
        None,
    ):
        raise ConfigError("isolate_turns needs the sdpa attention of the language model")
    folder = Path(work_dir)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
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
    counter = TokenCounter(collator)
    config = copy.deepcopy(model.config)
    identity = {
        "stage": stage.model_dump(mode="json"),
        "seed": seed,
        "steps": dataset.steps,
        "bf16": bf16,
        "data": _data_identity(dataset),
        "trains": [name for name, _ in trained],
        "start": weights_fingerprint([model]),
        "model": _config_identity(config),
    }
    trainer = StageTrainer(
        label=label,
        about=lambda: {"identity": identity, "tokens": counter.tokens, "supervised_tokens": counter.supervised},
        on_batch=counter.count,
        model=model,
        args=arguments,
        train_dataset=dataset,
        data_collator=counter,
    )
    with ExitStack() as stack:
        with arguments.main_process_first(local=False):
            if arguments.process_index == 0:
                stack.enter_context(only_job(folder))
            newest, about = resumable(folder, identity)
        counter.tokens, counter.supervised = about.get("tokens", 0), about.get("supervised_tokens", 0)
        begin = time.monotonic()
        trainer.train(resume_from_checkpoint=str(newest) if newest else None)
        seconds = time.monotonic() - begin
        if trainer.is_fsdp_enabled:
            _gather(model)
        model.config = config
        log = trainer.state.log_history
        result = StageResult(
            **training_figures(log, model, steps=dataset.steps, newest=newest, seconds=seconds),
            tokens=counter.tokens,
            supervised_tokens=counter.supervised,
            packing=dataset.plan(0).report(dataset.table.sizes),
        )
        if finish is not None:
            finish(result)
        trainer.accelerator.wait_for_everyone()
        if arguments.process_index == 0 and not keep_checkpoints:
            remove_checkpoints(folder)
    return result


def refuse_other_folder(out: str | os.PathLike) -> None:
    """A `ConfigError` if the folder `out` holds anything but a model: it would be replaced as a whole."""
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise ConfigError("a file has the name of the trained model's folder", file=out, remedy="Give another name.")
    if out.is_dir() and any(out.iterdir()) and not (out / "config.json").is_file():
        raise ConfigError(
            "the folder for the trained model holds other things, and would be replaced as a whole",
            file=out,
            remedy="Give the name of a new folder.",
        )


def resumable(folder: Path, identity: dict[str, Any]) -> tuple[Path | None, dict[str, Any]]:
    """The newest checkpoint and what it says of itself; a `ConfigError` if it is of another training."""
    found = checkpoints(folder)
    if not found:
        return None, {}
    newest, about = found[-1], {}
    if (newest / ABOUT).is_file():
        about = read_json(newest / ABOUT)
    if not isinstance(about, dict) or not isinstance(about.get("identity"), dict):
        raise ConfigError(
            f"the checkpoint doesn't say what it was trained from ({ABOUT} is missing), so it can't be resumed",
            file=newest,
            remedy=f"Give another folder, or remove {folder} to begin anew.",
        )
    refuse_differences(
        json.loads(json.dumps(identity)),
        about["identity"],
        newest,
        remedy=f"Give what it was begun with, or another folder; or remove {folder} to begin anew.",
    )
    return newest, about


def remove_checkpoints(folder: Path) -> None:
    """Take away what training wrote into `folder`, and the folder itself if nothing else is in it."""
    for path in (*checkpoints(folder), folder / ".partial"):
        shutil.rmtree(path, ignore_errors=True)
    (folder / LOCK).unlink(missing_ok=True)
    with suppress(OSError):
        folder.rmdir()


def _config_identity(config: Any) -> str:
    """A hash of a model's settings, without those that say where it came from."""
    volatile = {"_name_or_path", "architectures", "dtype", "torch_dtype", "transformers_version"}
    return fingerprint({name: value for name, value in config.to_dict().items() if name not in volatile})


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
