"""Batched decoding of a Llama-like Flamingo without modules, whose calls cost more than the computing in small models.

Weights that are read together lie together; LoRA, norms' weights, tanh gates and the attention scale are multiplied in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..model.conditioning import VisualMemory
from ..model.flamingo import FlamingoForConditionalGeneration
from ..model.kv_cache import KVCache
from .functions import as_rotation, interleaved
from .llama_layer import base_linear, effective_weight, linears

Linear = tuple[Tensor, Tensor | None]
"""A weight (inputs, outputs), as a multiplication from the left reads it, and a bias (outputs,)."""


@dataclass(frozen=True, eq=False)
class GatedWeights:
    """A gated layer's; the tanh gates are in `out` and `down`, the scale of attention in `query`."""

    norm: nn.LayerNorm
    query: Linear
    out: Linear
    ff_norm: nn.LayerNorm
    up: Linear
    down: Linear


@dataclass(frozen=True, eq=False)
class LayerWeights:
    """A decoder layer's; the norms' weights are in `qkv` and `gate_up`, heads of queries and keys `interleaved`."""

    qkv: Linear
    out: Linear
    gate_up: Linear
    down: Linear
    gated: GatedWeights | None


class PackedWeights:
    """The weights of a Llama-like Flamingo, copied as one decoding step reads them.

    Called with the arguments of `model.generation.ModelDecoder` it begins the decoding of a batch.

    Attributes:
        norm_floor: sqrt(d * epsilon): `x / sqrt(|x|^2 + norm_floor^2)` is RMSNorm up to sqrt(d), which is in the
            weights.
    """

    def __init__(self, model: FlamingoForConditionalGeneration) -> None:
        base, layer = model.lang_encoder.model, model.layers[0].decoder_layer
        width = base.embed_tokens.weight.shape[1]
        self.norm_floor = torch.tensor((width * float(base.norm.variance_epsilon)) ** 0.5)
        self.activation, self.rotary, self.head_dim = layer.mlp.act_fn, base.rotary_emb, layer.self_attn.head_dim
        self.heads, self.kv_heads = (base_linear(one).out_features // self.head_dim for one in linears(layer, 0)[:2])
        gated = [layer.gated_cross_attn_layer for layer in model.layers]
        self.cross_heads = next(layer.attn.heads for layer in gated if layer is not None)
        with torch.inference_mode(False), torch.no_grad():
            self.embedding = base.embed_tokens.weight.detach()
            self.head = _packed(*_effective(model.lang_encoder.lm_head), base.norm.weight * width**0.5)
            self.layers = [self._layer(one.decoder_layer, one.gated_cross_attn_layer, width) for one in model.layers]

    def _layer(self, layer: Any, gated: Any, width: int) -> LayerWeights:
        attention, root = layer.self_attn, width**0.5
        parts: list[Any] = [_effective(one) for one in linears(layer, 0)]
        parts[0] = tuple(None if x is None else x * attention.scaling for x in parts[0])
        parts[:2] = [tuple(None if x is None else interleaved(x, self.head_dim) for x in part) for part in parts[:2]]
        qkv = _side_by_side(parts)
        gate_up = _side_by_side([_effective(one) for one in linears(layer, 2)])
        return LayerWeights(
            qkv=_packed(*qkv, layer.input_layernorm.weight * root),
            out=_packed(*_effective(attention.o_proj)),
            gate_up=_packed(*gate_up, layer.post_attention_layernorm.weight * root),
            down=_packed(*_effective(layer.mlp.down_proj)),
            gated=None if gated is None else _gated(gated),
        )

    def rotations(self, length: int) -> Tensor:
        """The rotation of every position up to `length`, (length, e / 2) complex numbers."""
        return as_rotation(*self.rotary(self.embedding[:1, None], torch.arange(length)[None]))[0]

    def normalized(self, x: Tensor) -> Tensor:
        """RMSNorm of x (b, d), up to what is in the weights behind it."""
        return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True).hypot_(self.norm_floor)

    def __call__(self, model: FlamingoForConditionalGeneration, cache: KVCache, **arguments: Any) -> LlamaDecoder:
        """What decodes a batch whose prompt is in the cache."""
        return LlamaDecoder(self, cache, **arguments)


