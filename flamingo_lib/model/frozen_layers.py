"""Decoder layers with frozen weights, as a processor runs them best: fewer and larger products, fewer passes over
memory.

What reads the same input (queries, keys, values; gate and up) is one product, the norms' weights are in the weights
behind them, and gradients are made for activations and LoRA only. Whether a language model is built so is asked of its
structure, then of its numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import Cache

from .attention import attend
from .fused import FrozenLinear, FrozenWeight, Normalise, Rotate, SwiGlu, as_rotation, in_halves, interleaved
from .lean import LARGEST, TOLERANCE, built_like_llama, effective_of, epsilon_of, is_known_linear
from .loss import is_at_hand
from .unchanged import Snapshot, modules_of, weights_of
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

_kept: WeakKeyDictionary[nn.Module, _Known] = WeakKeyDictionary()
"""By language model."""


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
        with torch.inference_mode(False), torch.no_grad():  # what is made in inference mode could not be trained with
            self.weights = [FrozenWeight(self._weight(group)) for group in range(len(GROUPS))]

    def _weight(self, group: int) -> Tensor:
        """A group's linears one below the other, with the weight of the norm before them."""
        linears = _linears(self.layer, group)
        rows = self._turnable(
            group, [effective_of(linear)[0] if self.folded else _base(linear).weight for linear in linears]
        )
        weight = torch.cat(rows) if len(rows) > 1 else rows[0]
        return weight * self.norms[AFTER_NORM.index(group)].weight if group in AFTER_NORM else weight

    def _turnable(self, group: int, rows: list[Tensor]) -> list[Tensor]:
        """What a group's linears have for each output, as `Rotate` wants it: queries' and keys' interleaved."""
        e = self.layer.self_attn.head_dim
        return [interleaved(rows[0], e), interleaved(rows[1], e), rows[2]] if group == 0 else rows

    def copied(self) -> list[Tensor]:
        """The weights that `weights` were made from."""
        linears = [linear for group in range(len(GROUPS)) for linear in _linears(self.layer, group)]
        copied = [norm.weight for norm in self.norms] + [_base(linear).weight for linear in linears]
        for linear in linears if self.folded else ():
            copied += (
                [part.weight for parts in (linear.lora_A, linear.lora_B) for part in parts.values()]
                if _has_lora(linear)
                else []
            )
        return copied

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
            mask: (b, 1, t, all tokens), added to the scores or True where a token may look; None: at itself and what is
                before it.
            rotation: cosine and sine, (b or 1, t, e) each.
            cache: the keys and values before these, to which the new ones are added.
            only: (b, t), True where the result is wanted; elsewhere it is zero. For the last layer.
            rows: if given, all is (1, n, ...), the tokens of a batch without its padding, and `mask` isn't read.
        """
        b, t, d = x.shape
        flat = x.reshape(-1, d)
        product = self._linear(0, Normalise.apply(flat, self.eps[0])).view(b, t, -1)
        pieces = Rotate.apply(product, as_rotation(*rotation), self.heads, self.kv_heads, rows)
        if rows is not None:
            seen = rows.join(
                [self._attend(*pieces[place : place + 3], causal=True) for place in range(0, len(pieces), 3)]
            )
        else:
            query, key, value = pieces
            if cache is not None:
                query, key = in_halves(query), in_halves(key)
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

    def _attend(
        self, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False
    ) -> Tensor:
        """(b, t, heads, e)"""
        scale = self.layer.self_attn.scaling
        if mask is None:
            return attend(query, key, value, causal=causal, scale=scale).transpose(1, 2)
        grouped = self.heads != self.kv_heads  # padding may look nowhere, which `attend` doesn't allow
        return F.scaled_dot_product_attention(query, key, value, mask, scale=scale, enable_gqa=grouped).transpose(1, 2)

    def _linear(self, group: int, x: Tensor, base: Tensor | None = None) -> Tensor:
        """(n, i) to (n, o): the results of a group of linears side by side, added to `base`."""
        weight = self.weights[group]
        adapters = [] if self.folded else [linear for linear in _linears(self.layer, group) if _has_lora(linear)]
        if not adapters:
            return FrozenLinear.apply(x, weight, base, None, ())
        name = next(iter(adapters[0].lora_A))
        down = torch.cat([linear.lora_A[name].weight for linear in adapters])
        if group in AFTER_NORM:  # `weight` holds the norm's, too
            down = down * self.norms[AFTER_NORM.index(group)].weight
        scales = tuple(float(linear.scaling[name]) for linear in adapters)
        ups = self._turnable(group, [linear.lora_B[name].weight for linear in adapters])
        return FrozenLinear.apply(x, weight, base, down, scales, *ups)


class _Known:
    """What was found out of a language model made of these modules, which don't hold itself."""

    def __init__(self, model: Any, modules: list[nn.Module]) -> None:
        self.modules = modules
        self.decoders = {layer.index: layer.decoder_layer for layer in model.layers}
        self.parts = [part for layer in self.decoders.values() for part in _parts(layer)]
        groups = [_linears(layer, group) for layer in self.decoders.values() for group in range(len(GROUPS))]
        self.linears = [linear for group in groups for linear in group]
        self.alike = all(len({_has_lora(linear) for linear in group}) == 1 for group in groups)
        """Each input's linears have LoRA together or not at all."""
        self.layers: dict[int, FrozenLayer] = {}
        self.copied: Snapshot | None = None
        self.scales: list[dict] = []
        self.verdicts: dict[frozenset[type], bool] = {}
        """By activation functions, whether the layers give the same numbers."""

    def is_plain(self) -> bool:
        """Nothing but LoRA is trained, and nothing is watched, dropped, merged or biased."""
        with_gradients = torch.is_grad_enabled()
        for module, is_lora in self.parts:
            if (
                module._forward_hooks
                or module._forward_pre_hooks
                or module._backward_hooks
                or module._backward_pre_hooks
            ):
                return False
            if isinstance(module, nn.Dropout) and module.training and module.p:
                return False
            if (
                with_gradients
                and not is_lora
                and any(weight is not None and weight.requires_grad for weight in module._parameters.values())
            ):
                return False
        return (
            self.alike
            and all(
                is_known_linear(linear) and is_at_hand(_base(linear)) and _base(linear).bias is None
                for linear in self.linears
            )
            and not any(layer.training and layer.self_attn.attention_dropout for layer in self.decoders.values())
        )

    def current(self) -> dict[int, FrozenLayer]:
        """The layers with the weights as they are now."""
        learning = (weight for layer in self.layers_with_lora() for weight in layer.parameters())
        folded = not (torch.is_grad_enabled() and any(weight.requires_grad for weight in learning))
        scales = [dict(linear.scaling) for linear in self.layers_with_lora()] if folded else []
        old = next(iter(self.layers.values()), None)
        if old is None or old.folded != folded or scales != self.scales or not self.copied.is_current(self._copied()):
            self.layers = {index: FrozenLayer(layer, folded) for index, layer in self.decoders.items()}
            self.copied, self.scales, self.verdicts = Snapshot(self._copied()), scales, {}
        return self.layers

    def layers_with_lora(self) -> list[nn.Module]:
        return [linear for linear in self.linears if _has_lora(linear)]

    def _copied(self) -> list[Tensor]:
        return [weight for layer in self.layers.values() for weight in layer.copied()]


