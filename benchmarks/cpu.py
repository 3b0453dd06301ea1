"""The tiny preset's training steps and batched decoding with `flamingo_lib.cpu` and without, taking turns.

Run `python benchmarks/cpu.py [--steps N] [--against FOLDER]`; FOLDER is another checkout, which is a third side.
Every side is a process of its own; they take turns step by step, so that other work on the machine meets all of them.
A figure is the median step of one side over that of another.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
CASES = ("rewriter", "stage1", "stage2", "decode")
NEW_TOKENS = 48


def batches(folder: Path, count: int) -> None:
    """Write the batches of every case to `folder`: the stages' own windows, features from the cache."""
    import torch
    from training import questions, stage1_mixture

    from flamingo_lib.chat.template import ChatTurn
    from flamingo_lib.presets import load_preset
    from flamingo_lib.training.stages import load_base, prepare, stage_collator, stage_dataset

    preset = load_preset("tiny")
    drafts = []
    for example in questions(4000):
        (turn,) = example.turns
        words = turn.response.split()
        draft = " ".join(words[: random.Random(example.id).randint(1, 8)])
        turns = (ChatTurn(turn.instruction, turn.response, turn.images, draft),)
        drafts.append(type(example)(example.id, turns, example.images))
    sources = {"rewriter": drafts, "stage1": stage1_mixture(4000), "stage2": questions(4000)}
    for case, examples in sources.items():
        stage = preset.rewriter if case == "rewriter" else preset.stages[case]
        model, processor = load_base(preset.model.base)
        prepare(model, stage, preset.model, seed=0)
        dataset = stage_dataset(examples, processor, stage, seed=0)
        collator = stage_collator(model, processor, dataset, cache_folder=folder / case)
        size = stage.batch_size
        made = [collator([dataset[step * size + row] for row in range(size)]) for step in range(count)]
        torch.save({"stage": stage.model_dump(mode="json"), "batches": made}, folder / f"{case}.pt")
        if case == "rewriter":
            chats = [list(example.turns) for example in examples[: preset.rewriting.batch_size * 4]]
            made = []
            for start in range(0, len(chats), preset.rewriting.batch_size):
                part = chats[start : start + preset.rewriting.batch_size]
                prompts = processor(chats=part, images=[[draw_image()] for _ in part], generation_prompt=True)
                made.append(dict(prompts))
            torch.save({"batches": made}, folder / "decode.pt")


def draw_image() -> Any:
    from PIL import Image

    return Image.new("RGB", (224, 224), "white")


def worker(folder: Path, threads: int, clock: Callable[[], float]) -> None:
    """Answer each line `case index` with the seconds of that step."""
    import torch

    from flamingo_lib.config import StageConfig
    from flamingo_lib.model import generate_batch
    from flamingo_lib.presets import load_preset
    from flamingo_lib.training.stages import load_base, prepare

    try:
        from flamingo_lib.cpu import optimize_for_cpu
    except ImportError:  # another checkout, which has no such room
        optimize_for_cpu = None
    torch.set_num_threads(threads)
    preset, steps = load_preset("tiny"), {}
    for case in CASES:
        content = torch.load(folder / f"{case}.pt", weights_only=False)
        model, _ = load_base(preset.model.base)
        if case == "decode":
            model.eval()
            if optimize_for_cpu is not None:
                optimize_for_cpu(model)

            def step(index: int, model: Any = model, made: list = content["batches"]) -> None:
                generate_batch(model, made[index % len(made)], NEW_TOKENS, eos=[])

        else:
            prepare(model, StageConfig(**content["stage"]), preset.model, seed=0)
            model.train()
            weights = [weight for weight in model.parameters() if weight.requires_grad]
            optimizer = torch.optim.AdamW(weights, lr=1e-4, fused=True)

            def step(
                index: int, model: Any = model, made: list = content["batches"], optimizer: Any = optimizer
            ) -> None:
                batch, hook = made[index % len(made)], getattr(model, "training_loss", None)
                loss = hook(model, batch) if hook is not None else model(**batch).loss
                loss.backward()
                optimizer.step()
                optimizer.zero_grad()

        steps[case] = step
    print("ready", flush=True)
    for line in sys.stdin:
        case, index = line.split()
        start = clock()
        steps[case](int(index))
        print(clock() - start, flush=True)


def start_worker(folder: Path, checkout: Path, switch: str, options: list[str]) -> subprocess.Popen:
    environment = os.environ | {"PYTHONPATH": str(checkout), "FLAMINGO_CPU": switch}
    command = [sys.executable, str(Path(__file__).resolve()), "--worker", str(folder), *options]
    process = subprocess.Popen(
        command, env=environment, cwd=checkout, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    while (line := process.stdout.readline()) and line.strip() != "ready":
        pass
    if not line:
        raise RuntimeError(f"the side in {checkout} could not be started")
    return process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--busy", action="store_true", help="count processor time, for a machine with other work")
    parser.add_argument("--only", choices=CASES, action="append", help="only this case; may be repeated")
    parser.add_argument("--quick", action="store_true", help="few steps")
    parser.add_argument("--against", type=Path, metavar="FOLDER", help="another checkout as a third side")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker is not None:
        worker(arguments.worker, arguments.threads, time.process_time if arguments.busy else time.perf_counter)
        return
    count = 6 if arguments.quick else arguments.steps
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        batches(folder, min(count, 30))
        options = [f"--threads={arguments.threads}", *(["--busy"] if arguments.busy else [])]
        sides = {
            side: start_worker(folder, ROOT, switch, options) for side, switch in (("open", "on"), ("shut", "off"))
        }
        if arguments.against is not None:
            sides["against"] = start_worker(folder, arguments.against.resolve(), "on", options)
        figures: dict[str, float] = {}
        for case in arguments.only or CASES:
            taken: dict[str, list[float]] = {side: [] for side in sides}
            for index in range(count + 2):
                order = list(sides) if index % 2 else list(sides)[::-1]
                for side in order:
                    sides[side].stdin.write(f"{case} {index}\n")
                    sides[side].stdin.flush()
                    seconds = float(sides[side].stdout.readline())
                    if index > 1:  # the first steps warm up
                        taken[side].append(seconds)
            times = {side: median(values) for side, values in taken.items()}
            figures |= {f"{case}_shut_over_open": times["shut"] / times["open"]}
            if "against" in times:
                figures |= {f"{case}_against_over_open": times["against"] / times["open"]}
            shown = ", ".join(f"{side} {1000 * value:.1f} ms" for side, value in times.items())
            print(f"{case:<10} {shown}", flush=True)
        for key, value in figures.items():
            print(f"{key:<28} {value:.3f}")
        for process in sides.values():
            process.stdin.close()
            process.wait()
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
