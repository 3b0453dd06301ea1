"""Training: what multi-turn windows, cached features and Hugging Face `Trainer` cost or save.

Run `python benchmarks/training.py [--quick] [--json FILE]`. Speeds are those of one process on one thread; the rows
that take minutes, those of the whole pipeline and of the small preset's model, are left out with ``--quick``. What
cached features gain is
measured by the clock with all cores, too, as training runs: steps take turns, so that other work on the machine meets
    both sides.

What several turns a window gain over one depends on what one-turn windows are padded to, so both are given. Fixed
shapes (every window as long as the context, as compiled graphs and the paper's setting have them) waste the most; where
padding is left out (`flamingo_lib/cpu`), short windows only make small batches. What the feature cache gains depends
on the tower's
size: the tiny one costs less than opening the files.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

from harness import ROOT, Row, in_fresh_process, main

from flamingo_lib.config import StageConfig
from flamingo_lib.presets import load_preset
from flamingo_lib.records import Conversation, Turn
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.language import conversation, paragraph, polite, text_dialogue
from flamingo_lib.scenes.questions import ask
from flamingo_lib.scenes.render import render

CONTEXT = 1024

PLAN_MILLION = """
import sys, time
import numpy as np
from flamingo_lib.training.packing.strategies import plan_windows
from flamingo_lib.training.packing.plan import Sizes
count, draw = int(sys.argv[1]), np.random.default_rng(0)
kind = draw.random(count)
means = np.where(kind < 0.64, 5.4, np.where(kind < 0.87, 5.0, 4.0))  # log of tokens: texts, visual dialogues, rewrites
tokens = np.clip(draw.lognormal(means, 0.6), 20, 980).astype(np.int64)
sizes = Sizes(tokens, (kind >= 0.64).astype(np.int64), tokens // 4, tokens - tokens // 4)
start = time.perf_counter()
plan = plan_windows(sizes, strategy="best_fit", context_length=1024, max_images=10, header=36, seed=0, batch_size=256)
print(time.perf_counter() - start)
"""


@cache
def pictures() -> Path:
    """A folder of 200 scenes, as `flamingo scenes` renders them."""
    folder = Path(tempfile.mkdtemp(prefix="flamingo-bench-"))
    for number in range(200):
        render(draw_scene(0, f"s{number}"), 224).save(folder / f"{number}.jpg", quality=92)
    return folder


@cache
def stage1_mixture(count: int) -> list[Conversation]:
    """Examples in stage 1's proportions: texts 64 %, visual dialogues and descriptions 23 %, rewrites 13 %."""
    examples = []
    for number in range(count):
        draw, kind = random.Random(number), (number * 61 % 100) / 100
        scene, files = draw_scene(0, f"s{number % 200}"), (str(pictures() / f"{number % 200}.jpg"),)
        if kind < 0.64:
            turns, files = [text_dialogue(draw)[:2]], ()
        elif kind < 0.76:
            turns = [("Describe the image in detail.", paragraph(draw, scene))]
        elif kind < 0.87:
            turns = conversation(draw, scene, [ask(scene, draw) for _ in range(draw.choice((2, 3)))])
        else:
            question = ask(scene, draw)
            turns = [(question.text, polite(draw, scene, question))]
        chat = tuple(Turn(*turn, images=len(files) if not index else 0) for index, turn in enumerate(turns))
        examples.append(Conversation(str(number), chat, files))
    return examples


@cache
def questions(count: int) -> list[Conversation]:
    """Visual questions with polite answers, as stage 2 reads them."""
    examples = []
    for number in range(count):
        draw, scene = random.Random(number), draw_scene(0, f"s{number % 200}")
        question = ask(scene, draw)
        turn = Turn(question.text, polite(draw, scene, question), images=1)
        examples.append(Conversation(str(number), (turn,), (str(pictures() / f"{number % 200}.jpg"),)))
    return examples


def base() -> Any:
    """The tiny preset's base, fresh."""
    import torch

    from flamingo_lib.training.stages import load_base

    torch.set_num_threads(1)
    return load_base(load_preset("tiny").model.base)


def speed(stage: StageConfig, examples: list[Conversation], steps: int, *, pad_to: int | None = None) -> Any:
    """`stages.stage_speed` of the tiny base: per second of processor time, data loading and optimizer included.

    Args:
        pad_to: see `Collator`.
    """
    from flamingo_lib.training.packing.tokenized import build_table
    from flamingo_lib.training.stages import example_template, stage_speed

    model, processor = base()
    table = build_table(examples, example_template(processor), max_tokens=stage.context_length - 64)
    with tempfile.TemporaryDirectory() as folder:
        options = {"seed": 0, "steps": steps, "cache_folder": folder, "pad_to": pad_to}
        return stage_speed((model, processor), stage, table, load_preset("tiny").model, **options)


def supervised_tokens(pad_to: int | None) -> Any:
    """Supervised tokens a second of LoRA training: windows filled by `best_fit` over windows of one sample."""

    def measure(quick: bool) -> float:
        row = StageConfig(
            tunes=("lora",), context_length=CONTEXT, max_images=10, batch_size=8, micro_batch_size=8, max_steps=100
        )
        alone, filled = (row.model_copy(update={"packing": packing}) for packing in ("none", "best_fit"))
        examples = stage1_mixture(4000)
        one = speed(alone, examples, (2 if pad_to else 20) if quick else (6 if pad_to else 60), pad_to=pad_to)
        many = speed(filled, examples, 2 if quick else 6, pad_to=pad_to)
        return many.supervised_tokens / one.supervised_tokens

    return measure


def fill(packing: str) -> Any:
    """How full the first epoch's windows are."""

    def measure(quick: bool) -> float:
        from flamingo_lib.training.packing.report import compare_strategies
        from flamingo_lib.training.packing.tokenized import build_table
        from flamingo_lib.training.stages import example_template

        table = build_table(stage1_mixture(4000 if quick else 20_000), example_template(base()[1]))
        stage = StageConfig(context_length=CONTEXT, max_images=10, batch_size=16)
        return compare_strategies(table, stage, seed=0)[packing].fill

    return measure


def plan_million_s(quick: bool) -> float:
    """Seconds to plan the windows of a million samples."""
    return in_fresh_process(PLAN_MILLION, "1000000")[0]


def plan_million_peak_mb(quick: bool) -> float:
    """Peak memory of the process that does it, MB."""
    return in_fresh_process(PLAN_MILLION, "1000000")[1]


def loss_of(model: Any, batch: dict[str, Any]) -> Any:
    """A batch's loss as `StageTrainer` takes it."""
    return model(**batch).loss if model.training_loss is None else model.training_loss(model, batch)


def cached_vs_uncached(threads: int, clock: Callable[[], float]) -> Any:
    """Steps a second of the tiny preset's stage 2: with the tower's tokens from the cache over pixels read in every
    step.

    Both train on the same windows and take turns, step by step; the ratio is that of the median steps.
    """

    def measure(quick: bool) -> float:
        import torch

        from flamingo_lib.training.stages import prepare, stage_collator, stage_dataset

        preset = load_preset("tiny")
        stage = preset.stages["stage2"]
        model, processor = base()
        torch.set_num_threads(threads)
        prepare(model, stage, preset.model, seed=0)
        dataset = stage_dataset(questions(2000), processor, stage, seed=0)
        optimizer = torch.optim.AdamW(
            [weight for weight in model.parameters() if weight.requires_grad], stage.learning_rate, fused=True
        )
        model.train()
        taken: dict[bool, list[float]] = {True: [], False: []}
        with tempfile.TemporaryDirectory() as folder:
            collators = {
                cached: stage_collator(model, processor, dataset, cache_folder=folder if cached else None)
                for cached in taken
            }
            for step in range(9 if quick else 41):
                for cached in (True, False) if step % 2 else (False, True):
                    start = clock()
                    batch = collators[cached](
                        [dataset[step * stage.batch_size + offset] for offset in range(stage.batch_size)]
                    )
                    loss_of(model, batch).backward()
                    optimizer.step()
                    optimizer.zero_grad()
                    if step:
                        taken[cached].append(clock() - start)
        return median(taken[False]) / median(taken[True])

    return measure


def small_base() -> Any:
    """A model of the small preset's size, its weights random: SmolLM2-135M's layers, ViT-B/16 at 224 pixels."""
    import torch

    from flamingo_lib.model.flamingo import FlamingoForConditionalGeneration
    from flamingo_lib.model.image_processor import FlamingoImageProcessor
    from flamingo_lib.model.processor import FlamingoProcessor
    from flamingo_lib.training.resource_plan import known_config

    _, processor = base()
    torch.manual_seed(0)
    config = known_config("flamingo-small")
    config.image_token_id = processor.template.image_token_id
    return FlamingoForConditionalGeneration(config), FlamingoProcessor(
        FlamingoImageProcessor(size=224), processor.tokenizer
    )


def stage2_cached_vs_uncached_small(quick: bool) -> float:
    """The same of the small preset's stage 2, two windows a step."""
    from flamingo_lib.training.packing.tokenized import build_table
    from flamingo_lib.training.stages import example_template, stage_speed

    preset, rates = load_preset("small"), []
    stage = preset.stages["stage2"].model_copy(update={"batch_size": 2, "micro_batch_size": 2})
    for cached in (True, False):
        model, processor = small_base()
        table = build_table(questions(18), example_template(processor))
        with tempfile.TemporaryDirectory() as folder:
            options = {"seed": 0, "steps": 1 if quick else 2, "cache_folder": folder if cached else None}
            rates.append(stage_speed((model, processor), stage, table, preset.model, **options).steps)
    return rates[0] / rates[1]


def trainer_vs_bare(quick: bool) -> float:
    """Processor time of a stage under `Trainer` over that of a plain loop with the same batches, 16 windows of 160
    tokens.
    """
    import torch

    from flamingo_lib.training.run import run_stage
    from flamingo_lib.training.stages import prepare, stage_collator, stage_dataset

    steps, preset = 30 if quick else 100, load_preset("tiny")
    stage = StageConfig(tunes=("lora",), context_length=160, max_images=3, max_steps=steps, learning_rate=1e-3)

    def made(folder: str) -> tuple:
        model, processor = base()
        prepare(model, stage, preset.model, seed=0)
        dataset = stage_dataset(questions(2000), processor, stage, seed=0)
        return model, dataset, stage_collator(model, processor, dataset, cache_folder=folder)

    with tempfile.TemporaryDirectory() as folder:
        model, dataset, collator = made(folder)
        start = time.process_time()
        run_stage(model, stage, dataset, Path(folder) / "work", seed=0, collator=collator, save_every=None, cpu=True)
        theirs = time.process_time() - start
        model, dataset, collator = made(folder)
        start = time.process_time()
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(weights, stage.learning_rate, betas=stage.betas, weight_decay=0.0, fused=True)
        model.train()
        for step in range(steps):
            batch = collator([dataset[step * stage.batch_size + offset] for offset in range(stage.batch_size)])
            loss_of(model, batch).backward()
            torch.nn.utils.clip_grad_norm_(weights, stage.max_grad_norm)
            optimizer.step()
            optimizer.zero_grad()
        return theirs / (time.process_time() - start)


def run_pipeline(folder: Path, *arguments: str) -> float:
    """Wall-clock seconds of the default pipeline in `folder`, with more `arguments` of its command."""
    command = [
        sys.executable,
        "-m",
        "flamingo_lib.cli",
        "pipeline",
        "--preset",
        "tiny",
        "--run-dir",
        str(folder),
        *arguments,
    ]
    start = time.perf_counter()
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT), "CI": "1"}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"the pipeline failed:\n{done.stderr[-3000:]}")
    return time.perf_counter() - start


