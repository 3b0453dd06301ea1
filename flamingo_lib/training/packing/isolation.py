"""Packed-sequence attention of Transformers models: samples of one row that don't see each other, proven on the model.

Transformers can be told where the samples of a row end in two ways, and models differ in which they obey:

- ``positions``: `position_ids` begin anew with each sample and there is no attention mask. The model makes its own mask
  (or calls a varlen kernel), so that every attention implementation works.
- ``mask``: a block-diagonal causal mask (B, 1, T, T), one for each kind of layer where some see a sliding window.
- ``mask+images``: the same, with the tokens of an image seeing each other both ways, as in Gemma 3.

`find_attention` takes the one under which the model's logits for each sample are those of the sample alone, and don't
change with the sample before. A model for which none holds, such as one with recurrent or convolutional layers, is
refused. (With `positions`, Transformers 5.23 makes Gemma 3's mask of the layers with a sliding window from the wrong
tokens wherever there are images: it shows in the logits, and the third way is taken.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ...errors import CheckpointError, DataError
from ...media import IGNORE_INDEX

ATTENTION = ("positions", "mask", "mask+images")
"""The ways, the most general first."""

TYPE_IDS = ("token_type_ids", "mm_token_type_ids")
"""Inputs that say which tokens stand for images: those that are not 0."""

CLEARLY, ROUNDING = 1.5, 1e-5
"""How many times as far from the samples' own logits is clearly farther, and what is rounding in any case."""

Sample = Mapping[str, Tensor]
Batch = dict[str, Any]


def block_mask(
    config: Any, dtype: torch.dtype, attention: str, sample_of: Tensor, batch: Mapping[str, Any]
) -> Tensor | dict[str, Tensor]:
    """Block-diagonal attention mask to be added to the scores: 0 where a token may look, else the lowest number.

    Args:
        config: of the language model; says, layer by layer, the kind of attention.
        dtype: the model's.
        attention: ``mask`` or ``mask+images``.
        sample_of: the sample that each token belongs to (B, T).
        batch: the other inputs; `TYPE_IDS` are read.

    Returns:
        (B, 1, T, T), or a dictionary of such by the kind of layer, if some layers see a sliding window.
    """
    index = torch.arange(sample_of.shape[1])
    distance = index[:, None] - index[None, :]
    same = sample_of[:, :, None] == sample_of[:, None, :]
    sees = distance >= 0
    if attention == "mask+images":
        image = next((batch[name] != 0 for name in TYPE_IDS if name in batch), sample_of < 0)
        number = (image & ~torch.nn.functional.pad(image, (1, 0))[:, :-1]).cumsum(1)
        both = image[:, :, None] & image[:, None, :] & (number[:, :, None] == number[:, None, :])
        sees = sees | both

    def additive(seen: Tensor) -> Tensor:
        return torch.zeros(seen.shape, dtype=dtype).masked_fill_(~seen, torch.finfo(dtype).min)[:, None]

    full = additive(same & sees)
    window = getattr(config, "sliding_window", None)
    if window is None or "sliding_attention" not in (getattr(config, "layer_types", None) or ()):
        return full
    return {"full_attention": full, "sliding_attention": additive(same & sees & (distance < window))}


@torch.no_grad()
def find_attention(model: Any, samples: Sequence[Sample], batch_of: Callable[[str, Sequence[Sample]], Batch]) -> str:
    """The one of `ATTENTION` under which the packed `samples` don't see each other and are read as each alone.

    Of several the first is taken, unless another comes clearly closer: in half precision a wrong mask may pass for
    rounding.

    Args:
        model: on the device where it is to compute.
        samples: at least two encoded samples with labels, some with images, if packed samples will have any.
        batch_of: makes the inputs of one window of these samples.

    Raises:
        CheckpointError: none; it says how far the logits are from those of the samples alone, or what the model says.
    """
    if len(samples) < 2:
        raise DataError("one sample can't show whether packed samples see each other", remedy="Give two or more.")
    training = model.training
    model.eval()
    try:
        alone = [_logits(model, {**sample, "use_cache": False})[0] for sample in samples]
        found, apart_by = [], {}
        for attention in ATTENTION:
            try:
                apart, leak = _differences(model, alone, samples, partial(batch_of, attention))
            except torch.OutOfMemoryError:
                raise
            except (ValueError, TypeError, RuntimeError, IndexError, KeyError, AttributeError) as error:
                found.append(f"{attention}: {' '.join(str(error).split())[:160] or type(error).__name__}")
                continue
            if max(apart, leak) <= tolerance(model):
                apart_by[attention] = apart
            found.append(f"{attention}: logits {apart:.2g} from those alone, {leak:.2g} with another sample before")
    finally:
        model.train(training)
    if apart_by:
        bound = max(CLEARLY * min(apart_by.values()), ROUNDING)
        return next(attention for attention, apart in apart_by.items() if apart <= bound)
    raise CheckpointError(
        f"packed samples would see each other in {type(model).__name__}, whose attention can't be blocked between them "
        f"({'; '.join(found)})",
        remedy="Train it without packing. Layers that are recurrent or convolutional, or an attention implementation "
        "that takes no mask, let samples through; attn_implementation='sdpa' takes one.",
    )


def tolerance(model: Any) -> float:
    """How far two computations of the same logits may lie apart, as a share of their norm."""
    return 1e-3 if model.dtype in (torch.float32, torch.float64) else 5e-2


def _differences(
    model: Any, alone: list[Tensor], samples: Sequence[Sample], batch_of: Callable[[Sequence[Sample]], Batch]
) -> tuple[float, float]:
    """The logits' greatest relative distance from those of the samples alone, and from those after another sample."""
    packed = _split(_logits(model, batch_of(samples)), samples)
    other = _split(_logits(model, batch_of([_changed(samples[0]), *samples[1:]])), samples)
    apart = max(_distance(one, two) for one, two in zip(packed, alone, strict=True))
    leak = max(_distance(one, two) for one, two in zip(other[1:], packed[1:], strict=True))
    return apart, leak


def _changed(sample: Sample) -> Sample:
    """The sample with another last token, taken from its labels."""
    ids, labels = sample["input_ids"].clone(), sample["labels"]
    others = labels[(labels != IGNORE_INDEX) & (labels != ids[0, -1])]
    if not len(others):
        raise DataError("a sample's labels are all its last token", remedy="Give samples with longer responses.")
    ids[0, -1] = others[0]
    return {**sample, "input_ids": ids}


def _logits(model: Any, inputs: Mapping[str, Any]) -> Tensor:
    given = {name: _to(value, model.device) for name, value in inputs.items() if name != "labels"}
    return model(**given).logits.float()


def _to(value: Any, device: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _to(inner, device) for name, inner in value.items()}
    return value.to(device) if isinstance(value, Tensor) else value


def _split(logits: Tensor, samples: Sequence[Sample]) -> list[Tensor]:
    return list(logits[0].split([sample["input_ids"].shape[1] for sample in samples]))


def _distance(one: Tensor, two: Tensor) -> float:
    value = float((one - two).norm() / two.norm().clamp_min(1e-12))
    return value if value == value else float("inf")
