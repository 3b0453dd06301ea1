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
from .unpadded import Unpadded

ATTENTION, FEED_FORWARD = ("q_proj", "k_proj", "v_proj"), ("gate_proj", "up_proj")

_kept: WeakKeyDictionary[nn.Module, tuple[dict[int, FrozenLayer], dict[frozenset[type], bool]]] = WeakKeyDictionary()
"""By language model: its layers, and by activation functions whether they give the same numbers."""


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
        self,
        x: Tensor,
        mask: Tensor | None,
        rotation: tuple[Tensor, Tensor],
        cache: Cache | None = None,
        only: Tensor | None = None,
        rows: Unpadded | None = None,
    ) -> Tensor:
        """(b, t, d) to (b, t, d).

        Args:
            mask: (b, 1, t, all tokens), added to the scores or True where a token may look; None: at itself and what is before it.
            rotation: cosine and sine, (b or 1, t, e) each.
            cache: the keys and values before these, to which the new ones are added.
            only: (b, t), True where the result is wanted; elsewhere it is zero. For the last layer.
            rows: if given, all is (1, n, ...), the tokens of a batch without its padding, and `mask` isn't read.
        """
        b, t, d = x.shape
        flat = x.reshape(-1, d)
        product = self._after_norm(0, flat).view(b, t, -1)
        query, key, value, *more = Rotate.apply(product, *rotation, self.heads, self.kv_heads, rows)
        if cache is not None:
            key, value = cache.update(key, value, self.attention.layer_idx)
        if rows is not None or (mask is None and t > 1):  # nothing comes before, and a cache of fixed size is empty behind
            seen = self._attend(query, key[:, :, : query.shape[2]], value[:, :, : query.shape[2]], causal=True)
        else:
            seen = self._attend(query, key, value, mask)
        if rows is not None:
            seen = rows.join([seen, *(self._attend(*more[place : place + 3], causal=True) for place in range(0, len(more), 3))])
        seen = seen.reshape(b * t, -1)
        places = None if only is None else only.flatten().nonzero()[:, 0]
        if places is not None:
            flat, seen = flat.index_select(0, places), seen.index_select(0, places)
        flat = _linear(seen, [self.attention.o_proj], base=flat)
        flat = _linear(SwiGlu.apply(self._after_norm(1, flat)), [self.mlp.down_proj], base=flat)
        if places is not None:
            flat = flat.new_zeros(b * t, d).index_copy(0, places, flat)
        return flat.view(b, t, d)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """(b, t, heads, e)"""
        return F.scaled_dot_product_attention(
            query, key, value, mask, is_causal=causal, scale=self.attention.scaling, enable_gqa=self.heads != self.kv_heads
        ).transpose(1, 2)

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
    wrapped = list(model.layers)
    if not built_like_llama(model) or not all(_is_plain(layer.decoder_layer) for layer in wrapped):
        return {}
    layers, verdicts = _kept.get(language_model, ({}, {}))
    if len(layers) != len(wrapped) or any(
        layers[layer.index].attention is not layer.decoder_layer.self_attn or not layers[layer.index].is_current() for layer in wrapped
    ):
        layers, verdicts = {layer.index: FrozenLayer(layer.decoder_layer) for layer in wrapped}, {}
        _kept[language_model] = layers, verdicts
    activations = frozenset(type(layer.decoder_layer.mlp.act_fn) for layer in wrapped)
    if activations not in verdicts:
        verdicts[activations] = _same_numbers(model, layers)
    return layers if verdicts[activations] else {}


def _base(linear: nn.Module) -> nn.Linear:
    return getattr(linear, "base_layer", linear)


def _is_plain(layer: nn.Module) -> bool:
    """Nothing but LoRA is trained, nothing is watched, dropped or biased, and each input's linears have LoRA together or not at all."""
    with_gradients, left = torch.is_grad_enabled(), [(layer, False)]
    while left:  # by hand, as this is asked in every step and modules() takes several times as long
        module, is_lora = left.pop()
        if module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks:
            return False
        if isinstance(module, nn.Dropout) and module.training and module.p:
            return False
        if with_gradients and not is_lora and any(weight is not None and weight.requires_grad for weight in module._parameters.values()):
            return False
        left += [(child, is_lora or name.startswith("lora_")) for name, child in module._modules.items() if child is not None]
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
