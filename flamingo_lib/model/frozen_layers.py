"""Decoder layers with frozen weights, as a processor runs them best: fewer and larger products, fewer passes over memory.

What reads the same input (queries, keys, values; gate and up) is one product, the norms' weights are in the weights behind them, and
gradients are made for activations and LoRA only. Whether a language model is built so is asked of its structure, then of its numbers.
"""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Cache

from .fused import FrozenLinear, Normalise, Rotate, SwiGlu
from .lean import LARGEST, TOLERANCE, built_like_llama, epsilon_of, state_of
from .loss import is_at_hand

ATTENTION, FEED_FORWARD = ("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj")

_verdicts: dict[tuple, bool] = {}
_kept: WeakKeyDictionary[nn.Module, dict[int, FrozenLayer]] = WeakKeyDictionary()


class FrozenLayer:
    """One decoder layer.

    Args:
        layer: a layer built as Llama's, its linears plain or with LoRA.
    """

    def __init__(self, layer: nn.Module) -> None:
        self.attention, self.mlp = layer.self_attn, layer.mlp
        self.norms = layer.input_layernorm, layer.post_attention_layernorm
        self.eps = tuple(map(epsilon_of, self.norms))
        e = self.attention.head_dim
        self.heads, self.kv_heads = (linear.out_features // e for linear in self.linears[0][:2])
        self.state = state_of(self._copied())
        with torch.inference_mode(False), torch.no_grad():  # what is made in inference mode could not be trained with
            self.weights = [
                torch.cat([_base(linear).weight for linear in linears]) * norm.weight
                for linears, norm in zip(self.linears, self.norms, strict=True)
            ]

    @property
    def linears(self) -> tuple[list[nn.Module], list[nn.Module]]:
        """Those that read the first norm's result, and those that read the second's; LoRA may come and go."""
        return [getattr(self.attention, name) for name in ATTENTION], [getattr(self.mlp, name) for name in FEED_FORWARD]

    def _copied(self) -> list[Tensor]:
        return [_base(linear).weight for linears in self.linears for linear in linears] + [norm.weight for norm in self.norms]

    def is_current(self) -> bool:
        """Whether the weights are those that were copied."""
        return state_of(self._copied()) == self.state

    def __call__(
        self, x: Tensor, mask: Tensor | None, rotation: tuple[Tensor, Tensor], cache: Cache | None = None, only: Tensor | None = None
    ) -> Tensor:
        """(b, t, d) to (b, t, d).

        Args:
            mask: (b, 1, t, all tokens), added to the scores or True where a token may look; None: at itself and what is before it.
            rotation: cosine and sine, (b or 1, t, e) each.
            cache: the keys and values before these, to which the new ones are added.
            only: (b, t), True where the result is wanted; elsewhere it is zero. For the last layer.
        """
        b, t, d = x.shape
        flat = x.reshape(-1, d)
        product = self._after_norm(0, flat).view(b, t, -1)
        query, key, value = Rotate.apply(product, *rotation, self.heads, self.kv_heads)
        if cache is not None:
            key, value = cache.update(key, value, self.attention.layer_idx)
        causal = mask is None and t > 1
        if causal:  # nothing comes before, and a cache of fixed size is empty behind
            key, value = key[:, :, :t], value[:, :, :t]
        seen = F.scaled_dot_product_attention(
            query, key, value, mask, is_causal=causal, scale=self.attention.scaling, enable_gqa=self.heads != self.kv_heads
        )
        seen = seen.transpose(1, 2).reshape(b * t, -1)
        places = None if only is None else only.flatten().nonzero()[:, 0]
        if places is not None:
            flat, seen = flat[places], seen[places]
        flat = _linear(seen, [self.attention.o_proj], base=flat)
        flat = _linear(SwiGlu.apply(self._after_norm(1, flat)), [self.mlp.down_proj], base=flat)
        if places is not None:
            flat = flat.new_zeros(b * t, d).index_copy(0, places, flat)
        return flat.view(b, t, d)

    def _after_norm(self, which: int, x: Tensor) -> Tensor:
        return _linear(Normalise.apply(x, self.eps[which]), self.linears[which], self.weights[which], self.norms[which].weight)


def _linear(
    x: Tensor, linears: list[nn.Module], weight: Tensor | None = None, inputs: Tensor | None = None, base: Tensor | None = None
) -> Tensor:
    """The results of `linears` side by side.

    Args:
        weight: their common weight, where it isn't the only one's own.
        inputs: (i,) what `weight` holds beyond their own weights, and LoRA does not.
        base: what is added to the result.
    """
    weight = _base(linears[0]).weight if weight is None else weight
    adapters = [linear for linear in linears if _base(linear) is not linear]
    if not adapters:
        return FrozenLinear.apply(x, weight, base, None, ())
    name = next(iter(adapters[0].lora_A))
    down = torch.cat([linear.lora_A[name].weight for linear in adapters])
    scales = tuple(float(linear.scaling[name]) for linear in adapters)
    return FrozenLinear.apply(
        x, weight, base, down if inputs is None else down * inputs, scales, *(linear.lora_B[name].weight for linear in adapters)
    )


def frozen_layers(model: Any) -> dict[int, FrozenLayer]:
    """A `FrozenLayer` for each decoder layer, by index, where that is the same computation and worth it; else none.

    It is for small Llama-like language models on a processor in float32, all weights but LoRA's frozen, without dropout and hooks.
    """
    language_model = model.lang_encoder
    weights, config = list(language_model.parameters()), language_model.config
    if (
        torch.compiler.is_compiling()
        or torch.is_autocast_enabled("cpu")
        or config._attn_implementation != "sdpa"
        or config.output_hidden_states
        or config.output_attentions
        or model.is_activation_checkpointing
        or any(weight.device.type != "cpu" or weight.dtype != torch.float32 for weight in weights)
        or sum(weight.numel() for weight in weights) > LARGEST
    ):
        return {}
    if not built_like_llama(model) or not all(_is_plain(layer.decoder_layer) for layer in model.layers):
        return {}
    kept = _kept.get(language_model)
    if kept is None or any(
        kept[layer.index].attention is not layer.decoder_layer.self_attn or not kept[layer.index].is_current() for layer in model.layers
    ):
        kept = {layer.index: FrozenLayer(layer.decoder_layer) for layer in model.layers}
        _kept[language_model] = kept
    activations = frozenset(type(layer.decoder_layer.mlp.act_fn) for layer in model.layers)
    key = (type(language_model), config.to_json_string(), activations)
    if key not in _verdicts:
        _verdicts[key] = _same_numbers(model, kept)
    return kept if _verdicts[key] else {}


def _base(linear: nn.Module) -> nn.Linear:
    return getattr(linear, "base_layer", linear)


def _is_plain(layer: nn.Module) -> bool:
    """Nothing but LoRA is trained, nothing is watched, dropped or biased, and each input's linears have LoRA together or not at all."""
    for name, weight in layer.named_parameters():
        if weight.requires_grad and torch.is_grad_enabled() and ".lora_" not in name:
            return False
    for module in layer.modules():
        if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks:
            return False
        if isinstance(module, nn.Dropout) and module.training and module.p:
            return False
    groups = [[getattr(layer.self_attn, name) for name in ATTENTION], [getattr(layer.mlp, name) for name in FEED_FORWARD]]
    groups += [[layer.self_attn.o_proj], [layer.mlp.down_proj]]
    if any(len({_base(linear) is linear for linear in group}) > 1 for group in groups):
        return False
    linears = [linear for group in groups for linear in group]
    return not (layer.training and layer.self_attn.attention_dropout) and all(
        is_at_hand(_base(linear)) and _base(linear).bias is None for linear in linears
    )


@torch.no_grad()
def _same_numbers(model: Any, layers: dict[int, FrozenLayer]) -> bool:
    """Put something through every layer both ways."""
    x = torch.randn(1, 5, model.config.text_config.hidden_size, generator=torch.Generator().manual_seed(0))
    rotation = model.lang_encoder.model.rotary_emb(x, torch.arange(5)[None])
    mask = torch.ones(5, 5, dtype=torch.bool).tril()[None, None]
    for layer in model.layers:
        expected = layer.decoder_layer(x, attention_mask=mask, position_embeddings=rotation)
        expected = expected[0] if isinstance(expected, tuple) else expected
        found = layers[layer.index](x, None, rotation)
        if not bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max().clamp(min=1.0)):
            return False
    return True