@cache
def whole_run() -> tuple[Path, float]:
    """A folder in which the default pipeline ran from nothing, and its seconds."""
    folder = Path(tempfile.mkdtemp(prefix="flamingo-bench-run-")) / "run"
    return folder, run_pipeline(folder)


def pipeline_s(quick: bool) -> float:
    """Seconds of the default pipeline from nothing."""
    return whole_run()[1]


def pipeline_again_s(quick: bool) -> float:
    """Seconds of the same command in the same folder, which has nothing left to do."""
    return run_pipeline(whole_run()[0])


ROWS = [
    Row(
        "supervised_tokens_best_fit_vs_none",
        "supervised tokens a second, best_fit / none, windows of the same shape: padded to the context",
        supervised_tokens(CONTEXT),
        at_least=3,
    ),
    Row("supervised_tokens_padding_left_out", "the same where padding is left out", supervised_tokens(None)),
    Row("fill_best_fit", "share of window positions that hold a token", fill("best_fit"), at_least=0.98, runs=1),
    Row("fill_random_fill", "the same, the paper's way", fill("random_fill"), runs=1),
    Row("fill_none", "the same, a sample a window", fill("none"), runs=1),
    Row("plan_million_s", "seconds to plan a million samples", plan_million_s, at_most=60),
    Row("plan_million_peak_mb", "peak memory of planning them, MB", plan_million_peak_mb, at_most=1000),
    Row(
        "stage2_cached_vs_uncached",
        "steps a second, features cached / computed, by the clock on all cores",
        cached_vs_uncached(os.cpu_count() or 1, time.perf_counter),
        at_least=1.5,
        runs=3,
    ),
    Row(
        "stage2_cached_vs_uncached_one_core",
        "the same in processor time on one",
        cached_vs_uncached(1, time.process_time),
        runs=3,
    ),
    Row("trainer_vs_bare", "processor time of Trainer / a plain loop", trainer_vs_bare, at_most=1.1),
]

LONG = [
    Row(
        "stage2_cached_vs_uncached_small",
        "the same at the small preset's size",
        stage2_cached_vs_uncached_small,
        at_least=1.5,
        runs=1,
    ),
    Row("pipeline_s", "seconds of the whole default pipeline", pipeline_s, at_most=1500, runs=1),
    Row("pipeline_again_s", "seconds of running it again", pipeline_again_s, at_most=60, runs=1),
]

if __name__ == "__main__":
    main(ROWS if "--quick" in sys.argv else [*ROWS, *LONG])
