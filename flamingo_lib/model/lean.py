"""Weights for decoding without modules: for small language models built as Llama is, where calling modules costs more
than computing.

Weights that are read together lie together (queries, keys, values; gate and up), and LoRA, norms' weights, tanh gates
and the scale of attention's scores are multiplied in; `decoding` computes with them. Whether a language model is built
so is asked of its structure, and then of its numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from .cache import RoomyCache
from .fused import as_rotation, interleaved
from .product import Product, laid_out
from .unchanged import Snapshot, modules_of, weights_of

if TYPE_CHECKING:
    from .flamingo import FlamingoForConditionalGeneration

LARGEST = 200_000_000
"""Language-model parameters over which modules cost little and a second copy of the weights would cost memory."""

KEPT = 50_000_000
"""Language-model parameters up to which the step's copies of the weights are kept for the next generation."""

TOLERANCE = 1e-4
"""Relative difference of logits at which the numbers count as the same, float32."""

_verdicts: dict[tuple[type, str], bool] = {}
_kept: WeakKeyDictionary[nn.Module, tuple[Snapshot, list[dict], LeanStep | None]] = WeakKeyDictionary()
"""By model: the weights and LoRA's scales as they were, and the step made of them, if it gives the same numbers."""


@dataclass(frozen=True, eq=False)
class Gated:
    """A gated layer's norms and products; the tanh gates are in `out` and `down`."""

    norm: nn.LayerNorm
    query: Product
    out: Product
    ff_norm: nn.LayerNorm
    up: Product
    down: Product


@dataclass(frozen=True, eq=False)
class Layer:
    """A decoder layer's products; what its norms multiply by is in `qkv` and `gate_up`, and heads in `qkv` are
    `interleaved`.
    """

    index: int
    qkv: Product
    out: Product
    gate_up: Product
    down: Product
    gated: Gated | None


class LeanStep:
    """The weights of a Llama-like Flamingo as one decoding step reads them.

    Args:
        copy: also lay out weights in memory as small products are fastest with them.

    Attributes:
        smallest: the length that stands for epsilon: hidden states of length l are divided by the root of l^2 +
            smallest^2, as RMSNorm does, less a factor of the root of d, which is in the weights.
    """

    def __init__(self, model: FlamingoForConditionalGeneration, copy: bool = False) -> None:
        base = model.lang_encoder.model
        first = model.layers[0].decoder_layer
        attention = first.self_attn
        self.embedding = base.embed_tokens.weight
        root = self.embedding.shape[1] ** 0.5
        self.smallest = torch.tensor(epsilon_of(base.norm) ** 0.5 * root, device=self.embedding.device)
        self.activation = first.mlp.act_fn
        self.head_dim = attention.head_dim
        self.heads = _out_features(attention.q_proj) // self.head_dim
        self.kv_heads = _out_features(attention.k_proj) // self.head_dim
        self.rotary = base.rotary_emb
        self.cross_heads = next(
            layer.gated_cross_attn_layer.attn.heads
            for layer in model.layers
            if layer.gated_cross_attn_layer is not None
        )
        with torch.no_grad():
            self.final_norm = base.norm.weight * root
            self.head = laid_out(model.lang_encoder.lm_head.weight, model.lang_encoder.lm_head.bias, copy)
            self.layers = [_collect(layer, root, copy) for layer in model.layers]

    def rotations(self, length: int) -> Tensor:
        """The rotation of every position up to `length`, (length, e / 2) complex numbers of absolute value 1."""
        positions = torch.arange(length, device=self.embedding.device)[None]
        return as_rotation(*self.rotary(self.embedding[:1, None], positions))[0]

    def normalised(self, x: Tensor) -> Tensor:
        """x (b, d) by its length, epsilon included, in the fewest calls; what is left of `x / rms(x)` is in the
        weights.
        """
        return x / torch.linalg.vector_norm(x, dim=-1, keepdim=True).hypot_(self.smallest)


def lean_step(model: FlamingoForConditionalGeneration) -> LeanStep | None:
    """A `LeanStep` if the model is small, built as Llama is, and gives the same numbers that way; else None."""
    language_model = model.lang_encoder
    modules = modules_of(language_model)
    weights = weights_of(modules)
    size = sum(weight.numel() for weight in weights)
    if size > LARGEST or weights[0].dtype != torch.float32 or not built_like_llama(model):
        return None
    lasting = size <= KEPT and not any(weight.is_inference() for weight in weights)
    scales = [dict(module.scaling) for module in modules if isinstance(module.__dict__.get("scaling"), dict)]
    known = _kept.get(model) if lasting else None
    if known is not None and known[1] == scales and known[0].is_current(weights):
        return known[2]
    step = LeanStep(model, copy=lasting)
    key = (type(language_model), language_model.config.to_json_string())
    if key not in _verdicts:
        _verdicts[key] = _same_numbers(model, step)
    if lasting:
        _kept[model] = Snapshot(weights), scales, step if _verdicts[key] else None
    return step if _verdicts[key] else None