class LlamaDecoder:
    """One batch's decoding, a token a row and call; see `model.generation.ModelDecoder` for the arguments."""

    def __init__(
        self,
        weights: PackedWeights,
        cache: KVCache,
        *,
        steps: int,
        positions: Tensor,
        mask: Tensor | None,
        memory: VisualMemory | None,
        attended: Tensor | None,
    ) -> None:
        self.weights, self.start = weights, cache.get_seq_length()
        self.length, room = self.start, self.start + steps
        self.rotations = weights.rotations(int(positions.max()) + steps)[positions + torch.arange(steps)]
        self.keys: list[Tensor] = []  # by layer, (b, kv_heads, room, e), interleaved
        self.values: list[Tensor] = []
        for layer in cache.layers:
            keys = layer.keys.unflatten(-1, (2, -1)).transpose(-1, -2).flatten(-2)
            for buffers, prompt in ((self.keys, keys), (self.values, layer.values)):
                buffer = prompt.new_empty(*prompt.shape[:2], room, prompt.shape[3])
                buffer[:, :, : self.length] = prompt
                buffers.append(buffer)
        self.padding = None  # (b, 1, 1, room), added to the scores
        if mask is not None:
            padding = torch.zeros(mask.shape).masked_fill(mask == 0, torch.finfo(torch.float32).min)
            self.padding = padding[:, None, None]
        self.images: dict[int, tuple[Tensor, Tensor]] = {}  # by layer, (b, heads, e, l) and (b, heads, l, e)
        if memory is not None:
            self.images = {
                index: (key.contiguous().transpose(2, 3), value.contiguous())
                for index, (key, value) in memory.keys_values.items()
            }
        self.has_image = None if attended is None or bool(attended.all()) else attended.float()

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        self.keys, self.values = ([buffer[rows] for buffer in buffers] for buffers in (self.keys, self.values))
        self.rotations = self.rotations[rows]
        self.padding = None if self.padding is None else self.padding[rows]
        self.images = {index: (key[rows], value[rows]) for index, (key, value) in self.images.items()}
        self.has_image = None if self.has_image is None else self.has_image[rows]

    def __call__(self, tokens: Tensor) -> Tensor:
        """(b,) tokens to (b, vocabulary) logits."""
        weights, rows = self.weights, len(tokens)
        rotation = self.rotations[:, self.length - self.start, None]
        x = F.embedding(tokens, weights.embedding)
        for index, layer in enumerate(weights.layers):
            if layer.gated is not None:
                x = self._cross_attend(index, layer.gated, x)
            qkv = _linear(weights.normalized(x), layer.qkv).view(rows, -1, weights.head_dim)
            rotated = qkv[:, : weights.heads + weights.kv_heads]
            torch.view_as_complex(rotated.unflatten(-1, (-1, 2))).mul_(rotation)
            query, key, value = qkv.split([weights.heads, weights.kv_heads, weights.kv_heads], dim=1)
            self.keys[index][:, :, self.length] = key
            self.values[index][:, :, self.length] = value
            x = _add_linear(x, self._attend(index, query), layer.out)
            gate, up = _linear(weights.normalized(x), layer.gate_up).chunk(2, dim=-1)
            x = _add_linear(x, weights.activation(gate).mul_(up), layer.down)
        self.length += 1
        return _linear(weights.normalized(x), weights.head)

    def _attend(self, index: int, query: Tensor) -> Tensor:
        """(b, heads, e) scaled queries to (b, heads * e), over the tokens up to the one at hand."""
        length = self.length + 1
        keys, values = self.keys[index][:, :, :length], self.values[index][:, :, :length]
        query = query.unflatten(1, (self.weights.kv_heads, -1))  # heads that share keys lie side by side
        scores = query @ keys.transpose(2, 3)
        if self.padding is not None:
            scores += self.padding[..., :length]
        return (scores.softmax(dim=-1) @ values).view(len(query), -1)

    def _cross_attend(self, index: int, gated: GatedWeights, x: Tensor) -> Tensor:
        """What a gated layer makes of x, (b, d) to (b, d)."""
        if index in self.images:
            keys, values = self.images[index]
            query = _linear(gated.norm(x), gated.query).view(len(x), self.weights.cross_heads, 1, -1)
            output = ((query @ keys).softmax(dim=-1) @ values).view(len(x), -1)
            x = _add_linear(x, output if self.has_image is None else output * self.has_image, gated.out)
        return _add_linear(x, F.gelu(_linear(gated.ff_norm(x), gated.up)), gated.down)


def _linear(x: Tensor, linear: Linear) -> Tensor:
    weight, bias = linear
    return x @ weight if bias is None else torch.addmm(bias, x, weight)


def _add_linear(x: Tensor, inputs: Tensor, linear: Linear) -> Tensor:
    """`x + linear(inputs)`."""
    weight, bias = linear
    return torch.addmm(x if bias is None else x + bias, inputs, weight)


def _packed(weight: Tensor, bias: Tensor | None = None, norm: Tensor | None = None) -> Linear:
    """A linear's weight (outputs, inputs), with that of the norm before it, copied as `Linear` has it."""
    weight = weight if norm is None else weight * norm
    return weight.detach().t().clone(memory_format=torch.contiguous_format), bias


def _effective(linear: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a linear, with LoRA added."""
    return effective_weight(linear), base_linear(linear).bias


def _side_by_side(parts: Sequence[tuple[Tensor, Tensor | None]]) -> tuple[Tensor, Tensor | None]:
    """Weights and biases of several linears, one below the other."""
    weights, biases = zip(*parts, strict=True)
    if all(bias is None for bias in biases):
        return torch.cat(weights), None
    filled = [weight.new_zeros(len(weight)) if bias is None else bias for weight, bias in parts]
    return torch.cat(weights), torch.cat(filled)


def _gated(layer: Any) -> GatedWeights:
    attention = layer.attn
    head_dim = attention.to_q.out_features // attention.heads
    return GatedWeights(
        norm=attention.norm,
        query=_packed(attention.to_q.weight * head_dim**-0.5),
        out=_packed(attention.to_out.weight * layer.attn_gate.tanh()),
        ff_norm=layer.ff[0],
        up=_packed(layer.ff[1].weight),
        down=_packed(layer.ff[3].weight * layer.ff_gate.tanh()),
    )
