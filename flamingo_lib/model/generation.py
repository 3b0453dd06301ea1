"""Lean batched decoding: the path that rewriting and evaluation use.

No per-step bookkeeping but one forward of the language model on one token a row, a cache written in place, and rows
that leave the batch once they are done. `FlamingoForConditionalGeneration.generate` is the path with beams, processors
and streaming; asked for nothing but the best token each time, it takes this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..errors import DataError
from .cache import RoomyCache
from .decoding import LeanDecoding
from .flamingo import FlamingoForConditionalGeneration
from .lean import LeanStep, lean_step
from .media import attended_images, check_counts
from .prefix import SharedPrefix

COMPACT_BELOW = 0.6
"""Rows still running, as a share of the batch, under which finished rows are taken out of it."""


def generate_batch(
    model: FlamingoForConditionalGeneration,
    inputs: Mapping[str, Tensor],
    max_new_tokens: int,
    *,
    temperature: float = 0.0,
    generators: Sequence[torch.Generator] | None = None,
    eos: int | Sequence[int] | None = None,
    suppress: Sequence[int] = (),
    prefix: SharedPrefix | None = None,
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
        prefix: what the rows begin with, if it is known (`share_prefix`); a batch that does not is read from its start.

    Returns:
        New ids of each row, without the end token; exactly `max_new_tokens` of them where the end did not come.

    Raises:
        DataError: an empty batch, padding on the right, or generators that are missing or too few.
    """
    tokens, lengths = decode(
        model,
        inputs,
        max_new_tokens,
        temperature=temperature,
        generators=generators,
        eos=eos,
        suppress=suppress,
        prefix=prefix,
    )
    return [line[:length] for line, length in zip(tokens.tolist(), lengths.tolist(), strict=True)]


@torch.inference_mode()
def decode(
    model: FlamingoForConditionalGeneration,
    inputs: Mapping[str, Tensor],
    max_new_tokens: int,
    *,
    temperature: float = 0.0,
    generators: Sequence[torch.Generator] | None = None,
    eos: int | Sequence[int] | None = None,
    suppress: Sequence[int] = (),
    min_new_tokens: int = 0,
    lean: LeanStep | None = None,
    prefix: SharedPrefix | None = None,
) -> tuple[Tensor, Tensor]:
    """As `generate_batch`: new ids (b, max_new_tokens) and each row's length (b,), at which its end token stands if it
    came.

    What stands after the end token is undefined. No row ends before `min_new_tokens` tokens.
    `lean` is the model's `lean_step` where it was asked for already.
    """
    input_ids = inputs["input_ids"]
    rows, width = input_ids.shape
    device = input_ids.device
    mask = inputs.get("attention_mask")
    mask = torch.ones_like(input_ids) if mask is None else mask
    _check(input_ids, mask, max_new_tokens, temperature, generators)
    ends = eos if eos is not None else model.generation_config.eos_token_id
    ends = torch.tensor([ends] if isinstance(ends, int) else list(ends or []), device=device)
    banned = torch.tensor(sorted({model.config.image_token_id, *suppress}), device=device)
    draws = None
    if temperature > 0:
        draws = torch.stack([torch.rand(max_new_tokens, generator=generator) for generator in generators]).to(device)

    memory, attended = inputs.get("visual_memory"), inputs.get("attended_image")
    if memory is None:
        latents = model._latents(inputs.get("pixel_values"), inputs.get("vision_tokens"), inputs.get("latents"))
        memory = None if latents is None else model.remember(latents)
    if memory is not None and attended is None:
        attended = attended_images(input_ids, model.config.image_token_id, model.config.media_rule)

    cache = RoomyCache(layers=model.config.text_config.num_hidden_layers, room=width + max_new_tokens)
    known = 0  # tokens that the cache begins with
    if prefix is not None and prefix.begins(input_ids, mask, attended):
        check_counts(
            input_ids, model.config.image_token_id, 0 if memory is None else memory.images, inputs.get("num_images")
        )
        prefix.fill(cache, rows)
        mask, known = prefix.mask_behind(mask), len(prefix)
    padded = not bool(mask.all())
    positions = (mask.cumsum(dim=1) - 1).clamp(min=0)
    output = model(
        input_ids=input_ids[:, known:],
        attention_mask=mask if padded else None,
        attended_image=None if attended is None else attended[:, known:],
        visual_memory=memory,
        num_images=None if known else inputs.get("num_images"),
        position_ids=positions[:, known:],
        past_key_values=cache,
        use_cache=True,
        logits_to_keep=1,
    )
    step = _stepper(
        model, cache, max_new_tokens, positions[:, -1:] + 1, mask if padded else None, memory, attended, lean
    )

    tokens = torch.empty(rows, max_new_tokens, dtype=torch.long, device=device)
    lengths = torch.full((rows,), max_new_tokens, device=device)
    alive = torch.arange(rows, device=device)  # the rows that the batch holds now
    running = torch.ones(rows, dtype=torch.bool, device=device)
    logits, can_end = output.logits[:, -1], len(ends) > 0
    for position in range(max_new_tokens):
        logits.index_fill_(1, banned, -torch.inf)
        if position < min_new_tokens:
            logits.index_fill_(1, ends, -torch.inf)
        new = _choose(logits, temperature, None if draws is None else draws[alive, position])
        tokens[alive, position] = new
        if can_end and bool((ended := running & torch.isin(new, ends)).any()):
            lengths[alive[ended]] = position
            running = running & ~ended
            left = int(running.sum())
            if left == 0:
                break
            if left < COMPACT_BELOW * len(alive):
                step.keep(running.nonzero()[:, 0])
                alive, new, running = alive[running], new[running], running[running]
        if position < max_new_tokens - 1:
            logits = step(new)
    return tokens, lengths


