"""Train any image-text-to-text model as a rewriter: LoRA on its language model by PEFT, the run by `Trainer`."""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...config import ModelConfig, StageConfig
from ...errors import CheckpointError, ConfigError
from ...hub import quiet_loading
from ...records import Conversation
from ...rewriting.backends.settings import ADAPTER_CONFIG, BackendConfig, backend_identity, model_folders
from ...rewriting.backends.vlm import context_length, load_vlm, quiet_peft
from ...rewriting.lock import only_job
from ...seeding import derive_seed
from ...storage import atomic_folder, require_images, storage_errors, write_json
from ..results import VlmResult, training_figures
from ..run import refuse_other_folder, remove_checkpoints, resumable, world_size
from ..trainer import StageTrainer, training_arguments
from .examples import VlmDataset, make_example
from .labels import VlmCollator, check_lengths
from .windows import PackedVlmDataset, encoded_lengths, packed_collator

RESULT = "training.json"


def add_lora_adapter(model: Any, config: ModelConfig, *, seed: int) -> Any:
    """`model` as a `PeftModel` with LoRA on every linear layer of its language model; nothing else is trained.

    Raises:
        CheckpointError: it has no language model with linear layers.
    """
    from peft import LoraConfig, get_peft_model

    decoder = model.get_decoder()
    inside = {id(module) for module in decoder.modules() if isinstance(module, nn.Linear)}
    names = [name for name, module in model.named_modules() if id(module) in inside]
    if not names:
        raise CheckpointError("the model's language model has no linear layers", remedy="Give another model.")
    before = torch.get_rng_state()
    torch.manual_seed(derive_seed(seed, "lora"))
    lora = LoraConfig(r=config.lora_rank, lora_alpha=config.lora_alpha, target_modules=names, lora_dropout=0.0)
    with quiet_peft():
        adapted = get_peft_model(model, lora)
    torch.set_rng_state(before)
    for weight in adapted.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return adapted


