"""The references' numbers, recomputed: one fixture folder in, one row for each quantity out.

A fixture holds a tiny random model under a reference's own names, inputs, and what the reference computes from them;
see `parity_fixtures`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..cpu import optimize_for_cpu
from ..errors import DataError
from ..model.checkpoints.names import match_names
from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.generation import generate_batch
from ..storage import read_json
from .parity_fixtures import fixture_model, read_tensors

TOLERANCES = {
    "vision_tokens": 1e-4,
    "perceiver_output": 1e-4,
    "logits": 1e-4,
    "prompt_logits": 1e-4,
    "loss": 1e-5,
    "grad": 1e-5,
}
"""Largest absolute error, float32; a gradient norm above 1 may be off by this share of itself. Token ids must be equal.
"""

VARIANTS = {"": "after_ln_post", "pre_ln_post.": "before_ln_post"}


@dataclass(frozen=True, slots=True)
class ParityRow:
    """One quantity: its largest absolute error (for token ids: how many differ) and the tolerance."""

    variant: str
    quantity: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        """Inside the tolerance; NaN is not."""
        return self.error <= self.tolerance


def check_folder(
    folder: str | os.PathLike, *, device: str | torch.device = "cpu", slack: float = 1.0
) -> list[ParityRow]:
    """Recompute everything in a fixture folder.

    Args:
        device: where the model computes, in float32; on a CPU it is made fast (see `flamingo_lib.cpu`).
        slack: what the tolerances are multiplied with; another device adds up in another order.

    Raises:
        DataError: a file of the fixture is missing.
        ConfigError: the fixture asks for what Flamingo here does not have.
        CheckpointError: weights that don't fit.
    """
    folder = Path(folder)
    config = read_json(folder / "config.json")
    device = torch.device(device)
    inputs, expected = (
        {name: value.to(device) for name, value in read_tensors(folder / f"{kind}.safetensors").items()}
        for kind in ("inputs", "expected")
    )
    rows = []
    for prefix, patch_tokens in VARIANTS.items():
        wanted = {
            name.removeprefix(prefix): value
            for name, value in expected.items()
            if name.startswith("pre_ln_post.") == bool(prefix)
        }
        if wanted:
            model = fixture_model(folder, patch_tokens).to(device)
            if device.type == "cpu":
                model = optimize_for_cpu(model)
            rows += [
                ParityRow(patch_tokens, quantity, error, tolerance * slack)
                for quantity, error, tolerance in _compare(model, config, inputs, wanted)
            ]
    if not rows:
        raise DataError("the fixture expects nothing", file=folder / "expected.safetensors")
    return rows


def _compare(
    model: FlamingoForConditionalGeneration,
    config: dict[str, Any],
    inputs: dict[str, Tensor],
    expected: dict[str, Tensor],
) -> Iterator[tuple[str, float, float]]:
    """Quantity, error and tolerance of everything expected."""
    batch = _visual(model, inputs["vision_x"]) if "vision_x" in inputs else {}
    found = {}
    if batch:
        tokens = batch["vision_tokens"]
        found["vision_tokens"] = tokens.view_as(expected["vision_tokens"]) if "vision_tokens" in expected else tokens
        found["perceiver_output"] = model.resample(tokens)
    if expected.keys() & {"logits", "loss"} or any(name.startswith("grad") for name in expected):
        ids = _input(inputs, "input_ids")
        mask = inputs.get("attention_mask", torch.ones_like(ids))
        found["logits"] = model(input_ids=ids, attention_mask=mask, **batch).logits
        if "logits" in expected and not mask[:, 0].all():  # what padding on the left computes is nobody's business
            found["logits"] = torch.where(mask.bool()[..., None], found["logits"], expected["logits"])
        found |= _trained(model, expected, input_ids=ids, attention_mask=mask, labels=inputs.get("labels"), **batch)
    for name in expected:
        row, _, kind = name.partition(".")
        if kind in ("output_ids", "output_ids_no_cache", "prompt_logits"):
            _input(inputs, f"{row}.input_ids")
    rows = sorted(
        name.removesuffix(".input_ids") for name in inputs if name.startswith("gen") and name.endswith(".input_ids")
    )
    for row in rows:
        visual = _row_visual(model, inputs, row)
        found[f"{row}.prompt_logits"] = model(input_ids=inputs[f"{row}.input_ids"], **visual).logits
    for name, value in found.items():
        if name in expected:
            tolerance = TOLERANCES["grad" if name.startswith("grad") else name.rpartition(".")[2]]
            if name.startswith("grad_norm"):
                tolerance *= max(1.0, float(expected[name].abs().max()))
            if value.shape != expected[name].shape:
                raise DataError(f"{name} is {tuple(expected[name].shape)} in the fixture and {tuple(value.shape)} here")
            yield name, float((value.detach() - expected[name]).abs().max()), tolerance
    yield from _generation(model, config["generation"]["max_new_tokens"], inputs, expected, rows)


def _trained(
    model: FlamingoForConditionalGeneration, expected: dict[str, Tensor], labels: Tensor | None, **batch: Tensor
) -> dict[str, Tensor]:
    """Loss and gradients, if the fixture expects any; a weight that the loss doesn't reach has a gradient of zeros."""
    names = [name for name in expected if name.partition(".")[0] in ("grad", "grad_norm")]
    if not names and "loss" not in expected:
        return {}
    if labels is None:
        raise DataError("labels is missing from inputs.safetensors", remedy="A fixture that expects a loss has labels.")
    loss = model(**batch, labels=labels).loss
    loss.backward()
    found = {"loss": loss.reshape(1)}
    weights = dict(model.named_parameters(remove_duplicate=False))
    for name in names:
        kind, _, weight = name.partition(".")
        ours = match_names({weight: torch.empty(0)}, weights, model.layers_path).weights
        if not ours:
            raise DataError(
                f"{name} is expected but there is no such weight", remedy="Use the names of weights.safetensors."
            )
        one = weights[next(iter(ours))]
        gradient = torch.zeros_like(one) if one.grad is None else one.grad
        found[name] = gradient if kind == "grad" else gradient.norm().reshape(expected[name].shape)
    return found