def frozen_layers(model: Any) -> dict[int, FrozenLayer]:
    """A `FrozenLayer` for each decoder layer, by index, where that is the same computation and worth it; else none.

    It is for small Llama-like language models on a processor in float32, all weights but LoRA's frozen, without dropout
    and hooks.
    """
    language_model = model.lang_encoder
    config = language_model.config
    if (
        torch.compiler.is_compiling()
        or torch.is_autocast_enabled("cpu")
        or config._attn_implementation != "sdpa"
        or config.output_hidden_states
        or config.output_attentions
    ):
        return {}
    modules = modules_of(language_model)
    weights = weights_of(modules)
    if (
        any(module.__dict__.get("gradient_checkpointing") for module in modules)
        or any(weight.device.type != "cpu" or weight.dtype != torch.float32 for weight in weights)
        or sum(weight.numel() for weight in weights) > LARGEST
    ):
        return {}
    known = _kept.get(language_model)
    if known is None or known.modules != modules[1:]:
        if not built_like_llama(model):
            return {}
        known = _kept[language_model] = _Known(model, modules[1:])
    if not known.is_plain():
        return {}
    layers = known.current()
    activations = frozenset(type(layer.mlp.act_fn) for layer in known.decoders.values())
    if activations not in known.verdicts:
        known.verdicts[activations] = _same_numbers(model, layers)
    return layers if known.verdicts[activations] else {}


def ending_with(layers: dict[int, Callable[..., Tensor]], only: Tensor | None) -> dict[int, Callable[..., Tensor]]:
    """The layers, the last of which computes its result where `only` (b, t) is True; None: everywhere."""
    if not layers or only is None:
        return layers
    last = max(layers)
    return layers | {last: partial(layers[last], only=only)}


def _base(linear: nn.Module) -> nn.Linear:
    return linear._modules.get("base_layer", linear)


def _has_lora(linear: nn.Module) -> bool:
    return "base_layer" in linear._modules


def _linears(layer: nn.Module, group: int) -> list[nn.Module]:
    part, names = GROUPS[group]
    return [getattr(getattr(layer, part), name) for name in names]


def _parts(layer: nn.Module) -> list[tuple[nn.Module, bool]]:
    """The layer's modules, and whether they are LoRA's."""
    found = [(layer, False)]
    for module, is_lora in found:  # which grows meanwhile
        found += [
            (child, is_lora or name.startswith("lora_")) for name, child in module._modules.items() if child is not None
        ]
    return found


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
