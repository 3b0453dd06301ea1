"""Stages from folder to folder: load a model, tune what the stage tunes on its examples, save the result.

The stages themselves are rows of the presets (`Preset.rewriter`, `Preset.stages`), the paper's in its Table 4.

```python
preset, examples = load_preset("tiny"), read_examples("chats.jsonl", "images")
train_stage("openflamingo-tiny", preset.stages["stage1"], examples, "my-model", seed=0, model_config=preset.model)
```
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from accelerate import PartialState

from ..config import ModelConfig, StageConfig
from ..cpu import optimize_for_cpu, restore
from ..errors import ConfigError
from ..loading import load_model, save_model
from ..model.lora import add_lora
from ..model.trainable import set_trainable
from ..records import Conversation
from ..seeding import derive_seed
from ..storage import require_images
from .collate import Collator
from .packing.dataset import WindowDataset
from .packing.tokenized import TokenTable, build_table
from .run import StageResult, refuse_other_folder, run_stage, world_size
from .visual_inputs import Pixels, make_visuals

if TYPE_CHECKING:
    from ..chat.template import ChatTemplate
    from ..model.flamingo import FlamingoForConditionalGeneration
    from ..model.processor import FlamingoProcessor
    from .throughput import Speed

RESULT = "training.json"
"""Beside the trained model: how its training went."""


def example_template(processor: FlamingoProcessor) -> ChatTemplate:
    """The processor's own template, set to let the media rule run over all turns of a conversation.

    A later turn of a dialogue goes on attending to the image of an earlier one; other conversations of a window are out
    of sight, since each is rendered alone. The setting is saved with the processor, so that a chat with the trained
    model is rendered as its training was.
    """
    if processor.within_turn:
        processor.within_turn = False
        processor.__dict__.pop("template", None)  # made again on demand
    return processor.template


def stage_dataset(
    examples: Iterable[Conversation], processor: FlamingoProcessor, stage: StageConfig, *, seed: int
) -> WindowDataset:
    """Render `examples` and plan their windows; dialogues longer than a window are cut between turns."""
    table = build_table(examples, example_template(processor), max_tokens=stage.context_length - 64)
    return WindowDataset(table, stage, seed=seed)


def load_base(
    name: str | os.PathLike, *, dtype: torch.dtype = torch.float32, optimize: bool = True
) -> tuple[FlamingoForConditionalGeneration, FlamingoProcessor]:
    """The model and processor of a folder, or of a checkpoint shipped with the project; see `loading.load_model`."""
    return load_model(name, role="the base model", dtype=dtype, optimize=optimize)


def prepare(
    model: FlamingoForConditionalGeneration,
    stage: StageConfig,
    config: ModelConfig,
    *,
    seed: int,
    optimize: bool = True,
) -> None:
    """Give the model fresh LoRA if the stage tunes it and there is none, and choose the trainable weights.

    Trained weights are float32, whatever the rest is in. The model is in training mode afterwards and, with `optimize`
    and the setting `optimize_for_cpu`, made fast on a CPU (see `flamingo_lib.cpu`).
    """
    if "lora" in stage.tunes and not model.config.lora:
        before = torch.get_rng_state()
        torch.manual_seed(derive_seed(seed, "lora"))
        add_lora(model, config.lora_rank, config.lora_alpha)
        torch.set_rng_state(before)
    set_trainable(model, stage.tunes)
    for weight in model.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    restore(model.train())  # weights that were packed to decode would not be those that are trained
    if optimize and config.optimize_for_cpu and config.dtype == "float32":
        optimize_for_cpu(model)


def pixel_reader(processor: FlamingoProcessor, stage: StageConfig) -> Pixels:
    """Image files to pixels, first shrunk to `stage.image_size` if that is set."""
    read = processor.image_processor.pixels
    side = stage.image_size
    if side is None:
        return read

    def shrunk(files: Sequence[str | os.PathLike]) -> torch.Tensor:
        from PIL import Image

        from ..model.image_processor import to_picture

        return read([to_picture(file).resize((side, side), Image.Resampling.BICUBIC) for file in files])

    return shrunk


def stage_collator(
    model: FlamingoForConditionalGeneration,
    processor: FlamingoProcessor,
    dataset: WindowDataset,
    *,
    cache_folder: str | os.PathLike | None = None,
    pad_to: int | None = None,
    rank: int = 0,
    processes: int = 1,
) -> Collator:
    """Makes the batches of a stage; where visual features are kept, those of all its images are computed first.

    Args:
        cache_folder: as in `train_stage`.
        pad_to: see `Collator`.
        rank, processes: this process, and of how many; each fills its share of the cache.
    """
    stage = dataset.stage
    visuals = make_visuals(
        model,
        pixel_reader(processor, stage),
        dataset.image_files,
        tunes=stage.tunes,
        cache_folder=cache_folder,
        details={"processor": _plain(processor.image_processor.to_dict()), "image_size": stage.image_size},
        rank=rank,
        processes=processes,
    )
    return Collator(
        pad_token_id=processor.tokenizer.pad_token_id,
        visuals=visuals,
        isolate_turns=stage.isolate_turns,
        attend_within_turn=stage.attend_within_turn,
        pad_to=pad_to,
    )


def train_stage(
    base: str | os.PathLike | tuple[FlamingoForConditionalGeneration, FlamingoProcessor],
    stage: StageConfig,
    examples: Iterable[Conversation],
    out: str | os.PathLike,
    *,
    seed: int,
    model_config: ModelConfig,
    cache_folder: str | os.PathLike | None = None,
    work_dir: str | os.PathLike | None = None,
    label: str = "training",
    fsdp: bool = False,
    cpu: bool | None = None,
    **options: Any,
) -> StageResult:
    """Train one stage and write the model to the folder `out`, in one step.

    Args:
        base: where the stage begins: a checkpoint's folder or shipped name, or a model (which is trained in place) with
            its processor.
        stage: the row.
        examples: its data.
        out: the folder of the trained model: weights, processor, `training.json`, and after LoRA stages the adapter.
        seed: of the windows, their order, and fresh LoRA weights.
        model_config: LoRA rank, and the number format: with "bfloat16" frozen weights are kept in it (under FSDP all
            are float32) and computation runs in it.
        cache_folder: where visual features are kept; None computes them from pixels in every step.
        work_dir: where checkpoints stand while it runs (default: `out` with ".work" appended); an interrupted run that
            finds them goes on from there.
        cpu: stay on the CPU; by default an accelerator is taken where there is one.
        options: more arguments of `run_stage`.

    Returns:
        How it went; the same numbers are in `training.json`.

    Raises:
        ConfigError: `out` is a folder with other things in it, and as `run_stage`.
    """
    refuse_other_folder(out)
    bf16 = model_config.dtype == "bfloat16"
    model, processor = (
        base
        if isinstance(base, tuple)
        else load_base(base, dtype=torch.bfloat16 if bf16 and not fsdp else torch.float32, optimize=False)
    )
    cpu = not torch.cuda.is_available() if cpu is None else cpu
    prepare(model, stage, model_config, seed=seed, optimize=cpu and not fsdp)
    dataset = stage_dataset(examples, processor, stage, seed=seed)
    rows = zip(dataset.table.names, dataset.table.images, strict=True)
    require_images((file, name) for name, files in rows for file in files)
    rank, state = int(os.environ.get("RANK", "0")), PartialState(cpu=cpu)
    model.to(state.device)
    work = Path(work_dir) if work_dir is not None else Path(f"{out}.work")
    collator = stage_collator(model, processor, dataset, cache_folder=cache_folder, rank=rank, processes=world_size())
    state.wait_for_everyone()

    def save(result: StageResult) -> None:
        restore(model)
        if rank == 0:
            notes = result.to_json() | {
                "stage": stage.model_dump(mode="json"),
                "seed": seed,
                "threads": torch.get_num_threads(),
            }
            save_model(model, processor, out, adapter="lora" in stage.tunes, notes={RESULT: notes})

    options |= {"label": label, "fsdp": fsdp, "bf16": bf16, "cpu": cpu}
    return run_stage(model, stage, dataset, work, seed=seed, collator=collator, finish=save, **options)


def stage_speed(
    base: tuple[FlamingoForConditionalGeneration, FlamingoProcessor],
    stage: StageConfig,
    table: TokenTable,
    config: ModelConfig,
    *,
    seed: int,
    steps: int,
    cache_folder: str | os.PathLike | None = None,
    pad_to: int | None = None,
) -> Speed:
    """How fast `stage` trains on the windows of `table`, over `steps` steps; the model is changed by them.

    Args:
        cache_folder: as in `train_stage`; filling the cache isn't timed.
        pad_to: see `Collator`; shapes are fixed then, and padding is computed with.
    """
    from .throughput import training_speed

    model, processor = base
    prepare(model, stage, config, seed=seed, optimize=pad_to is None)
    dataset = WindowDataset(table, stage, seed=seed)
    collator = stage_collator(model, processor, dataset, cache_folder=cache_folder, pad_to=pad_to)
    return training_speed(model, dataset, collator, steps=steps)


def stage_order(stages: Mapping[str, StageConfig]) -> list[str]:
    """Names of `stages` so that each comes after the one it starts from.

    Raises:
        ConfigError: a start that is no stage, or a circle.
    """
    order: list[str] = []
    left = dict(stages)
    while left:
        ready = [name for name, stage in left.items() if stage.start == "base" or stage.start in order]
        if not ready:
            name = min(left)
            raise ConfigError(
                f"stage {name!r} starts from {left[name].start!r}, which no stage makes",
                remedy="Use base or the name of a stage.",
            )
        order += ready
        for name in ready:
            del left[name]
    return order


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in values.items()
        if isinstance(value, (str, int, float, bool, list, tuple, type(None)))
    }
