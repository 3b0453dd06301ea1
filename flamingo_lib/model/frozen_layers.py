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
from .lean import LARGEST, TOLERANCE, built_like_llama, effective_of, epsilon_of, state_of
from .loss import is_at_hand
from .unpadded import Unpadded

GROUPS = (
    ("self_attn", ("q_proj", "k_proj", "v_proj")),
    ("self_attn", ("o_proj",)),
    ("mlp", ("gate_proj", "up_proj")),
    ("mlp", ("down_proj",)),
)
"""A layer's linears by what they read."""

AFTER_NORM = (0, 2)
"""Those groups that read the result of the first and the second norm."""

_kept: WeakKeyDictionary[nn.Module, tuple[dict[int, FrozenLayer], dict[frozenset[type], bool]]] = WeakKeyDictionary()
"""By language model: its layers, and by activation functions whether they give the same numbers."""


class FrozenLayer:
    """One decoder layer.

    Args:
        layer: a layer built as Llama's, its linears plain or with LoRA.
        folded: multiply LoRA in, as nothing of it is learning.
    """

    def __init__(self, layer: nn.Module, folded: bool) -> None:
        self.layer, self.folded = layer, folded
        self.norms = layer.input_layernorm, layer.post_attention_layernorm
        self.eps = tuple(map(epsilon_of, self.norms))
        e = layer.self_attn.head_dim
        self.heads, self.kv_heads = (linear.out_features // e for linear in _linears(layer, 0)[:2])
        self.state = self._state()
        with torch.inference_mode(False), torch.no_grad():  # what is made in inference mode could not be trained with
            self.weights = []
            for group in range(len(GROUPS)):
                weights = [effective_of(linear)[0] if folded else _base(linear).weight for linear in _linears(layer, group)]
                self.weights.append(torch.cat(weights) if len(weights) > 1 else weights[0])
            for group, norm in zip(AFTER_NORM, self.norms, strict=True):
                self.weights[group] = self.weights[group] * norm.weight

    def _state(self) -> tuple:
        linears = [linear for group in range(len(GROUPS)) for linear in _linears(self.layer, group)]
        copied = [norm.weight for norm in self.norms] + [_base(linear).weight for linear in linears]
        adapters = [linear for linear in linears if self.folded and _base(linear) is not linear]
        copied += [part.weight for linear in adapters for pair in (linear.lora_A, linear.lora_B) for part in pair.values()]
        return state_of(copied), [dict(linear.scaling) for linear in adapters]

    def is_current(self) -> bool:
        """Whether the weights are those that were copied."""
        return self._state() == self.state

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
        product = self._linear(0, Normalise.apply(flat, self.eps[0])).view(b, t, -1)
        pieces = Rotate.apply(product, *rotation, self.heads, self.kv_heads, rows)
        if rows is not None:
            seen = rows.join([self._attend(*pieces[place : place + 3], causal=True) for place in range(0, len(pieces), 3)])
        else:
            query, key, value = pieces
            if cache is not None:
                key, value = cache.update(key, value, self.layer.self_attn.layer_idx)
            if mask is None and t > 1:  # nothing comes before, and a cache of fixed size is empty behind
                seen = self._attend(query, key[:, :, :t], value[:, :, :t], causal=True)
            else:
                seen = self._attend(query, key, value, mask)
        seen = seen.reshape(b * t, -1)
        places = None if only is None else only.flatten().nonzero()[:, 0]
        if places is not None:
            flat, seen = flat.index_select(0, places), seen.index_select(0, places)
        flat = self._linear(1, seen, base=flat)
        flat = self._linear(3, SwiGlu.apply(self._linear(2, Normalise.apply(flat, self.eps[1]))), base=flat)
        if places is not None:
            flat = flat.new_zeros(b * t, d).index_copy(0, places, flat)
        return flat.view(b, t, d)

    def _attend(self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """(b, t, heads, e)"""
        return F.scaled_dot_product_attention(
            query, key, value, mask, is_causal=causal, scale=self.layer.self_attn.scaling, enable_gqa=self.heads != self.kv_heads
        ).transpose(1, 2)

    def _linear(self, group: int, x: Tensor, base: Tensor | None = None) -> Tensor:
        """(n, i) to (n, o): the results of a group of linears side by side, added to `base`."""
        weight = self.weights[group]
        adapters = [] if self.folded else [linear for linear in _linears(self.layer, group) if _base(linear) is not linear]
        if not adapters:
            return FrozenLinear.apply(x, weight, base, None, ())
        name = next(iter(adapters[0].lora_A))
        down = torch.cat([linear.lora_A[name].weight for linear in adapters])
        if group in AFTER_NORM:  # `weight` holds the norm's, too
            down = down * self.norms[AFTER_NORM.index(group)].weight
        scales = tuple(float(linear.scaling[name]) for linear in adapters)
        return FrozenLinear.apply(x, weight, base, down, scales, *(linear.lora_B[name].weight for linear in adapters))


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
    folded = not (torch.is_grad_enabled() and any(weight.requires_grad for layer in wrapped for weight in layer.decoder_layer.parameters()))
    layers, verdicts = _kept.get(language_model, ({}, {}))
    if len(layers) != len(wrapped) or any(
        layers[layer.index].layer is not layer.decoder_layer or layers[layer.index].folded != folded or not layers[layer.index].is_current()
        for layer in wrapped
    ):
        layers, verdicts = {layer.index: FrozenLayer(layer.decoder_layer, folded) for layer in wrapped}, {}
        _kept[language_model] = layers, verdicts
    activations = frozenset(type(layer.decoder_layer.mlp.act_fn) for layer in wrapped)
    if activations not in verdicts:
        verdicts[activations] = _same_numbers(model, layers)
    return layers if verdicts[activations] else {}


def _base(linear: nn.Module) -> nn.Linear:
    return getattr(linear, "base_layer", linear)


def _linears(layer: nn.Module, group: int) -> list[nn.Module]:
    part, names = GROUPS[group]
    return [getattr(getattr(layer, part), name) for name in names]


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
    groups = [_linears(layer, group) for group in range(len(GROUPS))]
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
