"""Generation: Transformers' `generate` with images, and `generate_batch`, whose rows leave when they are done."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationMixin, LogitsProcessorList, PreTrainedModel, SuppressTokensLogitsProcessor

from ..errors import DataError
from ..media import attended_images
from .conditioning import VisualMemory
from .kv_cache import KVCache

COMPACT_BELOW = 0.6
"""Fraction of a batch's rows still running below which finished rows are taken out of it."""


@dataclass
class ModelDecoder:
    """One batch's decoding after its prompt: each call is a forward pass of the model on one new token a row.

    Attributes:
        cache: holds the prompt's keys and values.
        steps: new tokens a row at the most.
        positions: (b, 1) of the first new token.
        mask: (b, prompt + steps), 0 at padding; None where no row is padded.
        memory: each row's image that new tokens attend to, see `VisualMemory.select`; None without images.
        attended: (b, 1), 1 for rows that attend to it, 0 for the others; None without images.
    """

    model: PreTrainedModel
    cache: KVCache
    steps: int
    positions: Tensor
    mask: Tensor | None
    memory: VisualMemory | None
    attended: Tensor | None

    def keep(self, rows: Tensor) -> None:
        """Go on with these rows alone."""
        self.cache.keep(rows)
        self.positions = self.positions[rows]
        self.mask = None if self.mask is None else self.mask[rows]
        if self.memory is not None and self.attended is not None:
            self.memory, self.attended = self.memory.keep(rows), self.attended[rows]

    def __call__(self, tokens: Tensor) -> Tensor:
        """(b,) tokens to the (b, vocabulary) logits that follow them."""
        logits = self.model(
            input_ids=tokens[:, None],
            attention_mask=None if self.mask is None else self.mask[:, : self.cache.get_seq_length() + 1],
            attended_image=self.attended,
            visual_memory=self.memory,
            position_ids=self.positions,
            past_key_values=self.cache,
            use_cache=True,
        ).logits[:, -1]
        self.positions = self.positions + 1
        return logits


class FlamingoGenerationMixin(GenerationMixin):
    """What Flamingo adds to Transformers' generation: visual memory, attended images of new tokens, no `<image>`.

    Attributes:
        decoder: how `generate_batch` decodes: takes the arguments of `ModelDecoder` and gives one like it.
    """

    decoder: Callable[..., Any] = ModelDecoder

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
        """`GenerationMixin.generate` with images as `forward` takes them, any number in each row; pad on the left."""
        latents = self.visual_latents(pixel_values, vision_tokens, latents)
        input_ids = inputs if inputs is not None else kwargs.get("input_ids")
        if latents is not None and kwargs.get("visual_memory") is None:
            kwargs["visual_memory"] = self.remember(latents)
        if kwargs.get("visual_memory") is not None and kwargs.get("attended_image") is None and input_ids is not None:
            kwargs["attended_image"] = attended_images(input_ids, self.config.image_token_id, self.config.media_rule)
        ban = SuppressTokensLogitsProcessor([self.config.image_token_id], device=self.device)
        processors = LogitsProcessorList([ban, *(logits_processor or [])])
        return super().generate(inputs, generation_config, processors, **kwargs)

    def next_attended(self, attended: Tensor) -> Tensor:
        """(b, t) so far to (b, 1) of a new token: the row's latest image, or none under the following rule."""
        return attended[:, -1:] if self.config.media_rule == "preceding" else torch.zeros_like(attended[:, -1:])

    def prepare_inputs_for_generation(
        self, input_ids: Tensor, *args: Any, attended_image: Tensor | None = None, **kwargs: Any
    ) -> dict[str, Any]:
        """One step's inputs: the attended images are those of the tokens to come."""
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
            following = self.next_attended(attended)
            added = following.expand(-1, kwargs.get("num_new_tokens", 1))
            model_kwargs["attended_image"] = torch.cat([attended, added], dim=1)
            cached = model_kwargs.get("use_cache", True) and outputs.past_key_values is not None
            if memory is not None and not memory.selected and cached:
                model_kwargs["visual_memory"] = memory.select(following[:, 0])
        return model_kwargs

    def _expand_inputs_for_generation(self, expand_size: int = 1, *args: Any, **model_kwargs: Any) -> Any:
        memory = model_kwargs.get("visual_memory")
        if memory is not None and expand_size > 1:
            rows = next(iter(memory.keys_values.values()))[0]
            repeated = torch.arange(len(rows), device=rows.device).repeat_interleave(expand_size)
            model_kwargs["visual_memory"] = memory.keep(repeated)
        return super()._expand_inputs_for_generation(expand_size, *args, **model_kwargs)


