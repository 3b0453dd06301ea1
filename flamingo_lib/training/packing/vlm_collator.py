"""Packing collator for Transformers vision-language models: windows of encoded samples that don't see each other.

Any image-text-to-text model, any dataset: encode each sample alone with the model's processor, add `labels`, plan the
windows with `stream.pack_windows`, and give the samples of some windows to a `PackedCollator`.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from ...errors import DataError
from ...media import IGNORE_INDEX
from .isolation import ATTENTION, Batch, Sample, block_mask, find_attention

TOKEN_FILL = {"labels": IGNORE_INDEX, "attention_mask": 0}
"""What pads inputs with a value a token; 0 for others, the pad token for ids."""


class PackedCollator:
    """Makes a model's inputs of windows, each a list of samples that were encoded alone.

    The loss of a packed window is the mean, over all its labels, of the samples' own losses: packed samples don't see
    each other, positions begin anew with each (by the model's own rule where images have positions of their own, as in
    Qwen2.5-VL), and no sample is asked for the first token of the next. Which attention does that is found out on the
    model itself, when the collator is made (see `isolation`).

    Args:
        model: an image-text-to-text model of Transformers, on its device.
        processor: the model's; a tokenizer alone for a model of text.
        samples: some of the samples to come, at least two, with images if there will be any.
        context_length: tokens that a window may have; None for no bound.

    Attributes:
        attention: one of `isolation.ATTENTION`.

    Raises:
        CheckpointError: the model lets packed samples see each other however it is told.
    """

    def __init__(
        self, model: Any, processor: Any, samples: Sequence[Sample], *, context_length: int | None = None
    ) -> None:
        self.config, self.dtype, self.context_length = model.config.get_text_config(), model.dtype, context_length
        tokenizer = getattr(processor, "tokenizer", processor)
        self.pad_token_id = int(
            tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
        )
        self.visual_dims = visual_dims(processor)
        self._rope_index = next((m.get_rope_index for m in model.modules() if hasattr(m, "get_rope_index")), None)
        for sample in samples:
            self._check(sample)
        self.attention = find_attention(model, samples, lambda way, given: self._batch([given], way))

    def __call__(self, windows: Sequence[Sequence[Sample]]) -> Batch:
        """Model inputs with `labels` (B, T) of B windows; with Flash Attention those of all windows in one row (1, T).

        A sample is what the processor returns for one text and its images (a batch of one, not padded), and `labels`
        (1, T). Inputs with a value a token are put end to end; those of the images follow in order.

        Raises:
            DataError: a window that is empty or too long, a sample without labels or with padding, or an input that
                can't be packed.
        """
        lengths = [sum(self._check(sample) for sample in window) for window in windows]
        if not windows or not all(windows):
            raise DataError("a window is empty", remedy="Plan windows with pack_windows.")
        if self.context_length is not None and max(lengths) > self.context_length:
            raise DataError(
                f"a window has {max(lengths)} tokens, more than {self.context_length}",
                remedy="Plan windows with pack_windows, from the lengths of the encoded samples.",
            )
        if "flash" in (getattr(self.config, "_attn_implementation", None) or ""):
            windows = [[sample for window in windows for sample in window]]  # varlen kernels take one row
        return self._batch(windows, self.attention)

    def _batch(self, windows: Sequence[Sequence[Sample]], attention: str) -> Batch:
        lengths = [sum(sample["input_ids"].shape[1] for sample in window) for window in windows]
        total = max(lengths)
        batch: Batch = {}
        for name in dict.fromkeys(name for window in windows for sample in window for name in sample):
            if name in self.visual_dims:
                rows = [[sample[name] for sample in window if name in sample] for window in windows]
                batch[name] = _join_visual(rows, self.visual_dims[name])
            else:
                batch[name] = self._join_tokens(name, windows, total)
        batch["position_ids"] = torch.cat([self._positions(window, total) for window in windows], dim=-2)
        batch.pop("attention_mask", None)
        if attention != ATTENTION[0]:
            batch["attention_mask"] = block_mask(self.config, self.dtype, attention, _sample_of(windows, total), batch)
        return {**batch, "use_cache": False}  # a cache would keep the model from looking for packed samples

    def _check(self, sample: Sample) -> int:
        """The sample's length."""
        if "labels" not in sample or len(sample["input_ids"]) != 1:
            raise DataError("a sample is no batch of one with labels", remedy="Encode samples one by one, add labels.")
        length = sample["input_ids"].shape[1]
        for name, values in sample.items():
            if name not in self.visual_dims and tuple(values.shape) != (1, length):
                raise DataError(
                    f"the model's input {name} of shape {tuple(values.shape)} can't be packed: it has no value a token",
                    remedy="Train this model without packing.",
                )
        if not sample.get("attention_mask", torch.ones(1)).all():
            raise DataError("a sample is padded", remedy="Encode samples one by one, without padding.")
        return length

    def _join_tokens(self, name: str, windows: Sequence[Sequence[Sample]], total: int) -> Tensor:
        fill = self.pad_token_id if name == "input_ids" else TOKEN_FILL.get(name, 0)
        rows = []
        for window in windows:
            parts = [sample.get(name, torch.zeros_like(sample["input_ids"])) for sample in window]
            if name == "labels":  # the first token of a sample would be asked of the sample before
                parts = [pad(part[:, 1:], (1, 0), value=IGNORE_INDEX) for part in parts]
            row = torch.cat(parts, dim=1)
            rows.append(pad(row, (0, total - row.shape[1]), value=fill))
        return torch.cat(rows)

    def _positions(self, window: Sequence[Sample], total: int) -> Tensor:
        """Position ids of a window (1, T), begun anew with each sample and with the padding.

        (4, 1, T) where the model has three positions a token: the first row then is that of the text, by which it tells
        samples apart.
        """
        lengths = [sample["input_ids"].shape[1] for sample in window]
        plain = [torch.arange(length) for length in (*lengths, total - sum(lengths))]
        if self._rope_index is None:
            return torch.cat(plain)[None]
        return torch.cat(
            [
                torch.stack([row, *(self._own_positions(sample) if sample is not None else row.expand(3, -1))])
                for row, sample in zip(plain, (*window, None), strict=True)
            ],
            dim=1,
        )[:, None]

    def _own_positions(self, sample: Sample) -> Tensor:
        """Three positions a token, by the model's own rule (3, T)."""
        if not any(name in self.visual_dims for name in sample):
            return torch.arange(sample["input_ids"].shape[1]).expand(3, -1)
        known = inspect.signature(self._rope_index).parameters if self._rope_index else {}
        given = {name: values for name, values in sample.items() if name in known}
        positions: Tensor = self._rope_index(**given)[0]  # type: ignore[misc]
        return positions[-3:, 0]


