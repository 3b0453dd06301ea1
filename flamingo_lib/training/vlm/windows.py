"""Packed training of other models: lengths of encoded pairs, and the windows of all epochs."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any

import numpy as np
from torch.utils.data import Dataset

from ...config import StageConfig
from ...errors import DataError
from ...images import ORIENTATION, load_image
from ...rewriting.backends.chat_format import PROBES, ChatFormat
from ..packing.stream import pack_windows, require_fit
from ..packing.vlm_collator import PackedCollator
from .examples import VlmExample
from .labels import AT_ONCE, VlmCollator

AROUND = 2
"""Tokens by which the text around an image may come out longer than it is alone."""


def encoded_lengths(chat: ChatFormat, examples: Sequence[VlmExample]) -> np.ndarray:
    """Tokens of each example (n,), those of its images included; images are opened for their sizes only.

    What images of a size add is found by encoding blank ones. It may be up to `AROUND` tokens an image too many.
    """
    sizes: dict[str, tuple[int, int]] = {}
    added: dict[tuple[tuple[int, int], ...], int] = {}
    lengths: list[int] = []
    for start in range(0, len(examples), AT_ONCE):
        part = examples[start : start + AT_ONCE]
        rows = chat.tokenizer([example.prompt + example.answer for example in part], add_special_tokens=False)
        for example, ids in zip(part, rows["input_ids"], strict=True):
            for file in example.images:
                if file not in sizes:
                    sizes[file] = _upright_size(file)
            shown = tuple(sizes[file] for file in example.images)
            if shown not in added:
                added[shown] = _image_tokens(chat, shown)
            lengths.append(len(ids) + added[shown])
    return np.array(lengths, np.int64)


def _upright_size(file: str) -> tuple[int, int]:
    """Width and height as the loader gives them, from the header alone where the picture was not turned."""
    from PIL import Image

    with Image.open(file) as picture:
        if picture.getexif().get(ORIENTATION, 1) == 1:
            return picture.size
    return load_image(file).size


def _image_tokens(chat: ChatFormat, sizes: tuple[tuple[int, int], ...]) -> int:
    """Tokens that a text with images of these sizes has more than the text with their placeholders, and a margin."""
    from PIL import Image

    text = chat.render(PROBES[0], len(sizes))
    plain = len(chat.tokenizer(text, add_special_tokens=False)["input_ids"])
    blanks = [Image.new("RGB", size) for size in sizes]
    whole = int(chat.encode([text], [blanks], "right")["input_ids"].shape[1])
    return whole - plain + AROUND * len(sizes)


class PackedVlmDataset(Dataset):
    """Windows of all epochs; the index says everything about a window, so that a killed run goes on where it was.

    Args:
        examples: at least one.
        lengths: their tokens, as `encoded_lengths` has them.
        stage: batch size (in windows), images in a window, epochs or steps.
        context_length: tokens in a window.
        seed: the windows of epoch e depend on ``(seed, e)``.

    Attributes:
        steps: optimizer steps.

    Raises:
        DataError: no examples, one that is longer than a window, or one with more images than a window may hold.
    """

    def __init__(
        self, examples: Sequence[VlmExample], lengths: np.ndarray, stage: StageConfig, *, context_length: int, seed: int
    ) -> None:
        if not examples:
            raise DataError("there is nothing to train on", remedy="Give a file with pairs.")
        self.examples, self.lengths, self.seed = list(examples), lengths, seed
        self.images = np.array([len(example.images) for example in self.examples])
        self.limits: dict[str, Any] = {"context_length": context_length, "max_images": stage.max_images}
        require_fit(lengths, self.images, context_length, stage.max_images, [example.id for example in self.examples])
        self._ends: list[int] = []
        self._planned: tuple[int, list[list[int]]] = (-1, [])
        self.steps = stage.max_steps or max(1, math.ceil(len(self.windows(0)) * stage.epochs / stage.batch_size))
        self.rows = self.steps * stage.batch_size

    def windows(self, epoch: int) -> list[list[int]]:
        """The examples' indices in each window of an epoch."""
        if self._planned[0] != epoch:
            sizes = zip(self.lengths.tolist(), self.images.tolist(), strict=True)
            self._planned = epoch, list(pack_windows(sizes, **self.limits, seed=self.seed, epoch=epoch))
        return self._planned[1]

    @property
    def fill(self) -> float:
        """Share of the first epoch's window positions that hold a token, 0 to 1."""
        return float(self.lengths.sum() / (len(self.windows(0)) * self.limits["context_length"]))

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> list[VlmExample]:
        if not 0 <= index < self.rows:
            raise IndexError(index)
        while not self._ends or self._ends[-1] <= index:
            self._ends.append((self._ends[-1] if self._ends else 0) + len(self.windows(len(self._ends))))
        epoch = bisect_right(self._ends, index)
        window = self.windows(epoch)[index - (self._ends[epoch - 1] if epoch else 0)]
        return [self.examples[number] for number in window]


def packed_collator(model: Any, encode: VlmCollator, examples: Sequence[VlmExample]) -> PackedWindows:
    """The collator of a model's windows, once the model was shown to keep packed examples apart.

    Args:
        model: on the device that trains it.
        encode: makes inputs and labels of single examples.
        examples: of which up to two with each number of images are tried, four at most.

    Raises:
        CheckpointError: the model lets packed samples see each other.
    """
    by_images: dict[int, list[VlmExample]] = {}
    for example in examples:
        if len(same := by_images.setdefault(len(example.images), [])) < 2:
            same.append(example)
    pairs = [by_images[count] for count in sorted(by_images, reverse=True)]
    chosen = [*(pair[0] for pair in pairs), *(pair[-1] for pair in pairs)][:4]
    return PackedWindows(encode, PackedCollator(model, encode.chat.processor, [encode([one]) for one in chosen]))


class PackedWindows:
    """Windows of examples to model inputs with labels.

    Args:
        encode: makes inputs and labels of single examples.
        pack: puts those of a window together.
    """

    def __init__(self, encode: VlmCollator, pack: PackedCollator) -> None:
        self.encode, self.pack = encode, pack

    def __call__(self, windows: Sequence[Sequence[VlmExample]]) -> dict[str, Any]:
        """The model's inputs of some windows; errors as `VlmCollator`, which name the example."""
        return self.pack([[self.encode([example]) for example in window] for window in windows])
