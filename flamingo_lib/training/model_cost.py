"""Model cost of a Flamingo: parameters of each part, floating point operations, and training memory.

Formulas over `FlamingoConfig`, for models too large to be built here. Tests hold them against real models: parameters
exactly, operations against torch's counter, kept activations against what autograd saves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..model.trainable import GROUPS

if TYPE_CHECKING:
    from ..model.config import FlamingoConfig


def expand(tunes: Iterable[str]) -> frozenset[str]:
    """Trainable parts with groups written out."""
    return frozenset(member for part in tunes for member in GROUPS.get(part, (part,)))


@dataclass(frozen=True)
class Batch:
    """A forward pass: `rows` windows of `tokens` tokens and `images` image slots; a share `labelled` is supervised."""

    rows: int
    tokens: int
    images: int
    labelled: float = 0.5


class Shape:
    """What the formulas read of a config.

    Args:
        config: with an open_clip tower and a Llama-like language model.
        lora_rank: of the adapters that the stages tune; 0 for none.

    Raises:
        ConfigError: another kind of tower.
    """

    def __init__(self, config: FlamingoConfig, lora_rank: int = 0) -> None:
        text: Any = config.text_config
        tower = config.vision_config or {}
        if tower.get("source", "open_clip") != "open_clip" or not isinstance(tower["vision_cfg"].get("layers"), int):
            raise ConfigError("only plain open_clip vision transformers can be planned with")
        vision: dict[str, Any] = tower["vision_cfg"]
        self.d, self.f, self.layers, self.vocab = (
            text.hidden_size,
            text.intermediate_size,
            text.num_hidden_layers,
            text.vocab_size,
        )
        head = getattr(text, "head_dim", None) or self.d // text.num_attention_heads
        self.q, self.kv, self.heads = (
            text.num_attention_heads * head,
            (text.num_key_value_heads or 0) * head,
            text.num_attention_heads,
        )
        self.tied, self.rank = bool(text.tie_word_embeddings), lora_rank
        self.gated = len(config.gated_layers)
        self.first_gated = config.gated_layers[0]
        self.inner = config.cross_attention_heads * config.cross_attention_dim_head
        self.x_mult, self.slots = (
            config.cross_attention_ff_mult,
            config.num_latents if config.cross_attention_slot_embedding else 0,
        )
        self.latents, self.depth, self.r_mult = config.num_latents, config.resampler_depth, config.resampler_ff_mult
        self.r_inner = config.resampler_heads * config.resampler_dim_head
        self.width, self.v_layers, self.embed = vision["width"], vision["layers"], tower["embed_dim"]
        self.patch = vision["patch_size"]
        self.patches = (vision["image_size"] // self.patch) ** 2
        self.v_mult = vision.get("mlp_ratio", 4.0)
        self.positions = self.patches if config.resampler_position_embedding else 0

    def parameters(self) -> dict[str, int]:
        """Parameters of each part, by the names of `model.trainable.PARTS`."""
        d, f, q, kv, w, r = self.d, self.f, self.q, self.kv, self.width, self.rank
        attention = d * q + 2 * d * kv + q * d
        lora = r * ((d + q) + 2 * (d + kv) + (q + d) + 3 * (d + f))
        x_attention = 2 * d + d * self.inner + 2 * w * self.inner + self.inner * d + 1 + self.slots * w
        x_ffn = 2 * d + 2 * self.x_mult * d * d + 1
        resampler = 4 * w + 2 * w * self.r_inner + 2 * w * self.r_inner + 2 * w + 2 * self.r_mult * w * w
        block = 4 * w * w + 4 * w + int(2 * self.v_mult * w * w + (self.v_mult + 1) * w) + 4 * w
        tower = 3 * self.patch**2 * w + w + (self.patches + 1) * w + 4 * w + w * self.embed + self.v_layers * block
        return {
            "vision": tower,
            "resampler": (self.latents + self.positions) * w + self.depth * resampler + 2 * w,
            "cross_attention": self.gated * x_attention,
            "cross_attention_ffn": self.gated * x_ffn,
            "lora": self.layers * lora,
            "embeddings": self.vocab * d,
            "language_model": self.layers * (attention + 3 * d * f + 2 * d) + d + (0 if self.tied else self.vocab * d),
        }

    def trained(self, tunes: Iterable[str]) -> int:
        """Parameters that a stage trains; of new tokens' embeddings only the rows count, which is next to nothing."""
        counts = self.parameters()
        return sum(counts.get(part, 0) for part in expand(tunes))

    def forward_flops(self, batch: Batch, tunes: Iterable[str] = ()) -> dict[str, float]:
        """Floating point operations of one forward pass, by part; a multiplication and its addition are two.

        Args:
            tunes: the tower runs only while it trains and the resampler only while it or the tower does; else their
                features come from the cache.
        """
        tunes, n = expand(tunes), batch.rows * batch.tokens
        d, images = self.d, batch.rows * max(batch.images, 1)
        keys = max(batch.images, 1) * self.latents
        tokens_seen = self.patches + self.latents
        resampler = 2 * self.latents * self.width * 2 * self.r_inner + 4 * tokens_seen * self.width * self.r_inner
        resampler += 4 * self.latents * tokens_seen * self.r_inner + 4 * self.r_mult * self.latents * self.width**2
        patches = self.patches + 1
        block = 2 * patches * (4 + 2 * self.v_mult) * self.width**2 + 4 * patches**2 * self.width
        return {
            "vision": images * (2 * self.patches * 3 * self.patch**2 * self.width + self.v_layers * block)
            if "vision" in tunes
            else 0,
            "resampler": images * self.depth * resampler if tunes & {"vision", "resampler"} else 0,
            "cross_attention": self.gated
            * (n * (4 * d * self.inner + 4 * keys * self.inner) + images * self.latents * 4 * self.width * self.inner),
            "cross_attention_ffn": self.gated * n * 4 * self.x_mult * d * d,
            "lora": 2 * n * self.parameters()["lora"],
            "language_model": self.layers * n * 2 * (2 * d * self.q + 2 * d * self.kv + 3 * d * self.f),
            "attention": self.layers * n * 4 * batch.tokens * self.q,
            "logits": 2 * n * batch.labelled * d * self.vocab,
        }

    def step_flops(self, batch: Batch, tunes: Iterable[str], checkpointing: bool = False) -> float:
        """Operations of forward and backward: gradients of trained weights, and of inputs above any trained part.

        Args:
            checkpointing: activations are computed a second time.
        """
        tunes, forward = expand(tunes), self.forward_flops(batch, tunes)
        gated, decoder = (
            forward["cross_attention"] + forward["cross_attention_ffn"],
            forward["language_model"] + forward["lora"],
        )
        total = sum(forward.values())
        if checkpointing:
            total += gated + decoder + forward["attention"]
        reached = self._reached(tunes)
        total += (
            forward["logits"] + reached["decoder"] * (decoder + 2 * forward["attention"]) + reached["gated"] * gated
        )
        total += forward["resampler"] + forward["vision"]
        weights = {"language_model": ("language_model", "logits")}
        return total + sum(forward.get(name, 0.0) for part in tunes for name in weights.get(part, (part,)))

    def _reached(self, tunes: frozenset[str]) -> dict[str, float]:
        """The shares of decoder and gated layers that gradients run through: from the lowest trained part up."""
        if tunes & {"embeddings", "embeddings_new_tokens"}:
            return {"decoder": 1.0, "gated": 1.0}
        if tunes & {"vision", "resampler", "cross_attention", "cross_attention_ffn"}:
            return {
                "decoder": 1.0 if tunes & {"lora", "language_model"} else 1 - self.first_gated / self.layers,
                "gated": 1.0,
            }
        return {"decoder": 1.0, "gated": 1 - (1 if self.first_gated == 0 else 0) / self.gated}

    def kept_numbers(self, batch: Batch, tunes: Iterable[str], checkpointing: bool = False) -> float:
        """Numbers that autograd keeps between forward and backward, weights aside.

        Args:
            checkpointing: only the layers' inputs are kept, and one layer's activations at a time.
        """
        tunes, d, n = expand(tunes), self.d, batch.rows * batch.tokens
        images, keys = batch.rows * max(batch.images, 1), max(batch.images, 1) * self.latents
        attention = 2 * self.q + 2 * self.kv + self.heads + 2  # queries, values, keys, result; log-sum-exp; norms
        plain = 2 * d + attention + 3 * self.f
        if "lora" in tunes:
            plain += 2 * d + self.f + 7 * self.rank
        gated = 6 * d + 2 * self.inner + (keys if batch.images > 1 else 0) + 5
        if "cross_attention" in tunes:
            gated += 2 * d
        if "cross_attention_ffn" in tunes:
            gated += (2 + self.x_mult) * d
        images_kept = self._reached(tunes)["gated"] * self.gated * 2 * self.inner * self.latents * images
        if tunes & {"resampler", "vision"}:
            one = ((5 + 2 * self.r_mult) * self.latents + self.patches) * self.width
            one += (2 * self.latents + 2 * (self.patches + self.latents)) * self.r_inner
            images_kept += images * self.depth * one
        if "vision" in tunes:
            images_kept += images * self.v_layers * (self.patches + 1) * (8 + 2 * self.v_mult) * self.width
        reached = self._reached(tunes)
        layers = reached["decoder"] * self.layers * plain + reached["gated"] * self.gated * gated
        if checkpointing:
            layers = (self.layers + self.gated) * d + plain + gated
        return n * (layers + 3 * d + batch.labelled * d) + images_kept
