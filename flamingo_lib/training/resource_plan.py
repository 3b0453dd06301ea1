"""Resource plan of a stage: GPU memory, optimizer steps, hours. Estimates by `model_cost`; nothing is run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from ..config import ModelConfig, StageConfig
from ..errors import CheckpointError, ConfigError, MissingAsset
from ..model.config import FlamingoConfig
from ..model.loss import CHUNK
from ..storage import read_json
from .model_cost import Batch, Shape

GIGA = 1 << 30

TERAFLOPS = 312.0
"""Peak of an A100 in BF16."""

UTILIZATION = 0.25
"""The share of the peak that training reaches; with it the plan of the paper's stages gives about the paper's hours."""

RESERVE = 1.5
"""Gigabytes that the driver and the libraries take for themselves."""

FRAGMENTATION = 1.1
"""Memory that the allocator holds over what is in use."""

MEAN_TOKENS = 150
"""Tokens of an average sample, where nothing better is known."""


@dataclass(frozen=True)
class StagePlan:
    """What one stage costs.

    Attributes:
        stage: its name.
        trained: parameters that are trained; `parameters` is all there are.
        windows: over all epochs; `steps` optimizer steps.
        micro_batch_size: windows of one forward pass on a GPU that fit (at most the row's own).
        checkpointing: whether activations have to be computed twice to fit.
        memory: gigabytes on a GPU by what they hold; their sum with the allocator's waste is `total`.
        hours: of training; `feature_hours` of computing visual features once.
        fits: whether `total` is within the GPU's memory.
    """

    stage: str
    parameters: int
    trained: int
    windows: int
    steps: int
    micro_batch_size: int
    checkpointing: bool
    memory: dict[str, float]
    total: float
    hours: float
    feature_hours: float
    fits: bool

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def known_config(base: str) -> FlamingoConfig:
    """The config of a base model: from its folder, or by heart for the presets' bases that are not on this machine.

    Raises:
        MissingAsset: neither.
        CheckpointError: the folder holds another kind of model, or one with code of its own.
    """
    from ..hub import refuse_remote_code, resolve, translate_loading_errors

    if base == "openflamingo-9b":
        text = {
            "vocab_size": 32_003,
            "hidden_size": 4096,
            "intermediate_size": 11_008,
            "num_hidden_layers": 32,
            "num_attention_heads": 32,
        }
        return _config("ViT-L-14-336-quickgelu", text, num_latents=64, cross_attention_every=4)
    if base == "flamingo-small":
        text = {
            "vocab_size": 49_154,
            "hidden_size": 576,
            "intermediate_size": 1536,
            "num_hidden_layers": 30,
            "num_attention_heads": 9,
        }
        text |= {"num_key_value_heads": 3, "tie_word_embeddings": True}
        return _config("ViT-B-16", text, num_latents=32, resampler_depth=3, cross_attention_every=3)
    folder = resolve(base, role="the base model")
    refuse_remote_code(folder)
    with translate_loading_errors(folder, "the base model's config"):
        kind = read_json(folder / "config.json").get("model_type")
        if kind != FlamingoConfig.model_type:
            raise CheckpointError(f"the base model is no Flamingo but of type {kind!r}", file=folder / "config.json")
        return FlamingoConfig.from_pretrained(folder, local_files_only=True)


def _config(tower: str, text: dict[str, Any], **settings: Any) -> FlamingoConfig:
    import open_clip
    from transformers import LlamaConfig

    known = open_clip.get_model_config(tower)
    if known is None:
        raise MissingAsset(f"open_clip knows no tower {tower!r}")
    vision = {
        "source": "open_clip",
        "embed_dim": known["embed_dim"],
        "quick_gelu": False,
        "vision_cfg": known["vision_cfg"],
    }
    return FlamingoConfig(text_config=LlamaConfig(**text), vision_config=vision, image_token_id=5, **settings)


def count_windows(stage: StageConfig, samples: int | None = None, mean_tokens: float = MEAN_TOKENS) -> int:
    """Windows of the whole stage; where `max_steps` says so, no samples are needed.

    Raises:
        ConfigError: neither steps nor samples are known.
    """
    if stage.max_steps:
        return stage.max_steps * stage.batch_size
    samples = samples or stage.samples
    if samples is None:
        raise ConfigError(
            "how many samples the stage has is not known",
            remedy="Give --samples, or set the stage's samples or max_steps.",
        )
    if stage.packing == "best_fit":
        return math.ceil(stage.epochs * samples * mean_tokens / (0.98 * stage.context_length))
    return math.ceil(stage.epochs * samples)


def memory_gb(
    shape: Shape, stage: StageConfig, *, gpus: int, bf16: bool, micro_batch_size: int, checkpointing: bool
) -> dict[str, float]:
    """Gigabytes on one GPU by what they hold.

    One GPU keeps frozen weights in the number format of computation; several share everything in float32 (FSDP) and
    gather a layer at a time. Trained weights, their gradients and Adam's two moments are float32 always.
    """
    counts, width = shape.parameters(), 2 if bf16 else 4
    everything, trained = sum(counts.values()), shape.trained(stage.tunes)
    layer = (
        counts["language_model"]
        - (0 if shape.tied else counts["embeddings"])
        + counts["lora"]
        + counts["cross_attention"]
    ) / shape.layers
    outside = counts["vision"] + counts["resampler"] + counts["embeddings"] * (1 if shape.tied else 2)
    batch = Batch(micro_batch_size, stage.context_length, stage.max_images)
    logits = 3 * 4 * min(batch.rows * batch.tokens * batch.labelled * shape.vocab, max(CHUNK, shape.vocab))
    values = {
        "weights": 4 * everything / gpus if gpus > 1 else width * (everything - trained) + 4 * trained,
        "gathered layers": width * (2 * layer + outside) if gpus > 1 else 0,
        "gradients": 4 * trained / gpus,
        "optimizer": 8 * trained / gpus,
        "activations": width * shape.kept_numbers(batch, stage.tunes, checkpointing),
        "logits": logits,
        "reserve": RESERVE * GIGA,
    }
    return {name: value / GIGA for name, value in values.items()}


def plan_stage(
    name: str,
    stage: StageConfig,
    model: ModelConfig,
    *,
    gpus: int = 1,
    memory: float = 40,
    teraflops: float = TERAFLOPS,
    utilization: float = UTILIZATION,
    samples: int | None = None,
    mean_tokens: float = MEAN_TOKENS,
    config: FlamingoConfig | None = None,
) -> StagePlan:
    """Estimate one stage: the largest micro batch that fits, without recomputing activations if that fits too.

    Args:
        memory: gigabytes of a GPU.
        teraflops: a GPU's peak in the number format of the preset.
        utilization: the share of it that training reaches, 0 to 1.
        samples, mean_tokens: of the mixture, where the row doesn't say how long it runs.
        config: of the base model; by default that of `model.base`.

    Raises:
        ConfigError: a figure that is no positive number, or how long the stage runs is not known.
    """
    for what, value in (("memory", memory), ("teraflops", teraflops), ("mean-tokens", mean_tokens)):
        if not 0 < value < math.inf:
            raise ConfigError(f"--{what} must be a number above 0, not {value}")
    if not 0 < utilization <= 1:
        raise ConfigError(f"--utilization must be above 0 and at most 1, not {utilization}")
    for what, count in (("gpus", gpus), ("samples", samples)):
        if count is not None and count < 1:
            raise ConfigError(f"--{what} must be at least 1, not {count}")
    shape = Shape(config or known_config(model.base), model.lora_rank)
    bf16 = model.dtype == "bfloat16"
    windows = count_windows(stage, samples, mean_tokens)
    tried: list[tuple[int, bool]] = []
    micro = max(min(stage.micro_batch_size, stage.batch_size // gpus), 1)
    while micro >= 1:
        tried += [(micro, False), (micro, True)]
        micro //= 2
    tried.sort(key=lambda choice: choice[1])  # smaller micro batches before recomputation
    for micro, checkpointing in tried:
        parts = memory_gb(shape, stage, gpus=gpus, bf16=bf16, micro_batch_size=micro, checkpointing=checkpointing)
        total = FRAGMENTATION * sum(parts.values())
        if total <= memory:
            break
    step = Batch(stage.batch_size, stage.context_length, stage.max_images)
    steps = math.ceil(windows / stage.batch_size)
    rate = gpus * teraflops * 1e12 * utilization * 3600
    visible = (samples or stage.samples or windows) if stage.max_images else 0
    features = shape.forward_flops(Batch(1, 1, 1), ("vision",))["vision"] if "vision" not in stage.tunes else 0
    return StagePlan(
        stage=name,
        parameters=sum(shape.parameters().values()),
        trained=shape.trained(stage.tunes),
        windows=windows,
        steps=steps,
        micro_batch_size=micro,
        checkpointing=checkpointing,
        memory=parts,
        total=total,
        hours=steps * shape.step_flops(step, stage.tunes, checkpointing) / rate,
        feature_hours=visible * features / rate,
        fits=total <= memory,
    )


def plan_table(plans: Iterable[StagePlan]) -> str:
    """The plans as lines of text."""
    head = (
        f"{'stage':<14}{'trained':>14}{'windows':>11}{'steps':>8}{'micro':>6}"
        f"{'twice':>7}{'GB a GPU':>10}{'hours':>8}{'features':>10}"
    )
    lines = [head]
    for plan in plans:
        lines.append(
            f"{plan.stage:<14}{plan.trained:>14,}{plan.windows:>11,}{plan.steps:>8,}{plan.micro_batch_size:>6}"
            f"{'yes' if plan.checkpointing else 'no':>7}{plan.total:>10.1f}{plan.hours:>8.2f}"
            f"{plan.feature_hours:>10.2f}" + ("" if plan.fits else "  DOES NOT FIT")
        )
    return "\n".join(lines)
