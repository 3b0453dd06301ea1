"""Which models can be made fast on a CPU, the reason why another can't, and the check that the results agree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.kv_cache import KVCache
from .llama_layer import GROUPS, base_linear, has_lora, linears
from .training_step import training_loss

VARIABLE = "FLAMINGO_CPU"
"""The environment variable that switches everything off if it is "off"."""

MAX_PARAMETERS = {True: 200_000_000, False: 50_000_000}
"""Parameters of the language model, in training and in evaluation, above which modules cost little and copies much."""

TOLERANCE = 1e-4
"""Largest difference of results that counts as rounding, relative to the largest value; float32."""

CHILDREN = {
    "model": {"embed_tokens", "layers", "norm", "rotary_emb"},
    "layer": {"input_layernorm", "self_attn", "post_attention_layernorm", "mlp"},
    "self_attn": {"q_proj", "k_proj", "v_proj", "o_proj"},
    "mlp": {"gate_proj", "up_proj", "down_proj", "act_fn"},
}


def reason_against(model: FlamingoForConditionalGeneration) -> str | None:
    """Why this model is left as it is, in the mode it is in (training or evaluation); None if it can be made fast."""
    weights = list(model.lang_encoder.parameters())
    reasons = (
        (os.environ.get(VARIABLE, "").lower() == "off", f"{VARIABLE} is off"),
        (any(weight.device.type != "cpu" for weight in weights), "the model is not on the CPU"),
        (any(isinstance(weight, DTensor) for weight in weights), "the weights are sharded"),
        (any(weight.dtype != torch.float32 for weight in model.parameters()), "the weights are not all float32"),
        (sum(weight.numel() for weight in weights) > MAX_PARAMETERS[model.training], "the language model is large"),
        (model.lang_encoder.config._attn_implementation not in ("sdpa", "eager"), "the attention is not sdpa or eager"),
    )
    found = next((reason for holds, reason in reasons if holds), None)
    if found is None and not _built_like_llama(model):
        found = "the language model is not built like Llama"
    if found is None and model.training:
        found = next(_reasons_against_fusing(model), None)
    return found


def _built_like_llama(model: FlamingoForConditionalGeneration) -> bool:
    """Has every module that the fast code reads, and none on the way that it doesn't know."""

    def has(module: nn.Module | None, kind: str) -> bool:
        return module is not None and {name for name, _ in module.named_children()} == CHILDREN[kind]

    if not has(getattr(model.lang_encoder, "model", None), "model"):
        return False
    if type(getattr(model.lang_encoder, "lm_head", None)) is not nn.Linear:
        return False
    return all(
        has(layer.decoder_layer, "layer")
        and has(layer.decoder_layer.self_attn, "self_attn")
        and has(layer.decoder_layer.mlp, "mlp")
        and hasattr(layer.decoder_layer.input_layernorm, "variance_epsilon")
        and all(_is_known_linear(one) for group in range(len(GROUPS)) for one in linears(layer.decoder_layer, group))
        for layer in model.layers
    )


def _is_known_linear(linear: Any) -> bool:
    """A linear, plain or with one plain LoRA that isn't merged."""
    if not has_lora(linear):
        return type(linear) is nn.Linear
    plain = not (linear.merged or linear.disable_adapters or getattr(linear, "lora_variant", None))
    return type(linear.base_layer) is nn.Linear and len(linear.lora_A) == 1 and plain


def _reasons_against_fusing(model: FlamingoForConditionalGeneration) -> Iterator[str]:
    x = torch.linspace(-3, 3, 7)
    for layer in model.layers:
        decoder_layer = layer.decoder_layer
        if decoder_layer.self_attn.attention_dropout:
            yield "attention has dropout"
        if not torch.allclose(decoder_layer.mlp.act_fn(x), nn.functional.silu(x)):
            yield "the activation is not SiLU"
        for name, weight in decoder_layer.named_parameters():
            if weight.requires_grad and ".lora_" not in name:
                yield "the language model's own weights are trained"
        for group in range(len(GROUPS)):
            found = linears(decoder_layer, group)
            if len({has_lora(one) for one in found}) > 1:
                yield "LoRA is on some of the linears that are computed together"
            if any(base_linear(one).bias is not None for one in found):
                yield "the linears have biases"
            if any(getattr(drop, "p", 0) for one in found if has_lora(one) for drop in one.lora_dropout.values()):
                yield "LoRA has dropout"


def probe_batch(model: FlamingoForConditionalGeneration) -> dict[str, Tensor]:
    """Two rows of six tokens, the second padded, with one image and labels; always the same."""
    generator = torch.Generator().manual_seed(0)
    config = model.config
    ids = torch.randint(0, config.text_config.vocab_size - 1, (2, 6), generator=generator)
    ids += ids >= config.image_token_id  # any token but <image>
    latents = torch.randn(2, 1, config.num_latents, model.vision_encoder.width, generator=generator)
    mask = torch.tensor([[1] * 6, [1] * 3 + [0] * 3])
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "attended_image": torch.tensor([[0, 0, 1, 1, 1, 1]]).expand(2, -1),
        "latents": latents,
        "labels": ids.masked_fill(mask == 0, -100),
    }


def loss_and_gradients(model: FlamingoForConditionalGeneration, fast: bool) -> list[Tensor]:
    """The probe batch's loss and the gradients of everything trained that it reaches."""
    batch = probe_batch(model)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    with torch.inference_mode(False), torch.enable_grad():
        loss = training_loss(model, batch) if fast else model(**batch).loss
        gradients = torch.autograd.grad(loss, trained, allow_unused=True) if loss.requires_grad else []
    return [loss.detach(), *(gradient for gradient in gradients if gradient is not None)]


@torch.no_grad()
def next_logits(model: FlamingoForConditionalGeneration, decoder: Callable[..., Any]) -> list[Tensor]:
    """Logits of two more tokens after the probe batch, left-padded."""
    batch = probe_batch(model)
    ids, mask = batch["input_ids"][:, :4].flip(1), batch["attention_mask"][:, :4].flip(1)
    memory = model.remember(batch["latents"])
    cache = KVCache(layers=len(model.layers), room=6)
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    arguments = {"attended_image": torch.ones_like(ids), "visual_memory": memory, "position_ids": positions}
    model(input_ids=ids, attention_mask=mask, past_key_values=cache, use_cache=True, **arguments)
    step = decoder(
        model,
        cache,
        steps=2,
        positions=positions[:, -1:] + 1,
        mask=torch.cat([mask, torch.ones_like(mask[:, :2])], dim=1),
        memory=memory.select(torch.tensor([1, 1])),
        attended=torch.tensor([[1], [0]]),
    )
    return [step(tokens) for tokens in batch["input_ids"][:, 4:].t()]


def agree(found: list[Tensor], expected: list[Tensor]) -> bool:
    """Whether results are the same but for rounding."""
    return len(found) == len(expected) and all(
        bool((a - b).abs().max() <= TOLERANCE * b.abs().max().clamp(min=1e-3))
        for a, b in zip(found, expected, strict=True)
    )
