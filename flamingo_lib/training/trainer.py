"""One training stage on Hugging Face `Trainer`: what we set, and the little that is ours.

Ours are: windows in planned order (no shuffling sampler), checkpoints that appear whole or not at all and hold the
trained weights only, a progress line, and an error where a loss is not a number. Everything else (accumulation,
DDP, FSDP, optimizer, schedule, clipping, resume) is `Trainer`'s.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Callable, Mapping, Sized
from pathlib import Path
from typing import Any, cast

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.utils.data import SequentialSampler
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import ProgressCallback

from ..config import StageConfig
from ..errors import CheckpointError, ConfigError, FlamingoError, StorageError
from ..progress import Progress
from ..storage import is_disk_full, storage_error, write_json

WEIGHTS = "trained.safetensors"
"""The file of a checkpoint that holds the trained weights."""

ABOUT = "about.json"
"""The file of a checkpoint that says what it was trained from, and how many tokens it has seen."""

LAYER_CLASS = "FlamingoLayer"
"""The module that FSDP shards by."""


def training_arguments(
    stage: StageConfig,
    folder: str | os.PathLike,
    *,
    steps: int,
    seed: int,
    save_every: int | None,
    log_every: int = 10,
    processes: int = 1,
    fsdp: bool = False,
    bf16: bool = False,
    cpu: bool | None = None,
    checkpoint_activations: bool = False,
) -> TrainingArguments:
    """`TrainingArguments` of a stage.

    From the paper (Table 4): learning rate, batch size, epochs, BF16. Ours, where it is silent: AdamW with betas (0.9,
    0.98), no weight decay, linear warm-up then linear decay, clipping at 1.

    Args:
        steps: optimizer steps in all.
        save_every: steps between checkpoints; None saves none.
        processes: how many processes share a batch.
        fsdp: shard parameters by decoder layer (FSDP2) instead of copying them.
        cpu: force (or forbid) the CPU; None takes an accelerator if there is one.

    Raises:
        ConfigError: the batch can't be divided among micro batches and processes.
    """
    cpu = not torch.cuda.is_available() if cpu is None else cpu
    micro = min(stage.micro_batch_size, max(stage.batch_size // processes, 1))
    if stage.batch_size % (micro * processes):
        raise ConfigError(
            (
                f"a batch of {stage.batch_size} windows can't be divided among {processes} processes in micro batches "
                f"of {micro}"
            ),
            remedy="Let batch_size be a multiple of micro_batch_size times the number of processes.",
        )
    sharding: dict[str, Any] = {}
    if fsdp:
        sharding = {
            "fsdp": True,
            "fsdp_config": {
                "auto_wrap_policy": "TRANSFORMER_BASED_WRAP",
                "transformer_layer_cls_to_wrap": [LAYER_CLASS],
                "activation_checkpointing": checkpoint_activations,
            },
        }
    return TrainingArguments(
        output_dir=str(folder),
        max_steps=steps,
        per_device_train_batch_size=micro,
        gradient_accumulation_steps=stage.batch_size // (micro * processes),
        learning_rate=stage.learning_rate,
        lr_scheduler_type=stage.schedule,
        warmup_steps=min(stage.warmup_steps, steps // 2),
        optim="adamw_torch_fused",
        adam_beta1=stage.betas[0],
        adam_beta2=stage.betas[1],
        weight_decay=stage.weight_decay,
        max_grad_norm=stage.max_grad_norm,
        bf16=bf16,
        use_cpu=cpu,
        ddp_backend="gloo" if cpu and processes > 1 else None,
        ddp_find_unused_parameters=False,
        activation_checkpointing=checkpoint_activations and not fsdp,
        average_tokens_across_devices=True,
        seed=seed % (1 << 32),
        remove_unused_columns=False,
        dataloader_num_workers=0,
        dataloader_pin_memory=not cpu,
        logging_strategy="steps",
        logging_steps=log_every,
        logging_nan_inf_filter=False,
        save_strategy="steps" if save_every else "no",
        save_steps=save_every or steps,
        save_total_limit=2,
        report_to=[],
        disable_tqdm=True,
        **sharding,
    )


class StageTrainer(Trainer):
    """`Trainer` over a `WindowDataset`; see the module's description.

    Args:
        label: shown with the progress.
        about: JSON values to write into a checkpoint, asked for when it is saved.
        on_batch: called with a batch just before the model sees it.
    """

    def __init__(
        self,
        *,
        label: str,
        about: Callable[[], Mapping[str, Any]] | None = None,
        on_batch: Callable[[Mapping[str, Any]], None] | None = None,
        **arguments: Any,
    ) -> None:
        super().__init__(**arguments)
        self._about, self._on_batch = about, on_batch
        for callback in (PrinterCallback, ProgressCallback):
            self.remove_callback(callback)
        self.add_callback(StageProgress(label))
        self._staging: str | None = None

    def _get_train_sampler(self, train_dataset: Any = None) -> SequentialSampler:
        return SequentialSampler(cast(Sized, self.train_dataset))

    def training_step(self, model: nn.Module, inputs: dict[str, Any], *arguments: Any, **options: Any) -> torch.Tensor:
        """Forward and backward of one micro batch."""
        if self._on_batch is not None:
            self._on_batch(inputs)
        return super().training_step(model, inputs, *arguments, **options)

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The model's own `training_loss`, if it has one and no wrapper (such as DDP) hides it."""
        training_loss = getattr(model, "training_loss", None)
        if training_loss is None or return_outputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        return training_loss(model, inputs, num_items_in_batch)

    def floating_point_ops(self, inputs: Mapping[str, Any]) -> int:
        """Not counted: it would walk through all modules in every step."""
        return 0

    def _get_output_dir(self, trial: Any) -> str:
        return self._staging or super()._get_output_dir(trial)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save into a hidden folder and rename it once every process is done, so that a checkpoint is whole."""
        folder = Path(cast(str, self.args.output_dir))
        self._staging = str(folder / ".partial")
        if self.args.should_save:
            shutil.rmtree(self._staging, ignore_errors=True)
        self.accelerator.wait_for_everyone()
        name = f"checkpoint-{self.state.global_step}"
        staging = Path(self._staging)
        try:
            super()._save_checkpoint(model, trial)
            if self.args.should_save and self._about is not None:
                write_json(staging / name / ABOUT, self._about())
        except Exception as error:  # torch and safetensors have errors of their own for a full disk
            full = is_disk_full(error, folder)
            shutil.rmtree(staging, ignore_errors=True)
            if full:
                raise StorageError(
                    f"the disk is full; the checkpoint of step {self.state.global_step} was not written",
                    file=folder,
                    remedy="Free some space and start again: the training goes on from the checkpoint before.",
                ) from error
            if isinstance(error, OSError) and (known := storage_error(error, folder)) is not None:
                raise known from error
            raise
        finally:
            self._staging = None
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            for file in sorted((staging / name).rglob("*")):
                if file.is_file():
                    with open(file, "rb") as written:
                        os.fsync(written.fileno())
            shutil.rmtree(folder / name, ignore_errors=True)
            os.rename(staging / name, folder / name)
            for old in checkpoints(folder)[: -cast(int, self.args.save_total_limit)]:
                shutil.rmtree(old, ignore_errors=True)
        self.accelerator.wait_for_everyone()

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        if not self.args.should_save:
            return
        output_dir = cast(str, output_dir or self.args.output_dir)
        os.makedirs(output_dir, exist_ok=True)
        model = cast(nn.Module, self.model)
        trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
        weights = model.state_dict() if state_dict is None else state_dict
        save_file(
            {name: weights[name].detach().contiguous().cpu() for name in sorted(trained)},
            os.path.join(output_dir, WEIGHTS),
        )

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        file = Path(resume_from_checkpoint) / WEIGHTS
        try:
            weights: dict[str, Any] = load_file(file)
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"the checkpoint cannot be read: {error}",
                file=file,
                remedy=f"Remove {file.parent}: the training goes on from the checkpoint before, or from the beginning.",
            ) from error
        target = cast(nn.Module, self.model if model is None else model)
        trained = {name for name, weight in target.named_parameters() if weight.requires_grad}
        if set(weights) != trained:
            odd = sorted(set(weights) ^ trained)[0]
            raise CheckpointError(
                f"the checkpoint and the stage train other weights, e.g. {odd}",
                file=file,
                remedy="Remove the checkpoints.",
            )
        if self.is_fsdp_enabled:
            from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

            set_model_state_dict(target, weights, options=StateDictOptions(full_state_dict=True, strict=False))
        else:
            target.load_state_dict(weights, strict=False)


class StageProgress(TrainerCallback):
    """A bar or a line every few seconds, with the loss beside it; stops at a loss that is not a number."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.progress: Progress | None = None
        self.note = ""

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Start the bar in the main process."""
        if state.is_world_process_zero:
            self.progress = Progress(self.label, state.max_steps - state.global_step, "steps").__enter__()

    def on_log(
        self, args: TrainingArguments, state: Any, control: Any, logs: Mapping[str, float] | None = None, **kwargs: Any
    ) -> None:
        """Note the loss; a `FlamingoError` if it is not a number."""
        if logs and "loss" in logs:
            if not math.isfinite(logs["loss"]):
                raise FlamingoError(
                    f"{self.label}: the loss is {logs['loss']} at step {state.global_step}",
                    remedy="Lower the learning rate, or look at the data of the last steps.",
                )
            self.note = f"loss {logs['loss']:.3f}"

    def on_step_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Count the step."""
        if self.progress is not None:
            self.progress.update(1, self.note)

    def on_train_end(self, args: TrainingArguments, state: Any, control: Any, **kwargs: Any) -> None:
        """Close the bar."""
        if self.progress is not None:
            self.progress.__exit__(None, None, None)
            self.progress = None


def checkpoints(folder: str | os.PathLike) -> list[Path]:
    """The complete checkpoints in `folder`, the newest last."""
    found = [path for path in Path(folder).glob("checkpoint-*") if path.name.removeprefix("checkpoint-").isdigit()]
    return sorted(found, key=lambda path: int(path.name.removeprefix("checkpoint-")))
