"""`FlamingoConfig`: everything that shapes a Flamingo, as plain JSON."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from huggingface_hub.dataclasses import strict
from transformers import AutoConfig, PreTrainedConfig
from transformers.configuration_utils import SubConfigSpec


@strict
class FlamingoConfig(PreTrainedConfig):
    """Configuration of a `FlamingoForConditionalGeneration` (Alayrac et al. 2022, section 2).

    Attributes:
        text_config: the causal language model's own config (or its dict with `model_type`).
        vision_config: what `vision.VisionEncoder` builds: ``{"source": "open_clip", "embed_dim", "quick_gelu",
            "vision_cfg": {...}}`` or ``{"source": "transformers", "config": {"model_type": ..., ...}}``.
        patch_tokens: the tower's patch tokens before or after its last LayerNorm; released OpenFlamingo weights need
            "before_ln_post".
        media_rule: one of `MEDIA_RULES`.
        num_latents: visual latents an image, at least 1.
        resampler_depth, resampler_heads, resampler_dim_head, resampler_ff_mult: size of the perceiver resampler.
        resampler_position_embedding: learn a position embedding on the resampler's input (the references have none).
        cross_attention_every: a gated layer stands before decoder layer i (0-based) if this divides i + 1.
        cross_attention_heads, cross_attention_dim_head, cross_attention_ff_mult: size of the gated layers.
        cross_attention_slot_embedding: learn an embedding of each latent's index (the references have none).
        gate_init: start value of both gate parameters, used through tanh; 0 leaves the language model as it was.
        image_token_id, end_of_chunk_token_id: ids of `<image>` and `<|endofchunk|>`; `<image>` is never generated.
        stop_token_id: the token that ends a generation; None takes the language model's own EOS.
        original_vocab_size: size of the vocabulary before Flamingo's tokens were added; None if they were there from
            the start.
        lora: LoRA adapters the language model carries (`lora.add_lora` fills it), e.g. ``{"rank": 16, "alpha": 32}``.
    """

    model_type = "flamingo"
    sub_configs_defaults: ClassVar = {"text_config": SubConfigSpec(config_class=AutoConfig, model_type="llama")}

    text_config: dict | PreTrainedConfig | None = None
    vision_config: dict[str, Any] | None = None
    patch_tokens: Literal["before_ln_post", "after_ln_post"] = "after_ln_post"
    media_rule: Literal["preceding", "following"] = "preceding"
    num_latents: int = 64
    resampler_depth: int = 6
    resampler_heads: int = 8
    resampler_dim_head: int = 64
    resampler_ff_mult: int = 4
    resampler_position_embedding: bool = False
    cross_attention_every: int = 4
    cross_attention_heads: int = 8
    cross_attention_dim_head: int = 64
    cross_attention_ff_mult: int = 4
    cross_attention_slot_embedding: bool = False
    gate_init: float = 0.0
    image_token_id: int = 0
    end_of_chunk_token_id: int | None = None
    stop_token_id: int | None = None
    original_vocab_size: int | None = None
    lora: dict[str, Any] | None = None
    tie_word_embeddings: bool = False

    def __post_init__(self, **kwargs: Any) -> None:
        chosen = getattr(self.text_config, "_attn_implementation", None)
        super().__post_init__(**kwargs)
        text: Any = self.text_config
        if chosen is not None:  # a language model that exists already keeps its attention
            text._attn_implementation = chosen
        self.tie_word_embeddings = bool(getattr(text, "tie_word_embeddings", False))

    def sizes(self, part: str) -> dict[str, int]:
        """`heads`, `dim_head` and `ff_mult` of "resampler" or "cross_attention"."""
        return {name: getattr(self, f"{part}_{name}") for name in ("heads", "dim_head", "ff_mult")}

    @property
    def gated_layers(self) -> tuple[int, ...]:
        """0-based indices of the decoder layers that a gated layer stands before."""
        text: Any = self.text_config
        return tuple(i for i in range(text.num_hidden_layers) if (i + 1) % self.cross_attention_every == 0)


AutoConfig.register(FlamingoConfig.model_type, FlamingoConfig)
