"""`generate` for Flamingo: images are turned into keys and values once, and `<image>` is never generated."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationMixin, LogitsProcessorList, SuppressTokensLogitsProcessor

from .cross_attention import KeysValues
from .media import attended_images


@dataclass(frozen=True, eq=False)
class VisualMemory:
    """A batch's images as the gated layers' keys and values: computed once, read at every step.

    Attributes:
        keys_values: by decoder layer, (b, heads, images * latents_per_image, e) each.
        images: image slots a row; 0 if no token to come looks at any.
        latents_per_image: visual latents an image.
        selected: True once only each row's one image that new tokens look at is kept.
    """

    keys_values: dict[int, KeysValues]
    images: int
    latents_per_image: int
    selected: bool = False

    def select(self, image: Tensor) -> VisualMemory:
        """Keep only image `image[row]` of each row ((b,), 1-based; 0: none, whatever is kept is not looked at)."""
        if not bool((image > 0).any()):
            return VisualMemory({}, 0, self.latents_per_image, selected=True)
        if self.images == 1:
            return replace(self, selected=True)
        start = (image.clamp(min=1) - 1) * self.latents_per_image
        index = (start[:, None] + torch.arange(self.latents_per_image, device=image.device))[:, None, :, None]

        def pick(x: Tensor) -> Tensor:
            return x.gather(2, index.expand(-1, x.shape[1], -1, x.shape[3]))

        return VisualMemory(
            {i: (pick(k), pick(v)) for i, (k, v) in self.keys_values.items()}, 1, self.latents_per_image, selected=True
        )

    def keep(self, rows: Tensor) -> VisualMemory:
        """Only these rows."""
        return replace(self, keys_values={i: (k[rows], v[rows]) for i, (k, v) in self.keys_values.items()})

    def contiguous(self) -> VisualMemory:
        """Keys and values that lie head after head, as decoding reads them quickest."""
        return replace(
            self, keys_values={i: (k.contiguous(), v.contiguous()) for i, (k, v) in self.keys_values.items()}
        )

    def repeat(self, times: int) -> VisualMemory:
        """Each row `times` times in a row, as beams need it."""
        pairs = {
            i: (k.repeat_interleave(times, 0), v.repeat_interleave(times, 0)) for i, (k, v) in self.keys_values.items()
        }
        return replace(self, keys_values=pairs)


class FlamingoGenerationMixin(GenerationMixin):
    """What Flamingo adds to Transformers' generation: visual memory, attended images of new tokens, the ban on
    `<image>`.
    """

    def remember(self, latents: Tensor) -> VisualMemory:
        """(b, m, n, D) visual latents as a `VisualMemory`."""
        pairs = {
            layer.index: layer.gated_cross_attn_layer.attn.keys_values(latents)
            for layer in self.layers
            if layer.gated_cross_attn_layer is not None
        }
        return VisualMemory(pairs, latents.shape[1], latents.shape[2])

    @torch.no_grad()
    def generate(
        self,
        inputs: Tensor | None = None,
        generation_config: Any = None,
        logits_processor: LogitsProcessorList | None = None,
        *,
        pixel_values: Tensor | None = None,
        vision_tokens: Tensor | None = None,
        latents: Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """`GenerationMixin.generate` with images in any of the forms that `forward` takes.

        Rows of a batch may hold different numbers of images, or none; pad on the left. Plain greedy decoding takes the
        lean path.
        """
        latents = self._latents(pixel_values, vision_tokens, latents)
        input_ids = inputs if inputs is not None else kwargs.get("input_ids")
        if latents is not None and kwargs.get("visual_memory") is None:
            kwargs["visual_memory"] = self.remember(latents)
        if kwargs.get("visual_memory") is not None and kwargs.get("attended_image") is None and input_ids is not None:
            kwargs["attended_image"] = attended_images(input_ids, self.config.image_token_id, self.config.media_rule)
        from .greedy import plain_greedy  # it needs the model, which needs this module

        found = (
            None
            if logits_processor
            else plain_greedy(self, input_ids, generation_config, kwargs, given_as_inputs=inputs is not None)
        )
        if found is not None:
            return found
        ban = SuppressTokensLogitsProcessor([self.config.image_token_id], device=self.device)
        processors = LogitsProcessorList([ban, *(logits_processor or [])])
        return super().generate(inputs, generation_config, processors, **kwargs)

    def next_attended(self, attended: Tensor) -> Tensor:
        """(b, t) so far to (b, 1) of a new token: the image that the row looked at last, or none under the following
        rule.
        """
        return attended[:, -1:] if self.config.media_rule == "preceding" else torch.zeros_like(attended[:, -1:])

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, *args: Any, attended_image: Tensor | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        inputs = super().prepare_inputs_for_generation(input_ids, *args, **kwargs)
        given = inputs["input_ids"] if inputs.get("input_ids") is not None else inputs["inputs_embeds"]
        if attended_image is not None:
            attended = attended_image[:, -given.shape[1] :]
            memory = inputs.get("visual_memory")
            inputs["attended_image"] = (attended > 0).long() if memory is not None and memory.selected else attended
        return inputs

    def _update_model_kwargs_for_generation(
        self, outputs: Any, model_kwargs: dict[str, Any], *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        model_kwargs = super()._update_model_kwargs_for_generation(outputs, model_kwargs, *args, **kwargs)
        attended, memory = model_kwargs.get("attended_image"), model_kwargs.get("visual_memory")
        if attended is not None:
            new = kwargs.get("num_new_tokens", 1)
            following = self.next_attended(attended)
            model_kwargs["attended_image"] = torch.cat([attended, following.expand(-1, new)], dim=1)
            if (
                memory is not None
                and not memory.selected
                and model_kwargs.get("use_cache", True)
                and outputs.past_key_values is not None
            ):
                model_kwargs["visual_memory"] = memory.select(following[:, 0])
        return model_kwargs

    def _expand_inputs_for_generation(
        self,
        expand_size: int = 1,
        is_encoder_decoder: bool = False,
        input_ids: Tensor | None = None,
        **model_kwargs: Any,
    ):
        memory = model_kwargs.get("visual_memory")
        if memory is not None and expand_size > 1:
            model_kwargs["visual_memory"] = memory.repeat(expand_size)
        return super()._expand_inputs_for_generation(expand_size, is_encoder_decoder, input_ids, **model_kwargs)
