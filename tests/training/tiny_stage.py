"""A Flamingo of a few thousand weights on random windows, trained in a process of its own.

    python tests/training/tiny_stage.py OUT [single] [ddp] [fsdp]

trains once in each way named and writes OUT/<way>.safetensors and OUT/<way>.json; under torchrun with as many
processes as it is started with.
"""

import json
import os
import signal
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import LlamaConfig

from flamingo_lib.config import StageConfig
from flamingo_lib.model.config import FlamingoConfig
from flamingo_lib.model.flamingo import FlamingoForConditionalGeneration
from flamingo_lib.training.collate import Collator
from flamingo_lib.training.packing.dataset import WindowDataset
from flamingo_lib.training.packing.tokenized import TokenTable
from flamingo_lib.training.run import run_stage
from flamingo_lib.training.visual_inputs import Visuals

WIDTH = 32
STAGE = StageConfig(
    context_length=48,
    max_images=2,
    max_steps=10,
    batch_size=8,
    micro_batch_size=2,
    warmup_steps=2,
    learning_rate=1e-2,
    packing="best_fit",
)


def tiny_model(dropout: float = 0.1) -> FlamingoForConditionalGeneration:
    torch.manual_seed(0)
    text = LlamaConfig(
        vocab_size=60,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        attention_dropout=dropout,
        pad_token_id=0,
    )
    tower = {"image_size": 16, "patch_size": 8, "width": WIDTH, "layers": 1, "head_width": 16}
    model = FlamingoForConditionalGeneration(
        FlamingoConfig(
            text_config=text,
            vision_config={"source": "open_clip", "embed_dim": 16, "quick_gelu": False, "vision_cfg": tower},
            num_latents=3,
            resampler_depth=1,
            resampler_heads=2,
            resampler_dim_head=8,
            cross_attention_every=1,
            cross_attention_heads=2,
            cross_attention_dim_head=8,
            gate_init=0.5,
            image_token_id=5,
        )
    )
    for name, weight in model.named_parameters():
        weight.requires_grad_("perceiver" in name or "gated_cross" in name or "q_proj" in name)
    return model


def tiny_table(count: int = 120) -> TokenTable:
    random = np.random.default_rng(0)
    lengths = random.integers(8, 30, count)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = random.integers(7, 60, offsets[-1]).astype(np.int32)
    labelled, attended = np.zeros(len(ids), bool), np.zeros(len(ids), np.uint8)
    images = []
    for index, (begin, end) in enumerate(pairwise(offsets)):
        labelled[(begin + end) // 2 : end] = True
        if index % 3:
            ids[begin], attended[begin:end] = 5, 1
        images.append((f"{index}.png",) if index % 3 else ())
    return TokenTable(
        ids,
        labelled,
        attended,
        offsets,
        tuple(images),
        tuple(f"r{i}" for i in range(count)),
        np.array([1, 8], np.int32),
    )


def fetch(files):
    return np.stack(
        [np.random.default_rng(int(name.split(".")[0])).standard_normal((4, WIDTH), dtype=np.float32) for name in files]
    )


class Killing(WindowDataset):
    """Kills its own process, as hard as can be, when window `kill_at` is asked for."""

    kill_at = -1

    def __getitem__(self, index):
        if index == self.kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__getitem__(index)


def train(work_dir, *, kill_at=-1, fsdp=False, dropout=0.1, stage=STAGE, save_every=2, **options):
    torch.set_num_threads(1)
    model = tiny_model(dropout)
    dataset = Killing(tiny_table(), stage, seed=3)
    dataset.kill_at = kill_at
    collator = Collator(pad_token_id=0, visuals=Visuals(form="vision_tokens", fetch=fetch, shape=(4, WIDTH)))
    result = run_stage(
        model,
        stage,
        dataset,
        work_dir,
        seed=7,
        collator=collator,
        save_every=save_every,
        log_every=1,
        fsdp=fsdp,
        cpu=True,
        **options,
    )
    return model, result


def write(folder, name, model, result):
    save_file(
        {key: weight.contiguous() for key, weight in model.state_dict().items()},
        str(Path(folder) / f"{name}.safetensors"),
    )
    (Path(folder) / f"{name}.json").write_text(json.dumps(result.to_json()))


def main(folder, ways):
    from accelerate.state import AcceleratorState, GradientState, PartialState

    for way in ways:
        model, result = train(Path(folder) / f"{way}-work", fsdp=way == "fsdp", dropout=0.0, save_every=4)
        if int(os.environ.get("RANK", "0")) == 0:
            write(folder, way, model, result)
        AcceleratorState._reset_state()
        GradientState._reset_state()
        PartialState._shared_state.clear()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
