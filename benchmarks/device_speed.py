"""Measurements of `benchmarks/device.py`: our model beside open-flamingo and Transformers' Idefics on one device.

All sides have equal sizes and read the same ids and pixels; open-flamingo has our weights, too. On a GPU the models are
larger than on a CPU, so that the device is kept busy, and compute in bfloat16.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import peers
import torch
from device_checks import batch

from flamingo_lib.model import generate_batch
from flamingo_lib.model.trainable import set_trainable

VOCABULARY, PROMPT, NEW = 4096, 64, 32
RUNS = 3


@dataclass(frozen=True)
class Speed:
    """What one side does in a second.

    Attributes:
        work, side: what was measured, and whose it is.
        per_second: tokens or samples.
        ours: how many times as fast our side is.
    """

    work: str
    side: str
    per_second: float
    ours: float


def size(device: str) -> tuple[int, torch.dtype]:
    """(rows, number format) for a device; on a GPU the peers are made larger."""
    if device == "cpu":
        return 4, torch.float32
    peers.WIDTH, peers.LAYERS, peers.HEADS, peers.FEED_FORWARD = 1024, 12, 16, 2752
    return 32, torch.bfloat16


def make_sides(device: str, dtype: torch.dtype) -> dict[str, Any]:
    """The models by name; open-flamingo where it is installed."""
    ours = peers.ours(VOCABULARY)
    made = {"ours": ours}
    if peers.is_installed():
        made["open-flamingo"] = peers.open_flamingo(ours)
    made["Transformers, Idefics"] = peers.idefics(VOCABULARY)
    set_trainable(ours, ["connector"])
    return {name: model.to(device, dtype) for name, model in made.items()}


def measure(device: str, left: Callable[[], float]) -> Iterator[Speed]:
    """Rewriting (greedy decoding of a batch) and training (a step of the connector) on every side.

    Args:
        left: seconds that are left; without any, what is not measured yet is left out.
    """
    rows, dtype = size(device)
    sides = make_sides(device, dtype)
    ids, pixels = batch(rows, PROMPT, VOCABULARY)
    ids, pixels = ids.to(device), pixels.to(device, dtype)
    for work, actions, amount in (
        ("rewriting, tokens/s", writers(sides, ids, pixels), rows * NEW),
        ("training, samples/s", steppers(sides, ids, pixels), rows),
    ):
        found = {}
        for name, action in actions.items():
            if left() <= 0:
                return
            found[name] = amount / seconds(action, device)
            yield Speed(work, name, found[name], found["ours"] / found[name])


def writers(sides: dict[str, Any], ids: torch.Tensor, pixels: torch.Tensor) -> dict[str, Callable[[], object]]:
    """Greedy decoding of `NEW` tokens a row."""
    mask = torch.ones_like(ids)
    settings = {"max_new_tokens": NEW, "min_new_tokens": NEW, "do_sample": False, "pad_token_id": 0}
    settings |= {"attention_mask": mask, "eos_token_id": peers.EOS}
    looks = torch.ones(*ids.shape, 1, dtype=torch.long, device=ids.device)
    calls: dict[str, Callable[[Any], object]] = {
        "ours": lambda model: generate_batch(
            model, {"input_ids": ids, "attention_mask": mask, "pixel_values": pixels}, NEW, eos=[]
        ),
        "open-flamingo": lambda model: model.generate(pixels[:, :, None], ids, **settings),
        "Transformers, Idefics": lambda model: model.generate(
            input_ids=ids, pixel_values=pixels, image_attention_mask=looks, **settings
        ),
    }

    def without_gradients(call: Callable[[Any], object], model: Any) -> Callable[[], object]:
        def act() -> object:
            with torch.no_grad():
                return call(model.eval())

        return act

    return {name: without_gradients(calls[name], model) for name, model in sides.items()}


def steppers(sides: dict[str, Any], ids: torch.Tensor, pixels: torch.Tensor) -> dict[str, Callable[[], object]]:
    """Forward, backward and AdamW of the connector; every token is labelled."""
    mask = torch.ones_like(ids)
    looks = torch.ones(*ids.shape, 1, dtype=torch.long, device=ids.device)
    losses: dict[str, Callable[[Any], torch.Tensor]] = {
        "ours": lambda model: model(input_ids=ids, pixel_values=pixels, labels=ids).loss,
        "open-flamingo": lambda model: (
            model(vision_x=pixels[:, :, None], lang_x=ids, attention_mask=mask, labels=ids).loss
        ),
        "Transformers, Idefics": lambda model: (
            model(
                input_ids=ids,
                attention_mask=mask,
                pixel_values=pixels,
                image_attention_mask=looks,
                labels=ids,
                use_cache=False,
            ).loss
        ),
    }

    def stepper(loss: Callable[[Any], torch.Tensor], model: Any) -> Callable[[], object]:
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)

        def step() -> None:
            loss(model).backward()
            optimizer.step()
            optimizer.zero_grad()

        return step

    return {name: stepper(losses[name], model) for name, model in sides.items()}


def seconds(action: Callable[[], object], device: str) -> float:
    """Median of `RUNS` runs after one that warms up."""

    def run() -> float:
        start = time.perf_counter()
        action()
        if device != "cpu":
            torch.cuda.synchronize()
        return time.perf_counter() - start

    run()
    return median(run() for _ in range(RUNS))
