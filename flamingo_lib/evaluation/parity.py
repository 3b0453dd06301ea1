"""The references' numbers, recomputed: one fixture folder in, one row for each quantity out.

A fixture holds a tiny random model under a reference's own names, inputs, and what the reference computes from them:
`config.json`, `weights.safetensors`, `inputs.safetensors`, `expected.safetensors`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ..cpu import optimize_for_cpu
from ..errors import CheckpointError, ConfigError, DataError
from ..model.checkpoints.names import match_names
from ..model.config import FlamingoConfig
from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.generation import generate_batch
from ..storage import read_json

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


def check_folder(folder: str | os.PathLike) -> list[ParityRow]:
    """Recompute everything in a fixture folder.

    Raises:
        DataError: a file of the fixture is missing.
        ConfigError: the fixture asks for what Flamingo here does not have.
        CheckpointError: weights that don't fit.
    """
    folder = Path(folder)
    config = read_json(folder / "config.json")
    inputs, expected = _tensors(folder / "inputs.safetensors"), _tensors(folder / "expected.safetensors")
    rows = []
    for prefix, patch_tokens in VARIANTS.items():
        wanted = {
            name.removeprefix(prefix): value
            for name, value in expected.items()
            if name.startswith("pre_ln_post.") == bool(prefix)
        }
        if wanted:
            model = optimize_for_cpu(fixture_model(folder, patch_tokens))
            rows += [ParityRow(patch_tokens, *row) for row in _compare(model, config, inputs, wanted)]
    if not rows:
        raise DataError("the fixture expects nothing", file=folder / "expected.safetensors")
    return rows


def fixture_model(folder: str | os.PathLike, patch_tokens: str = "after_ln_post") -> FlamingoForConditionalGeneration:
    """The model of a fixture folder with its weights, in evaluation mode."""
    folder = Path(folder)
    weights = _tensors(folder / "weights.safetensors")
    model = FlamingoForConditionalGeneration(fixture_config(read_json(folder / "config.json"), patch_tokens)).eval()
    own = model.state_dict()
    matched = match_names(weights, own, model.layers_path)
    if matched.unexpected:
        raise CheckpointError(f"unknown weight {matched.unexpected[0]}", file=folder / "weights.safetensors")
    tied = {name for pair in model.all_tied_weights_keys.items() if matched.weights.keys() & set(pair) for name in pair}
    missing = sorted(own.keys() - matched.weights.keys() - tied)
    if missing:
        raise CheckpointError(
            f"{len(missing)} weights are missing, the first {missing[0]}", file=folder / "weights.safetensors"
        )
    model.load_state_dict(matched.weights, strict=False)
    model.requires_grad_(True)
    model.vision_encoder.requires_grad_(False)
    return model


def fixture_config(values: dict[str, Any], patch_tokens: str) -> FlamingoConfig:
    """Our config for a fixture's `config.json`."""
    try:
        language, special = dict(values["language_model"]), values["special_tokens"]
        vision, perceiver, gated = values["vision"], values["perceiver"], values["gated_cross_attention"]
        for where, key, only in (
            (perceiver, "max_num_media", None),
            (perceiver, "max_num_frames", None),
            (gated, "only_attend_immediate_media", True),
            (gated, "xattn_no_ffn", False),
        ):
            if where.get(key, only) != only:
                raise ConfigError(f"{key} is {where[key]!r} in the fixture", remedy=f"Only {only!r} is supported.")
        config_class = getattr(transformers, language.pop("class")).config_class
        for name in ("base_vocab_size", "attn_implementation"):
            language.pop(name, None)
        text_config = config_class(
            **language,
            pad_token_id=special["pad"],
            bos_token_id=special["bos"],
            eos_token_id=values["generation"]["eos_token_id"],
        )
        return FlamingoConfig(
            text_config=text_config,
            vision_config={
                "source": "open_clip",
                "embed_dim": vision["embed_dim"],
                "quick_gelu": vision["quick_gelu"],
                "vision_cfg": vision["vision_cfg"],
            },
            patch_tokens=patch_tokens,
            media_rule="following" if gated.get("attend_previous", True) is False else "preceding",
            num_latents=perceiver["num_latents"],
            resampler_depth=perceiver["depth"],
            resampler_heads=perceiver["heads"],
            resampler_dim_head=perceiver["dim_head"],
            resampler_ff_mult=perceiver["ff_mult"],
            cross_attention_every=gated["every_n_layers"],
            cross_attention_heads=gated["heads"],
            cross_attention_dim_head=gated["dim_head"],
            cross_attention_ff_mult=gated["ff_mult"],
            image_token_id=special["<image>"],
            end_of_chunk_token_id=special["<|endofchunk|>"],
            stop_token_id=values["generation"]["eos_token_id"],
        )
    except (KeyError, AttributeError) as error:
        raise ConfigError(f"the fixture's config.json lacks or misnames {error}") from error


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
    """How many greedy ids differ: each row alone, cached and not, and all rows as one left-padded batch on both
    decoding paths.
    """
    rows = [row for row in rows if f"{row}.output_ids" in expected]
    if not rows:
        return
    wanted = {row: expected[f"{row}.output_ids"][0] for row in rows}
    greedy = {"max_new_tokens": steps, "do_sample": False}
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
            prompt = inputs[f"{row}.input_ids"].shape[1]
            yield f"{row}.output_ids ({label})", _different(line[width - prompt :], wanted[row]), 0.0
    for row, new in zip(rows, generate_batch(model, batch, steps), strict=True):
        line = torch.cat([inputs[f"{row}.input_ids"][0], torch.tensor(new, dtype=torch.long)])
        yield (
            f"{row}.output_ids (batch, lean)",
            _different(line, wanted[row], end=model.generation_config.eos_token_id),
            0.0,
        )


def _different(found: Tensor, wanted: Tensor, end: int | None = None) -> float:
    """How many of `wanted` ids differ; what `found` holds after them is padding, and `end` may be left out at the end."""
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
        images = torch.zeros(len(rows), slots, *shape)
        for line, (_, vision) in zip(images, rows, strict=True):
            line[: vision.shape[1]] = vision[0]
        batch |= _visual(model, images)
    return batch


def _tensors(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise DataError(
            "the file is missing", file=path, remedy="A fixture folder holds config.json and three safetensors files."
        )
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(f"the file cannot be read: {error}", file=path) from error