def visual_dims(processor: Any) -> dict[str, int]:
    """The model's visual inputs, and along which dimension those of several images stand: 0, or 1 after the texts.

    Found by showing the image processor two images of one text.
    """
    from PIL import Image

    image_processor = getattr(processor, "image_processor", None)
    if image_processor is None:
        return {}
    blank = [Image.new("RGB", (64, 64), color) for color in ("white", "black")]
    outputs: Mapping[str, Any] = image_processor(images=[blank], return_tensors="pt")
    return {
        name: int(values.ndim > 1 and values.shape[0] == 1 and values.shape[1] > 1)
        for name, values in outputs.items()
        if isinstance(values, Tensor)
    }


def _join_visual(rows: Sequence[Sequence[Tensor]], dim: int) -> Tensor:
    """Visual inputs of all windows: end to end, or windows side by side; what is smaller is padded with zeros."""
    if dim == 0:
        return _padded_cat([values for row in rows for values in row], 0)
    like = next(values for row in rows for values in row)
    empty = like[:, :0]
    return _padded_cat([_padded_cat([*row], 1) if row else empty for row in rows], 0)


def _padded_cat(parts: Sequence[Tensor], dim: int) -> Tensor:
    shape = [max(sizes) for sizes in zip(*(part.shape for part in parts), strict=True)]

    def padded(part: Tensor) -> Tensor:
        after = [0 if index == dim else shape[index] - size for index, size in enumerate(part.shape)]
        return pad(part, [value for extra in reversed(after) for value in (0, extra)])

    return torch.cat([padded(part) for part in parts], dim=dim)


def _sample_of(windows: Sequence[Sequence[Sample]], total: int) -> Tensor:
    """The number of the sample that each token belongs to (B, T); padding has one of its own."""
    rows = []
    for window in windows:
        lengths = [sample["input_ids"].shape[1] for sample in window]
        counts = torch.tensor([*lengths, total - sum(lengths)])
        rows.append(torch.repeat_interleave(torch.arange(len(counts)), counts))
    return torch.stack(rows)
