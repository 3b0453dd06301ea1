"""Flamingo: a frozen vision tower, a resampler, and a causal language model with gated cross-attention (METHOD "Base
model").
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoModelForCausalLM, GenerationConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutputWithPast

from ..errors import ConfigError, DataError
from .config import FlamingoConfig
from .cross_attention import GatedCrossAttention
from .frozen_layers import ending_with, frozen_layers
from .generate import FlamingoGenerationMixin, VisualMemory
from .initialise import initialise
from .inputs import check_pixels, conditioning_of
from .layers import conditioning_context, find_layers, passes_keywords, wrap_layers
from .learning import FlamingoLearningMixin
from .lora import inject_lora
from .loss import drop_right_padding, label_scales, last_tokens, loss_of_logits, supervised
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


class FlamingoForConditionalGeneration(FlamingoLearningMixin, FlamingoGenerationMixin, PreTrainedModel):
    """A causal language model that sees.

    Shapes: b rows, t tokens, m image slots a row, c = 3 channels, h and w pixels, v patch tokens, n latents, D vision
        width.

    Args:
        config: see `FlamingoConfig`.
        language_model: a causal language model to wrap instead of a new one from `config.text_config`.

    Attributes:
        leave_out_padding, in_parts: how a training step is computed, see `learning`.
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

    def __init__(self, config: FlamingoConfig, language_model: PreTrainedModel | None = None) -> None:
        super().__init__(config)
        self.vision_encoder = VisionEncoder(config=config.vision_config, patch_tokens=config.patch_tokens)
        width = self.vision_encoder.width
        self.perceiver = PerceiverResampler(
            dim=width,
            depth=config.resampler_depth,
            num_latents=config.num_latents,
            heads=config.resampler_heads,
            dim_head=config.resampler_dim_head,
            ff_mult=config.resampler_ff_mult,
            num_positions=self.vision_encoder.num_tokens if config.resampler_position_embedding else 0,
        )
        self.lang_encoder = (
            language_model if language_model is not None else AutoModelForCausalLM.from_config(config.text_config)
        )
        if not config.gated_layers:
            raise ConfigError(
                f"no gated layer: every {config.cross_attention_every} of {config.text_config.num_hidden_layers} layers"
            )
        wrap_layers(
            self.lang_encoder,
            {
                index: GatedCrossAttention(
                    dim=config.text_config.hidden_size,
                    dim_visual=width,
                    heads=config.cross_attention_heads,
                    dim_head=config.cross_attention_dim_head,
                    ff_mult=config.cross_attention_ff_mult,
                    gate_init=config.gate_init,
                    num_slots=config.num_latents if config.cross_attention_slot_embedding else 0,
                )
                for index in config.gated_layers
            },
        )
        self.generation_config = GenerationConfig(
            bos_token_id=config.text_config.bos_token_id,
            pad_token_id=config.text_config.pad_token_id,
            eos_token_id=config.stop_token_id if config.stop_token_id is not None else config.text_config.eos_token_id,
        )
        self._passes_keywords = self.device.type != "meta" and passes_keywords(self.lang_encoder)
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

    @property
    def layers(self) -> nn.ModuleList:
        """The wrapped decoder layers, `layers.FlamingoLayer` each."""
        return find_layers(self.lang_encoder)

    @property
    def layers_path(self) -> str:
        """Name of the list of decoder layers, e.g. "lang_encoder.model.layers"."""
        layers = self.layers
        return next(name for name, module in self.named_modules() if module is layers)

    def get_input_embeddings(self) -> nn.Module:
        return self.lang_encoder.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        self.lang_encoder.set_input_embeddings(value)

    def get_output_embeddings(self) -> nn.Module:
        return self.lang_encoder.get_output_embeddings()

    def set_output_embeddings(self, new_embeddings: nn.Module) -> None:
        self.lang_encoder.set_output_embeddings(new_embeddings)

    def get_decoder(self) -> nn.Module:
        return self.lang_encoder.get_decoder()

    def _init_weights(self, module: nn.Module) -> None:
        initialise(module)

    def encode_images(self, pixel_values: Tensor) -> Tensor:
        """(..., c, h, w) normalised pixels to (..., v, D) patch tokens.

        Raises:
            DataError: wrong size or channels, not floating point, or NaN or Inf in an image, which is named.
        """
        check_pixels(pixel_values, self.vision_encoder.image_size)
        lead = pixel_values.shape[:-3]
        tokens = self.vision_encoder(pixel_values.flatten(0, -4).to(next(self.vision_encoder.parameters()).dtype))
        return tokens.view(*lead, *tokens.shape[1:])

    def resample(self, vision_tokens: Tensor) -> Tensor:
        """(..., v, D) patch tokens to (..., n, D) visual latents."""
        lead = vision_tokens.shape[:-2]
        latents = self.perceiver(vision_tokens.flatten(0, -3).to(self.perceiver.norm.weight.dtype))
        return latents.view(*lead, *latents.shape[1:])

    def _latents(
        self, pixel_values: Tensor | None, vision_tokens: Tensor | None, latents: Tensor | None
    ) -> Tensor | None:
        """The batch's visual latents (b, m, n, D) from whichever form they were given in."""
        if sum(x is not None for x in (pixel_values, vision_tokens, latents)) > 1:
            raise DataError("images were given twice", remedy="Give one of pixel_values, vision_tokens and latents.")
        for name, given, dimensions in (
            ("pixel_values", pixel_values, 5),
            ("vision_tokens", vision_tokens, 4),
            ("latents", latents, 4),
        ):
            if given is not None and given.ndim != dimensions:
                raise DataError(
                    f"{name} has {given.ndim} dimensions, not {dimensions}",
                    remedy="The first two are rows and image slots.",
                )
            if given is not None and given.shape[1] == 0:
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
        """Logits, and the loss if there are labels.

        Args:
            input_ids: (b, t).
            attention_mask: (b, t), 0 at padding; or a 4D mask that goes to the language model as it is.
            attended_image: (b, t) integers, 0: looks at none, k: at the row's k-th image. By default
                `config.media_rule` over the row.
            pixel_values: (b, m, c, h, w); or vision_tokens (b, m, v, D); or latents (b, m, n, D). Unused slots hold
                anything.
            visual_memory: the images' keys and values from `remember`, instead of any of these.
            num_images: (b,) images of each row, if they are to be checked against its `<image>` tokens.
            labels: (b, t), -100 where there is no loss; shifted inside. The head then runs for labelled tokens only,
                piece by piece.
            label_weights: (b, t) weight of each label's loss; the loss is then the weighted mean.
            num_items_in_batch: divide the summed loss by this instead of by this batch's own labels (or weights).
            output_cross_attentions: also return the gated layers' attention weights.
            return_logits: with labels, also return the logits that predict the labelled tokens; they then take memory
                and time.

        Raises:
            DataError: an empty batch or row, a row longer than the language model's window, tokens and images that
                don't fit; the row is named. Nothing ever attends to everything by mistake.
        """
        given = input_ids if input_ids is not None else inputs_embeds
        if given is None or given.shape[0] == 0 or given.shape[1] == 0:
            raise DataError("the batch is empty", remedy="Give input_ids with at least one row and one token.")
        window = getattr(self.config.text_config, "max_position_embeddings", None)
        if window and given.shape[1] > window:
            raise DataError(
                f"rows are {given.shape[1]} tokens long, the language model's window is {window}",
                remedy="Cut the text or drop turns.",
            )
        quick = (
            frozen_layers(self) if given.shape[1] > 1 and not kwargs else {}
        )  # for one token the asking costs more than it gains
        others = (inputs_embeds, position_ids, past_key_values, visual_memory)
        asked = use_cache or output_cross_attentions or return_logits or any(other is not None for other in others)
        if quick and labels is not None and not asked and self._has_plain_head():
            batch = {
                "input_ids": input_ids,
                "attention_mask": attention_mask,
                "attended_image": attended_image,
                "pixel_values": pixel_values,
                "vision_tokens": vision_tokens,
                "latents": latents,
                "num_images": num_images,
                "labels": labels,
                "label_weights": label_weights,
            }
            return FlamingoOutput(loss=self._quick_loss(quick, batch, num_items_in_batch))
        fresh = past_key_values is None or past_key_values.get_seq_length() == 0
        if visual_memory is None:
            latents = self._latents(pixel_values, vision_tokens, latents)
        conditioning = conditioning_of(
            self.config, self.dtype, input_ids, attended_image, latents, visual_memory, num_images, fresh
        )
        if output_cross_attentions:
            conditioning = replace(conditioning, weights=[])
        keep, plain_loss = None, False
        if labels is not None:
            use_cache = False if use_cache is None else use_cache
            keep, targets, weights = supervised(labels, label_weights)
            scales = label_scales(targets, weights, num_items_in_batch)
            plain_loss = not return_logits and self._has_plain_head()
        if quick:
            conditioning = replace(
                conditioning, quick=ending_with(quick, last_tokens(given, logits_to_keep) if keep is None else keep)
            )
        if position_ids is not None:
            kwargs["position_ids"] = position_ids
        if labels is not None:
            attention_mask = drop_right_padding(attention_mask)
        inputs = {
            "input_ids": input_ids,
            "attention_mask": attention_mask,
            "past_key_values": past_key_values,
            "inputs_embeds": inputs_embeds,
            "use_cache": use_cache,
            "conditioning": conditioning,
            **kwargs,
        }
        compiled = torch.compiler.is_compiling() and self._passes_keywords
        with nullcontext() if compiled else conditioning_context(conditioning):
            if plain_loss:
                outputs = self.get_decoder()(**inputs)
                loss = self._loss_of(outputs.last_hidden_state, keep, targets, scales)
            else:
                outputs = self.lang_encoder(**inputs, logits_to_keep=logits_to_keep if keep is None else keep)
                loss = None if keep is None else loss_of_logits(outputs.logits, targets, scales)
        return FlamingoOutput(
            loss=loss,
            logits=outputs.get("logits"),
            past_key_values=outputs.past_key_values,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
            cross_attentions=None if conditioning.weights is None else tuple(conditioning.weights),
        )


AutoModel.register(FlamingoConfig, FlamingoForConditionalGeneration)
