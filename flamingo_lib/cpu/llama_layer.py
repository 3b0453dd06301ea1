"""A Llama decoder layer with frozen weights, fused: fewer and larger linears, gradients for activations and LoRA only.

Linears that read the same input (queries, keys, values; gate and up) are one, with the weight of the norm before them.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import Cache

from .functions import FrozenLinear, RMSNorm, RotaryEmbedding, SwiGLU, as_rotation, deinterleaved, interleaved
from .padding_free import PackedRows, padding_free_attention

GROUPS = (
    ("self_attn", ("q_proj", "k_proj", "v_proj")),
    ("self_attn", ("o_proj",)),
    ("mlp", ("gate_proj", "up_proj")),
    ("mlp", ("down_proj",)),
)
"""A layer's linears by what they read."""

NORMED = {0: "input_layernorm", 2: "post_attention_layernorm"}
"""Those groups that read a norm's result."""


class FusedLlamaLayer:
    """Stands in for the `forward` of a decoder layer whose own weights are frozen.

    LoRA that is trained is read as it is at each call; LoRA that is frozen, too, is multiplied in.

    Args:
        layer: a Llama decoder layer, its linears plain or with LoRA.
        is_last: whether nothing but the language model's last norm reads the result.
    """

    def __init__(self, layer: Any, is_last: bool = False) -> None:
        self.layer, self.is_last = layer, is_last
        self.eps = [float(getattr(layer, name).variance_epsilon) for name in NORMED.values()]
        self.head_dim, self.scaling = layer.self_attn.head_dim, layer.self_attn.scaling
        self.heads, self.kv_heads = (base_linear(one).out_features // self.head_dim for one in linears(layer, 0)[:2])
        found = [one for group in range(len(GROUPS)) for one in linears(layer, group) if has_lora(one)]
        self.has_lora = any(weight.requires_grad for one in found for weight in one.parameters())
        with torch.inference_mode(False), torch.no_grad():
            self.weights = [self._weight(group) for group in range(len(GROUPS))]

    def _weight(self, group: int) -> Tensor:
        """The group's linears one below the other, with the weight of the norm before them; a copy."""
        parts = [base_linear(one) if self.has_lora else one for one in linears(self.layer, group)]
        weight = torch.cat(self._rows(group, [effective_weight(one) for one in parts]))
        return weight * getattr(self.layer, NORMED[group]).weight if group in NORMED else weight

    def _rows(self, group: int, rows: list[Tensor]) -> list[Tensor]:
        """One tensor (outputs, ...) of each linear; queries' and keys' interleaved, as `RotaryEmbedding` wants them."""
        if group:
            return rows
        return [interleaved(rows[0], self.head_dim), interleaved(rows[1], self.head_dim), rows[2]]

    def __call__(
        self,
        hidden_states: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        use_cache: bool | None = False,
        position_embeddings: tuple[Tensor, Tensor] | None = None,
        packed_rows: PackedRows | None = None,
        wanted: Tensor | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """(b, t, d) to (b, t, d); the arguments are the decoder layer's own, and these.

        Args:
            packed_rows: if given, hidden states are (1, n, d), and `attention_mask` isn't read.
            wanted: (b, t), True where the last layer's result is read; elsewhere it may be zero.
        """
        b, t, d = hidden_states.shape
        x = hidden_states.reshape(-1, d)
        qkv = self._linear(0, RMSNorm.apply(x, self.eps[0])).view(b, t, -1)
        rotation = as_rotation(*(position_embeddings or ()))
        query, key, value = RotaryEmbedding.apply(qkv, rotation, self.heads, self.kv_heads)
        attended = self._attend(query, key, value, attention_mask, past_key_values, packed_rows).reshape(b * t, -1)
        index = None
        if self.is_last and wanted is not None:
            index = wanted.flatten().nonzero()[:, 0]
            x, attended = x.index_select(0, index), attended.index_select(0, index)
        x = self._linear(1, attended, residual=x)
        x = self._linear(3, SwiGLU.apply(self._linear(2, RMSNorm.apply(x, self.eps[1]))), residual=x)
        if index is not None:
            x = x.new_zeros(b * t, d).index_copy(0, index, x)
        return x.view(b, t, d)

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        mask: Tensor | None,
        cache: Cache | None,
        packed_rows: PackedRows | None,
    ) -> Tensor:
        """(b, heads, t, e) and twice (b, kv_heads, t, e) to (b, t, heads, e)."""
        options: Any = {"packed_rows": packed_rows, "scaling": self.scaling}
        if packed_rows is not None:
            return padding_free_attention(self.layer.self_attn, query, key, value, None, **options)[0]
        if cache is not None:
            query, key = deinterleaved(query), deinterleaved(key)
            key, value = cache.update(key, value, self.layer.self_attn.layer_idx)
        causal = mask is None and query.shape[2] > 1
        if causal:  # nothing comes before, and a cache of fixed size is empty behind
            key, value = key[:, :, : query.shape[2]], value[:, :, : query.shape[2]]
        grouped = self.heads != self.kv_heads
        output = F.scaled_dot_product_attention(
            query, key, value, mask, is_causal=causal, scale=self.scaling, enable_gqa=grouped
        )
        return output.transpose(1, 2)

    def _linear(self, group: int, x: Tensor, residual: Tensor | None = None) -> Tensor:
        """(n, i) to (n, o): a group's linears side by side, added to `residual`."""
        adapted = [one for one in linears(self.layer, group) if has_lora(one)]
        if not adapted or not self.has_lora:
            return FrozenLinear.apply(x, self.weights[group], residual, None, ())
        name = next(iter(adapted[0].lora_A))
        lora_a = torch.cat([one.lora_A[name].weight for one in adapted])
        if group in NORMED:  # the frozen weight holds the norm's, too
            lora_a = lora_a * getattr(self.layer, NORMED[group]).weight
        lora_b = self._rows(group, [one.lora_B[name].weight for one in adapted])
        scales = tuple(float(one.scaling[name]) for one in adapted)
        return FrozenLinear.apply(x, self.weights[group], residual, lora_a, scales, *lora_b)


def linears(layer: nn.Module, group: int) -> list[Any]:
    """The linears of one of a decoder layer's `GROUPS`, plain or with LoRA."""
    part, names = GROUPS[group]
    return [getattr(getattr(layer, part), name) for name in names]


def has_lora(linear: nn.Module) -> bool:
    """Whether PEFT has wrapped the linear."""
    return hasattr(linear, "base_layer")


def base_linear(linear: Any) -> nn.Linear:
    """The linear itself, without LoRA around it."""
    return getattr(linear, "base_layer", linear)


def effective_weight(linear: Any) -> Tensor:
    """(outputs, inputs), with LoRA added."""
    if not has_lora(linear):
        return linear.weight
    return linear.base_layer.weight + linear.get_delta_weight(next(iter(linear.lora_A)))