def train_vlm(
    name: str,
    stage: StageConfig,
    conversations: Iterable[Conversation],
    out: str | os.PathLike,
    *,
    seed: int,
    model_config: ModelConfig,
    settings: BackendConfig | None = None,
    merge: bool = False,
    work_dir: str | os.PathLike | None = None,
    label: str = "training",
    cpu: bool | None = None,
    save_every: int | None = 50,
    pack: int | None = None,
) -> VlmResult:
    """Train a rewriter on distorted pairs, and write the adapter (or with `merge` the whole model) to the folder `out`.

    Args:
        name: the model's folder, or its name in the hub's cache.
        stage: learning rate, batch size, epochs or steps. LoRA is trained, whatever else the row would tune.
        conversations: pairs as `examples.pair_examples` makes them; also chats of one turn with a draft.
        seed: of the order, and of fresh LoRA weights.
        model_config: LoRA rank; with "bfloat16" the frozen weights are kept in it, and computation runs in it.
        settings: prompt and system message, as rewriting will use them.
        work_dir: where checkpoints stand while it runs (default: `out` with ".work" appended); an interrupted training
            that finds them goes on from there.
        cpu: stay on the CPU; by default an accelerator is taken where there is one.
        save_every: steps between checkpoints; None for none.
        pack: put whole examples that don't see each other into windows of so many tokens and up to `stage.max_images`
            images; the stage's batch sizes then count windows. None trains on rows of one example.

    Raises:
        ConfigError: `out` is a folder with other things in it, a format prompt, checkpoints of another training, or
            windows longer than the model's context.
        MissingAsset, CheckpointError: as `vlm.load_vlm`; with `pack`, a model that can't keep packed examples apart.
        DataError: a record that is no pair, an image that is missing, or an example longer than the model's context or
            than a window, or with more images than a window may hold.
    """
    _refuse_other_folder(Path(out))
    bf16 = model_config.dtype == "bfloat16"
    settings = (settings or BackendConfig()).model_copy(
        update={"kind": "transformers", "dtype": "bfloat16" if bf16 else "float32"}
    )
    if settings.style_prompt is not None:
        raise ConfigError("a format prompt is for untrained models", remedy="Leave it out, or give a prompt.")
    cpu = not torch.cuda.is_available() if cpu is None else cpu
    model, chat = load_vlm(name, settings.model_copy(update={"adapter": None}))
    template = settings.template
    examples = [make_example(chat, template, conversation) for conversation in conversations]
    require_images((file, example.id) for example in examples for file in example.images)
    longest = context_length(model)
    collator: Any = VlmCollator(chat, longest)
    dataset: VlmDataset | PackedVlmDataset
    if pack is None:
        check_lengths(chat, examples, longest)
        dataset = VlmDataset(examples, stage, seed=seed)
    else:
        if pack > longest:
            raise ConfigError(
                f"windows of {pack} tokens are longer than the model's context of {longest}",
                remedy="Pack into shorter windows.",
            )
        dataset = PackedVlmDataset(
            examples, encoded_lengths(chat, examples), stage, context_length=pack, seed=derive_seed(seed, "windows")
        )
    folder = Path(work_dir) if work_dir is not None else Path(f"{out}.work")
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    arguments = training_arguments(
        stage,
        folder,
        steps=dataset.steps,
        seed=derive_seed(seed, "trainer"),
        save_every=save_every,
        log_every=max(1, min(10, dataset.steps // 5)),
        processes=world_size(),
        bf16=bf16,
        cpu=cpu,
    )
    figures: dict[str, Any] = {"examples": len(examples)}
    if isinstance(dataset, PackedVlmDataset):
        collator = packed_collator(model.to(arguments.device), collator, examples)
        figures |= {
            "attention": collator.pack.attention,
            "windows": len(dataset.windows(0)),
            "fill": dataset.fill,
        }
    model = add_lora_adapter(model, model_config, seed=seed).train()
    lines = "\n".join(map(repr, examples)).encode("utf-8", "surrogatepass")
    identity = {
        "stage": stage.model_dump(mode="json"),
        "seed": seed,
        "lora": [model_config.lora_rank, model_config.lora_alpha],
        "data": hashlib.blake2b(lines, digest_size=16).hexdigest(),
        "backend": backend_identity(name, settings.model_copy(update={"adapter": None})),
    } | ({} if pack is None else {"pack": pack})
    trainer = StageTrainer(
        label=label,
        about=lambda: {"identity": identity},
        model=model,
        args=arguments,
        train_dataset=dataset,
        data_collator=collator,
    )
    with ExitStack() as stack:
        with arguments.main_process_first(local=False):
            if arguments.process_index == 0:
                stack.enter_context(only_job(folder))
            newest, _ = resumable(folder, json.loads(json.dumps(identity)))
        begin = time.monotonic()
        trainer.train(resume_from_checkpoint=str(newest) if newest else None)
        seconds = time.monotonic() - begin
        log = trainer.state.log_history
        result = VlmResult(
            **training_figures(log, model, steps=dataset.steps, newest=newest, seconds=seconds), **figures
        )
        notes = result.to_json() | {"stage": identity["stage"], "seed": seed, "backend": identity["backend"]}
        if arguments.process_index == 0:
            _save(model, chat.processor, Path(out), name, notes, merge=merge)
        trainer.accelerator.wait_for_everyone()
        if arguments.process_index == 0:
            remove_checkpoints(folder)
    return result


def _save(model: Any, processor: Any, out: Path, name: str, notes: dict[str, Any], *, merge: bool) -> None:
    folder = model_folders(name, BackendConfig(kind="transformers"))[0]
    with quiet_loading(), atomic_folder(out) as path:
        if merge:
            model.merge_and_unload().save_pretrained(path)
        else:
            base = str(folder.absolute()) if Path(name).expanduser().is_dir() else name
            model.peft_config["default"].base_model_name_or_path = base
            model.save_pretrained(path)
            (path / "README.md").unlink(missing_ok=True)  # PEFT's form, not filled in
        processor.save_pretrained(path)
        write_json(path / RESULT, notes)


def _refuse_other_folder(out: Path) -> None:
    """As `run.refuse_other_folder`; a folder with an adapter may be replaced too."""
    if not (out / ADAPTER_CONFIG).is_file():
        refuse_other_folder(out)
