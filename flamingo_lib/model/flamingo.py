"""Flamingo: a vision tower, a resampler, a causal language model with gated cross-attention (docs/method.md)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from transformers import AutoModel, AutoModelForCausalLM, GenerationConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from ..errors import ConfigError
from .conditioning import (
    Conditioning,
    VisualMemory,
    check_images,
    check_pixels,
    check_text,
    conditioning_context,
    make_conditioning,
)
from .config import FlamingoConfig
from .cross_attention import GatedCrossAttention
from .decoder_layer import find_layers, passes_keywords, wrap_layers
from .generation import FlamingoGenerationMixin
from .lora import inject_lora
from .loss import cross_entropy, logits_are_linear, supervised
from .resampler import PerceiverResampler
from .vision import VisionEncoder


@dataclass
class FlamingoOutput(CausalLMOutputWithPast):
    """A language model's output.

    Attributes:
        logits: (b, t, vocabulary); with labels, on request, (labelled tokens, vocabulary): those that predict them, in
            row order.
        cross_attentions: on request, each gated layer's attention weights, (b, heads, t, m * n).
    """

    cross_attentions: tuple[Tensor, ...] | None = None


class FlamingoForConditionalGeneration(FlamingoGenerationMixin, PreTrainedModel):
    """A causal language model that sees.

    Shapes: b rows, t tokens, m image slots a row, c = 3 channels, h and w pixels, v patch tokens, n latents, D vision
    width.

    Args:
        config: see `FlamingoConfig`.
        language_model: a causal language model to wrap instead of a new one from `config.text_config`.

    `forward` gives the logits, or with labels the loss. Its arguments:

    - `input_ids`: (b, t).
    - `attention_mask`: (b, t), 0 at padding; or a 4D mask that goes to the language model as it is.
    - `attended_image`: (b, t) integers, 0: attends to no image, k: to the row's k-th. By default `config.media_rule`
      over the row.
    - `pixel_values`: (b, m, c, h, w); or vision_tokens (b, m, v, D); or latents (b, m, n, D). Unused slots hold
      anything.
    - `visual_memory`: the images' keys and values from `remember`, instead of any of these.
    - `num_images`: (b,) images of each row, if they are to be checked against its `<image>` tokens.
    - `labels`: (b, t), -100 where there is no loss; shifted inside. The head then runs for labelled tokens only.
    - `label_weights`: (b, t) weight of each label's loss; the loss is then the weighted mean.
    - `num_items_in_batch`: divide the summed loss by this instead of by this batch's own labels (or weights).
    - `output_cross_attentions`: also return the gated layers' attention weights.
    - `return_logits`: with labels, also return the logits that predict the labelled tokens.

    It raises `DataError` for an empty batch or row, a row longer than the language model's window, tokens and images
    that don't fit; the row is named. Nothing ever attends to everything by mistake.

    Attributes:
        training_loss: another way to the loss, from this model and a batch, that training takes if it is set.
    """

    config_class = FlamingoConfig
    base_model_prefix = "flamingo"
    main_input_name = "input_ids"
    input_modalities = ("image", "text")
    supports_gradient_checkpointing = True
    _no_split_modules: ClassVar = ["FlamingoLayer"]
    _skip_keys_device_placement: ClassVar = ["past_key_values"]
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True

    training_loss: Callable[..., Tensor] | None = None

    def __init__(self, config: FlamingoConfig, language_model: PreTrainedModel | None = None) -> None:
        super().__init__(config)
        text: Any = config.text_config
        tower = VisionEncoder(config=config.vision_config or {}, patch_tokens=config.patch_tokens)
        self.vision_encoder = tower
        self.perceiver = PerceiverResampler(
            dim=tower.width,
            depth=config.resampler_depth,
            num_latents=config.num_latents,
            num_positions=tower.num_tokens if config.resampler_position_embedding else 0,
            **config.sizes("resampler"),
        )
        self.lang_encoder = AutoModelForCausalLM.from_config(text) if language_model is None else language_model
        if not config.gated_layers:
            raise ConfigError(
                f"no gated layer: every {config.cross_attention_every} of {text.num_hidden_layers} layers"
            )
        sizes = {"dim": text.hidden_size, "dim_visual": tower.width, **config.sizes("cross_attention")}
        sizes["num_slots"] = config.num_latents if config.cross_attention_slot_embedding else 0
        gated = {index: GatedCrossAttention(**sizes, gate_init=config.gate_init) for index in config.gated_layers}
        wrap_layers(self.lang_encoder, gated)
        stop = text.eos_token_id if config.stop_token_id is None else config.stop_token_id
        self.generation_config = GenerationConfig(
            bos_token_id=text.bos_token_id, pad_token_id=text.pad_token_id, eos_token_id=stop
        )
        self._passes_keywords = self.device.type != "meta" and passes_keywords(self.lang_encoder)
        self._linear_logits: bool | None = None  # not asked yet
        self.post_init()
        if config.lora:  # only now: what post_init does to a language model's linears would make B non-zero
            inject_lora(self, config.lora)

    @classmethod
    def from_pretrained(cls, *args: Any, **kwargs: Any) -> Any:
        """`PreTrainedModel.from_pretrained`; the vision tower is frozen, as after construction."""
        loaded = super().from_pretrained(*args, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.vision_encoder.requires_grad_(False)
        model._passes_keywords = passes_keywords(model.lang_encoder)
        return loaded

    @torch.no_grad()
    def _init_weights(self, module: Any) -> None:
        """Give one module (not its children) its start values, also where a checkpoint lacks one.

        | part | start |
        |---|---|
        | gates | `config.gate_init` |
        | latents | normal, 1 |
        | learned positions and slots | normal, 0.5 |
        | the tower's class and position embeddings and projection | normal, width ** -0.5 |
        | everything else | its module's own default |
        """
        init = nn.init
        if isinstance(module, GatedCrossAttention):
            init.constant_(module.attn_gate, module.gate_init)
            init.constant_(module.ff_gate, module.gate_init)
        elif isinstance(module, PerceiverResampler):
            init.normal_(module.latents)
        elif isinstance(module, nn.MultiheadAttention):
            module._reset_parameters()
        elif hasattr(module, "reset_parameters"):
            module.reset_parameters()
        for name, weight in module.named_parameters(recurse=False):
            if name in ("positions", "slots"):
                init.normal_(weight, std=0.5)
            elif name in ("class_embedding", "positional_embedding", "proj"):
                init.normal_(weight, std=weight.shape[-1] ** -0.5)

    @property
    def layers(self) -> Any:
        """The wrapped decoder layers, a `ModuleList` of `decoder_layer.FlamingoLayer`."""
        return find_layers(self.lang_encoder)

    @property
    def layers_path(self) -> str:
        """Name of the list of decoder layers, e.g. "lang_encoder.model.layers"."""
        layers = self.layers
        return next(name for name, module in self.named_modules() if module is layers)

    def get_input_embeddings(self) -> nn.Embedding:
        """The language model's."""
        return self.lang_encoder.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the language model's."""
        self.lang_encoder.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Linear:
        """The language model's head."""
        return self.lang_encoder.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        """Replace the language model's head."""
        self.lang_encoder.set_output_embeddings(new_embeddings)

    def get_decoder(self) -> nn.Module:
        """The language model without its head."""
        return self.lang_encoder.get_decoder()

    def encode_images(self, pixel_values: Tensor) -> Tensor:
        """(..., c, h, w) normalised pixels to (..., v, D) patch tokens; a `DataError` names a bad image."""
        check_pixels(pixel_values, self.vision_encoder.image_size)
        lead = pixel_values.shape[:-3]
        tokens = self.vision_encoder(pixel_values.flatten(0, -4).to(next(self.vision_encoder.parameters()).dtype))
        return tokens.view(*lead, *tokens.shape[1:])

    def resample(self, vision_tokens: Tensor) -> Tensor:
        """(..., v, D) patch tokens to (..., n, D) visual latents."""
        lead = vision_tokens.shape[:-2]
        tokens = vision_tokens.flatten(0, -3).to(self.perceiver.norm.weight.dtype)
        latents = self.perceiver(tokens, implementation=self.config._attn_implementation)
        return latents.view(*lead, *latents.shape[1:])

    def visual_latents(
        self, pixel_values: Tensor | None = None, vision_tokens: Tensor | None = None, latents: Tensor | None = None
    ) -> Tensor | None:
        """The batch's visual latents (b, m, n, D) from whichever form they are given in; None without images."""
        check_images(pixel_values, vision_tokens, latents)
        if any(given is not None and given.shape[1] == 0 for given in (pixel_values, vision_tokens, latents)):
            return None
        if pixel_values is not None:
            vision_tokens = self.encode_images(pixel_values)
        return self.resample(vision_tokens) if vision_tokens is not None else latents

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        attended_image: Tensor | None = None,
        pixel_values: Tensor | None = None,
        vision_tokens: Tensor | None = None,
        latents: Tensor | None = None,
        visual_memory: VisualMemory | None = None,
        num_images: Tensor | None = None,
        labels: Tensor | None = None,
        label_weights: Tensor | None = None,
        num_items_in_batch: Tensor | int | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        output_cross_attentions: bool = False,
        return_logits: bool = False,
        **kwargs: Any,
    ) -> FlamingoOutput:
        """Logits, or with labels the loss; the arguments are described with the class."""
        check_text(self.config, inputs_embeds if input_ids is None else input_ids)
        if visual_memory is None:
            latents = self.visual_latents(pixel_values, vision_tokens, latents)
        weights: list[Tensor] = []
        conditioning = make_conditioning(
            self.config,
            input_ids=input_ids,
            attended=attended_image,
            latents=latents,
            memory=visual_memory,
            num_images=num_images,
            fresh=past_key_values is None or past_key_values.get_seq_length() == 0,
            options={"weights": weights} if output_cross_attentions else None,
        )
        if position_ids is not None:
            kwargs["position_ids"] = position_ids
        inputs = kwargs | {"input_ids": input_ids, "inputs_embeds": inputs_embeds, "attention_mask": attention_mask}
        inputs |= {"past_key_values": past_key_values, "conditioning": conditioning}
        by_keyword = torch.compiler.is_compiling() and self._passes_keywords
        with nullcontext() if by_keyword else conditioning_context(conditioning):
            if labels is None:
                output = self.lang_encoder(**inputs, use_cache=use_cache, logits_to_keep=logits_to_keep)
                logits, loss = output.logits, None
            else:
                keep, targets, scales = supervised(labels, label_weights, num_items_in_batch)
                output, hidden, head = self._before_head(keep, inputs | {"use_cache": bool(use_cache)})
                loss = cross_entropy(hidden, head, targets, scales)
                logits = None if not return_logits else hidden if head is None else head(hidden)
        return FlamingoOutput(
            loss=loss,
            logits=logits,
            past_key_values=output.past_key_values,
            hidden_states=output.hidden_states,
            attentions=output.attentions,
            cross_attentions=tuple(weights) if output_cross_attentions else None,
        )

    def _before_head(self, keep: Tensor, inputs: dict[str, Any]) -> tuple[Any, Tensor, nn.Linear | None]:
        """The language model's output, the hidden states (k, d) at `keep` (b, t), and the head that they go through.

        They are logits, and the head None, where the model does more to logits than its head does, or where the head's
        weight is in shards that only the model's own forward gathers.
        """
        head = self.get_output_embeddings()
        if not torch.compiler.is_compiling() and not isinstance(head.weight, DTensor):
            if self._linear_logits is None:
                with conditioning_context(Conditioning()):  # the batch's own doesn't fit the tokens it is asked with
                    self._linear_logits = logits_are_linear(self.lang_encoder)
            if self._linear_logits:
                output = self.get_decoder()(**inputs)
                index = keep.flatten().nonzero()[:, 0]
                return output, output.last_hidden_state.flatten(0, 1).index_select(0, index), head
        output = self.lang_encoder(**inputs, logits_to_keep=keep)
        return output, output.logits, None


AutoModel.register(FlamingoConfig, FlamingoForConditionalGeneration)