def _input(inputs: dict[str, Tensor], name: str) -> Tensor:
    if name not in inputs:
        raise DataError(
            f"{name} is missing from inputs.safetensors", remedy="Inputs and expected quantities must go together."
        )
    return inputs[name]


def _row_visual(model: FlamingoForConditionalGeneration, inputs: dict[str, Tensor], row: str) -> dict[str, Tensor]:
    """A generation row's images; a row without any may leave them out."""
    name = f"{row}.vision_x"
    return _visual(model, inputs[name]) if name in inputs else {}


def _generation(
    model: FlamingoForConditionalGeneration,
    steps: int,
    inputs: dict[str, Tensor],
    expected: dict[str, Tensor],
    rows: list[str],
) -> Iterator[tuple[str, float, float]]:
    """How many greedy ids differ: each row alone, cached and not, and one left-padded batch, decoded both ways."""
    rows = [row for row in rows if f"{row}.output_ids" in expected]
    if not rows:
        return
    wanted = {row: expected[f"{row}.output_ids"][0] for row in rows}
    greedy: dict[str, Any] = {"max_new_tokens": steps, "do_sample": False}
    for row in rows:
        prompt, visual = inputs[f"{row}.input_ids"], _row_visual(model, inputs, row)
        for label, cached in (("output_ids", True), ("output_ids_no_cache", False)):
            target = expected.get(f"{row}.{label}", expected[f"{row}.output_ids"])[0]
            yield (
                f"{row}.{label}",
                _different(model.generate(prompt, use_cache=cached, **visual, **greedy)[0], target),
                0.0,
            )
    batch = _left_padded(
        model, [(inputs[f"{row}.input_ids"][0], inputs.get(f"{row}.vision_x", torch.zeros(1, 0))) for row in rows]
    )
    width = batch["input_ids"].shape[1]
    for label, cached in (("batch, cached", True), ("batch, uncached", False)):
        ids = model.generate(**batch, use_cache=cached, **greedy)
        for row, line in zip(rows, ids, strict=True):
            padding = width - inputs[f"{row}.input_ids"].shape[1]
            yield f"{row}.output_ids ({label})", _different(line[padding:], wanted[row]), 0.0
    for row, new in zip(rows, generate_batch(model, batch, steps), strict=True):
        prompt = inputs[f"{row}.input_ids"][0]
        line = torch.cat([prompt, torch.tensor(new, dtype=torch.long, device=prompt.device)])
        yield (
            f"{row}.output_ids (batch, lean)",
            _different(line, wanted[row], end=model.generation_config.eos_token_id),
            0.0,
        )


def _different(found: Tensor, wanted: Tensor, end: int | None = None) -> float:
    """How many of `wanted` ids differ; what `found` holds after them is padding, and `end` may be missing."""
    if end is not None and len(wanted) == len(found) + 1 and int(wanted[-1]) == end:
        wanted = wanted[:-1]
    if len(found) < len(wanted):
        return float(len(wanted))
    return float((found[: len(wanted)] != wanted).sum())


def _visual(model: FlamingoForConditionalGeneration, vision_x: Tensor) -> dict[str, Tensor]:
    """(b, m, f, c, h, w) to patch tokens; the f frames of an image stand one after the other, as in the references."""
    if vision_x.shape[1] == 0:
        return {}
    return {"vision_tokens": model.encode_images(vision_x).flatten(2, 3)}


def _left_padded(model: FlamingoForConditionalGeneration, rows: list[tuple[Tensor, Tensor]]) -> dict[str, Tensor]:
    width, slots = max(len(ids) for ids, _ in rows), max(vision.shape[1] for _, vision in rows)
    pad = model.config.text_config.pad_token_id
    batch = {
        "input_ids": torch.stack([torch.nn.functional.pad(ids, (width - len(ids), 0), value=pad) for ids, _ in rows]),
        "attention_mask": torch.stack(
            [torch.nn.functional.pad(torch.ones_like(ids), (width - len(ids), 0)) for ids, _ in rows]
        ),
    }
    if slots:
        shape = next(vision.shape[2:] for _, vision in rows if vision.shape[1])
        images = torch.zeros(len(rows), slots, *shape, device=batch["input_ids"].device)
        for line, (_, vision) in zip(images, rows, strict=True):
            line[: vision.shape[1]] = vision[0]
        batch |= _visual(model, images)
    return batch