def built_like_llama(model: FlamingoForConditionalGeneration) -> bool:
    """Has every module that `LeanStep` reads, and none on the way that it doesn't know."""
    base = getattr(model.lang_encoder, "model", None)
    wanted = {"input_layernorm", "self_attn", "post_attention_layernorm", "mlp"}
    if not isinstance(getattr(model.lang_encoder, "lm_head", None), nn.Linear) or {
        name for name, _ in getattr(base, "named_children", list)()
    } != {
        "embed_tokens",
        "layers",
        "norm",
        "rotary_emb",
    }:
        return False
    for layer in model.layers:
        inner = layer.decoder_layer
        linears = ({"q_proj", "k_proj", "v_proj", "o_proj"}, {"gate_proj", "up_proj", "down_proj", "act_fn"})
        if {name for name, _ in inner.named_children()} != wanted:
            return False
        for part, names in zip((inner.self_attn, inner.mlp), linears, strict=True):
            if {name for name, _ in part.named_children()} != names:
                return False
            if not all(is_known_linear(child) for name, child in part.named_children() if name != "act_fn"):
                return False
    return True


@torch.no_grad()
def _same_numbers(model: FlamingoForConditionalGeneration, step: LeanStep) -> bool:
    """Decode two tokens both ways."""
    from .decoding import LeanDecoding  # it needs the step, which needs this function

    count = model.config.text_config.num_hidden_layers
    ids = torch.tensor([[5, 6, 7]], device=model.device).remainder(model.config.text_config.vocab_size)
    cache = RoomyCache(layers=count, room=3)
    expected = model(input_ids=ids).logits[:, -1]
    model(input_ids=ids[:, :2], past_key_values=cache, use_cache=True)
    found = LeanDecoding(step, cache, 1, ids.new_tensor([[2]]))(ids[:, 2])
    return bool((found - expected).abs().max() <= TOLERANCE * expected.abs().max().clamp(min=1.0))


def _collect(layer: Any, root: float, copy: bool) -> Layer:
    inner, cross = layer.decoder_layer, layer.gated_cross_attn_layer
    attention, mlp = inner.self_attn, inner.mlp
    gated = None
    if cross is not None:
        gated = Gated(
            norm=cross.attn.norm,
            query=laid_out(
                cross.attn.to_q.weight * (len(cross.attn.to_q.weight) // cross.attn.heads) ** -0.5, None, copy
            ),
            out=laid_out(cross.attn.to_out.weight * cross.attn_gate.tanh(), None, copy, adds=True),
            ff_norm=cross.ff[0],
            up=laid_out(cross.ff[1].weight, None, copy),
            down=laid_out(cross.ff[3].weight * cross.ff_gate.tanh(), None, copy, adds=True),
        )
    qkv, bias = _together(attention.q_proj, attention.k_proj, attention.v_proj)
    queries = slice(None, _out_features(attention.q_proj))
    qkv[queries] *= attention.scaling
    if bias is not None:
        bias[queries] *= attention.scaling
        bias = interleaved(bias, attention.head_dim)
    gate_up, gate_up_bias = _together(mlp.gate_proj, mlp.up_proj)
    qkv = interleaved(qkv.mul_(inner.input_layernorm.weight * root), attention.head_dim)
    return Layer(
        index=layer.index,
        qkv=laid_out(qkv, bias, copy, parts=len(qkv) // attention.head_dim),
        out=laid_out(*effective_of(attention.o_proj), copy, adds=True),
        gate_up=laid_out(gate_up.mul_(inner.post_attention_layernorm.weight * root), gate_up_bias, copy, parts=2),
        down=laid_out(*effective_of(mlp.down_proj), copy, adds=True),
        gated=gated,
    )


def is_known_linear(module: nn.Module) -> bool:
    """A linear, plain or with one plain LoRA that counts and isn't merged."""
    return type(module) is nn.Linear or (
        type(getattr(module, "base_layer", None)) is nn.Linear
        and len(getattr(module, "lora_A", ())) == 1
        and not (module.merged or getattr(module, "lora_variant", None) or module.disable_adapters)
    )


def effective_of(module: nn.Module) -> tuple[Tensor, Tensor | None]:
    """Weight and bias of a linear that `is_known_linear`, with LoRA multiplied in."""
    if type(module) is nn.Linear:
        return module.weight, module.bias
    return module.base_layer.weight + module.get_delta_weight(next(iter(module.lora_A))), module.base_layer.bias


def _together(*modules: nn.Module) -> tuple[Tensor, Tensor | None]:
    """A copy of the linears' weights and biases, one below the other."""
    weights, biases = zip(*(effective_of(module) for module in modules), strict=True)
    if all(bias is None for bias in biases):
        return torch.cat(weights), None
    filled = [
        torch.zeros(len(weight), device=weight.device) if bias is None else bias
        for weight, bias in zip(weights, biases, strict=True)
    ]
    return torch.cat(weights), torch.cat(filled)


def _out_features(module: nn.Module) -> int:
    return module.out_features


def epsilon_of(norm: nn.Module) -> float:
    return float(getattr(norm, "variance_epsilon", getattr(norm, "eps", 1e-6)))