@torch.inference_mode()
def generate_batch(
    model: PreTrainedModel,
    inputs: Mapping[str, Any],
    max_new_tokens: int,
    *,
    temperature: float = 0.0,
    generators: Sequence[torch.Generator] | None = None,
    eos: int | Sequence[int] | None = None,
    suppress: Sequence[int] = (),
    decoder: Callable[..., Any] | None = None,
    watch: Callable[[list[int], list[int]], Collection[int]] | None = None,
) -> list[list[int]]:
    """Continue b rows; each row's result depends on that row alone.

    Args:
        inputs: left-padded `input_ids`, and optionally `attention_mask`, `attended_image` (b, t), and the images as
            `pixel_values`, `vision_tokens`, `latents` or `visual_memory`, as `FlamingoProcessor` makes them.
        max_new_tokens: at least 1.
        temperature: 0 is greedy; else a row's tokens are drawn with its own generator, one number a token.
        generators: one for each row (see `seeding.torch_generator`); needed with a temperature.
        eos: the tokens that end a row; by default the model's generation config says.
        suppress: tokens never generated; `<image>` always is among them.
        decoder: see `FlamingoGenerationMixin`; by default the one that the model carries.
        watch: called at each step with the rows that go on and their new tokens; the rows it gives back end there.

    Returns:
        New ids of each row, without the end token; exactly `max_new_tokens` of them where the end did not come.

    Raises:
        DataError: an empty batch, padding on the right, or generators that are missing or too few.
    """
    input_ids, mask = inputs["input_ids"], inputs.get("attention_mask")
    mask = torch.ones_like(input_ids) if mask is None else mask
    rows, device = len(input_ids), input_ids.device
    if input_ids.ndim != 2 or input_ids.numel() == 0:
        raise DataError("the batch is empty", remedy="Give at least one row with at least one token.")
    if max_new_tokens < 1:
        raise DataError(f"max_new_tokens is {max_new_tokens}", remedy="Ask for at least one token.")
    if not bool(mask[:, -1].all()):
        row = int((mask[:, -1] == 0).nonzero()[0])
        raise DataError("a row is padded on the right", record=f"row {row}", remedy="Pad on the left.")
    if temperature > 0 and (generators is None or len(generators) != rows):
        remedy = "Make them with seeding.torch_generator(seed, record id)."
        raise DataError("sampling needs one generator for each row", remedy=remedy)
    ends = eos if eos is not None else model.generation_config.eos_token_id
    ends = torch.tensor([ends] if isinstance(ends, int) else list(ends or []), device=device)
    banned = torch.tensor(sorted({model.config.image_token_id, *suppress}), device=device)
    draws = None
    if temperature > 0:
        draws = torch.stack([torch.rand(max_new_tokens, generator=generator) for generator in generators or ()]).to(
            device
        )

    logits, step = _read_prompt(model, inputs, mask, max_new_tokens, decoder or model.decoder)
    tokens = torch.empty(rows, max_new_tokens, dtype=torch.long, device=device)
    lengths = torch.full((rows,), max_new_tokens, device=device)
    alive = torch.arange(rows, device=device)  # the rows that the batch holds now
    running = torch.ones(rows, dtype=torch.bool, device=device)
    for position in range(max_new_tokens):
        logits.index_fill_(1, banned, -torch.inf)
        new = _choose(logits, temperature, None if draws is None else draws[alive, position])
        tokens[alive, position] = new
        ended = running & torch.isin(new, ends)
        lengths[alive[ended]] = position
        if watch is not None:
            going = running & ~ended
            named = watch(alive[going].tolist(), new[going].tolist())
            stopped = going & torch.isin(alive, torch.tensor(sorted(named), dtype=alive.dtype, device=device))
            lengths[alive[stopped]] = position + 1
            ended |= stopped
        if bool(ended.any()):
            running = running & ~ended
            left = int(running.sum())
            if left == 0:
                break
            if left < COMPACT_BELOW * len(alive):
                step.keep(running.nonzero()[:, 0])
                alive, new, running = alive[running], new[running], running[running]
        if position < max_new_tokens - 1:
            logits = step(new)
    return [line[:length] for line, length in zip(tokens.tolist(), lengths.tolist(), strict=True)]


def _read_prompt(
    model: PreTrainedModel, inputs: Mapping[str, Any], mask: Tensor, steps: int, decoder: Callable[..., Any]
) -> tuple[Tensor, Any]:
    """The logits (b, vocabulary) after the prompt, and what goes on from there."""
    input_ids, memory, attended = inputs["input_ids"], inputs.get("visual_memory"), inputs.get("attended_image")
    if memory is None:
        latents = model.visual_latents(inputs.get("pixel_values"), inputs.get("vision_tokens"), inputs.get("latents"))
        memory = None if latents is None else model.remember(latents)
    if memory is not None and attended is None:
        attended = attended_images(input_ids, model.config.image_token_id, model.config.media_rule)
    cache = KVCache(layers=model.config.text_config.num_hidden_layers, room=input_ids.shape[1] + steps)
    padded = not bool(mask.all())
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    logits = model(
        input_ids=input_ids,
        attention_mask=mask if padded else None,
        attended_image=attended,
        visual_memory=memory,
        num_images=inputs.get("num_images"),
        position_ids=positions,
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    ).logits[:, -1]
    if memory is not None:
        following = model.next_attended(attended)
        memory, attended = memory.select(following[:, 0]), (following > 0).long()
    given: dict[str, Any] = {"steps": steps, "positions": positions[:, -1:] + 1, "memory": memory}
    given["mask"] = torch.cat([mask, mask.new_ones(len(mask), steps)], dim=1) if padded else None
    given["attended"] = attended if memory is not None else None
    return logits, decoder(model, cache, **given)


def _choose(logits: Tensor, temperature: float, draw: Tensor | None) -> Tensor:
    """(b, vocabulary) to (b,): the best token, or the one at which the cumulated probability passes `draw`."""
    if draw is None:
        return logits.argmax(dim=-1)
    cumulated = (logits.float() / temperature).softmax(dim=-1).cumsum(dim=-1)
    target = draw[:, None] * cumulated[:, -1:]
    return torch.searchsorted(cumulated, target, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