class _ThroughModel:
    """One forward of the model on one new token a row."""

    def __init__(self, model, cache, positions, mask, memory, looks) -> None:
        self.model, self.cache, self.positions, self.mask, self.memory, self.looks = (
            model,
            cache,
            positions,
            mask,
            memory,
            looks,
        )

    def keep(self, rows: Tensor) -> None:
        self.cache.keep(rows)
        self.positions = self.positions[rows]
        self.mask = None if self.mask is None else self.mask[rows]
        if self.memory is not None:
            self.memory, self.looks = self.memory.keep(rows), self.looks[rows]

    def __call__(self, new: Tensor) -> Tensor:
        logits = self.model(
            input_ids=new[:, None],
            attention_mask=None if self.mask is None else self.mask[..., : self.cache.get_seq_length() + 1],
            attended_image=self.looks,
            visual_memory=self.memory,
            position_ids=self.positions,
            past_key_values=self.cache,
            use_cache=True,
        ).logits[:, -1]
        self.positions = self.positions + 1
        return logits


def _stepper(
    model, cache, steps: int, positions, mask, memory, attended, lean: LeanStep | None
) -> LeanDecoding | _ThroughModel:
    """What gives the logits after one more token a row: without modules where `lean` knows how, else through the model."""
    lean, looks = lean or lean_step(model), None
    if memory is not None:
        following = model.next_attended(attended)
        memory, looks = memory.select(following[:, 0]), (following > 0).long()
    if mask is not None:
        mask = torch.cat([mask.bool(), mask.new_ones(len(mask), steps, dtype=torch.bool)], dim=1)[:, None, None, :]
        if lean is not None or model.lang_encoder.config._attn_implementation != "sdpa":  # added to the scores
            mask = torch.zeros(mask.shape, dtype=model.dtype, device=mask.device).masked_fill(
                ~mask, torch.finfo(model.dtype).min
            )
    if lean is None:
        return _ThroughModel(model, cache, positions, mask, memory, looks)
    looks = None if looks is None or bool(looks.all()) else looks.to(model.dtype)
    return LeanDecoding(lean, cache, steps, positions, mask, memory, looks)


def _choose(logits: Tensor, temperature: float, draw: Tensor | None) -> Tensor:
    """(b, vocabulary) to (b,): the best token, or the one at which the cumulated probability passes `draw`."""
    if draw is None:
        if logits.device.type == "cpu" and logits.dtype == torch.float32:  # NumPy takes a tenth of the time and less
            return torch.from_numpy(logits.numpy().argmax(axis=-1))
        return logits.argmax(dim=-1)
    cumulated = (logits.float() / temperature).softmax(dim=-1).cumsum(dim=-1)
    target = draw[:, None] * cumulated[:, -1:]
    return torch.searchsorted(cumulated, target, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)


def _check(
    input_ids: Tensor, mask: Tensor, steps: int, temperature: float, generators: Sequence[torch.Generator] | None
) -> None:
    if input_ids.ndim != 2 or input_ids.numel() == 0:
        raise DataError("the batch is empty", remedy="Give at least one row with at least one token.")
    if steps < 1:
        raise DataError(f"max_new_tokens is {steps}", remedy="Ask for at least one token.")
    if not bool(mask[:, -1].all()):
        raise DataError(
            "a row is padded on the right",
            record=f"row {int((mask[:, -1] == 0).nonzero()[0])}",
            remedy="Pad on the left.",
        )
    if temperature > 0 and (generators is None or len(generators) != len(input_ids)):
        raise DataError(
            "sampling needs one generator for each row",
            remedy="Make them with seeding.torch_generator(seed, record id).",
        )
