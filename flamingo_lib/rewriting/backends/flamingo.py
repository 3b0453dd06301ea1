"""Flamingo as the rewriter: raw annotations in, polite responses out (docs/method.md, sections 2, 3)."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING

from ...config import RewritingConfig
from ...errors import DataError
from ...media import pad_latents
from ...records import Rewrite, Sample, Turn
from ...seeding import torch_generator
from ..pictures import picture_key
from ..rewriter import flags_of, without_output

if TYPE_CHECKING:
    import torch
    from PIL import Image
    from torch import Tensor

    from ...chat.template import Rendered
    from ...model.flamingo import FlamingoForConditionalGeneration
    from ...model.processor import FlamingoProcessor

IMAGES_AT_ONCE = 64
"""Images encoded in one pass of the vision tower."""


class FlamingoRewriter:
    """Rewrites samples in batches of like length, each independently of the others.

    The prompt is the chat template's with the raw annotation as the draft. Images are encoded once and their latents
    kept. What looks wrong is reported as flags of the `Rewrite`, never repaired: ``truncated`` (no end before the
    limit), ``repetition`` (running in circles), ``leaked_preamble`` (parts of the prompt in the text); and, with an
    empty output, ``unreadable_image`` and ``too_long`` (a prompt over the model's context; `scores` holds the
    ``error``).

    Args:
        model, processor: a rewriter and its processor, from one folder.
        pictures: opens a sample's images, such as `Pictures`.
        config: batch size, length limit, temperature.
        seed: of sampling, with a temperature above 0.
        cache_bytes: how much memory the latents of images already seen may take.
    """

    def __init__(
        self,
        model: FlamingoForConditionalGeneration,
        processor: FlamingoProcessor,
        pictures: Callable[[Sample], list[Image.Image]],
        config: RewritingConfig | None = None,
        *,
        seed: int = 0,
        cache_bytes: int = 256 << 20,
    ) -> None:
        self.model, self.processor, self.pictures = model.eval(), processor, pictures
        self.config, self.seed, self.cache_bytes = config or RewritingConfig(), seed, cache_bytes
        self._latents: OrderedDict[tuple, Tensor] = OrderedDict()
        self._held = 0
        self.tokens = 0
        """New tokens generated so far."""

    @classmethod
    def load(
        cls,
        folder: str | PathLike,
        pictures: Callable[[Sample], list[Image.Image]],
        config: RewritingConfig | None = None,
        *,
        seed: int = 0,
        device: str = "cpu",
        dtype: torch.dtype | None = None,
        optimize: bool = True,
    ) -> FlamingoRewriter:
        """A rewriter from a folder that `save_pretrained` wrote, or a checkpoint shipped with the project.

        LoRA layers are merged into the weights they belong to. `dtype` is float32 by default. `optimize`, the preset's
        `model.optimize_for_cpu`, makes a small model fast on a CPU.

        Raises:
            MissingAsset: there is none.
            CheckpointError: the folder holds something else, or weights are missing.
        """
        import torch

        from ...loading import load_model

        numbers = dtype or torch.float32
        model, processor = load_model(
            folder, role="the rewriter", dtype=numbers, device=device, merge=True, optimize=optimize
        )
        return cls(model, processor, pictures, config, seed=seed)

    @property
    def context_length(self) -> int:
        """Tokens that prompt and response may have together."""
        return int(getattr(self.model.config.text_config, "max_position_embeddings", 1 << 30))

    def rewrite(self, samples: Sequence[Sample], progress: Callable[[int], None] | None = None) -> list[Rewrite]:
        """One `Rewrite` for each sample, in order.

        Args:
            samples: with the raw annotation in `raw`.
            progress: called with the number of samples finished since the last call.
        """
        results: list[Rewrite | None] = [None] * len(samples)
        rows: dict[int, Rendered] = {}
        for index, sample in enumerate(samples):
            try:
                turn = Turn(sample.instruction, images=len(sample.images), draft=sample.raw)
                row = self.processor.render(chats=[[turn]], generation_prompt=True)[0]
            except DataError as error:
                results[index] = without_output(sample, "empty_prompt", error)
                continue
            if len(row) + self.config.max_new_tokens > self.context_length:
                too_long = DataError(
                    f"the prompt has {len(row)} tokens; with {self.config.max_new_tokens} new ones that is too long"
                )
                results[index] = without_output(sample, "too_long", too_long)
                continue
            rows[index] = row
        for index, unreadable in self._encode({index: samples[index] for index in rows}).items():
            results[index] = without_output(samples[index], "unreadable_image", unreadable)
            del rows[index]
        if progress is not None:
            progress(len(samples) - len(rows))
        order = sorted(rows, key=lambda index: len(rows[index]))
        for start in range(0, len(order), self.config.batch_size):
            part = order[start : start + self.config.batch_size]
            for index, (text, complete) in zip(
                part, self._generate([samples[i] for i in part], [rows[i] for i in part]), strict=True
            ):
                results[index] = Rewrite(samples[index], text, flags_of(text, complete))
            if progress is not None:
                progress(len(part))
        self._trim()
        return [result for result in results if result is not None]

    __call__ = rewrite

    def _generate(self, samples: Sequence[Sample], rows: Sequence[Rendered]) -> list[tuple[str, bool]]:
        """Texts, and whether each came to its end."""
        from ...model.generation import generate_batch

        limit, generators = self.config.max_new_tokens, None
        if self.config.temperature > 0:
            generators = [torch_generator(self.seed, "rewrite", sample.id) for sample in samples]
        ids = generate_batch(
            self.model,
            self._inputs(samples, rows),
            limit,
            temperature=self.config.temperature,
            generators=generators,
        )
        self.tokens += sum(map(len, ids))
        return [(text, len(row) < limit) for text, row in zip(self.processor.responses(ids), ids, strict=True)]

    def _inputs(self, samples: Sequence[Sample], rows: Sequence[Rendered]) -> dict[str, Tensor]:
        from ...model.processor import pad_rows

        inputs = pad_rows(rows, self.processor.tokenizer.pad_token_id or 0, "left")
        latents = pad_latents([list(self._latents[picture_key(each)]) if each.images else [] for each in samples])
        if latents is not None:
            inputs["latents"] = latents
        return {name: value.to(self.model.device) for name, value in inputs.items()}

    def _encode(self, samples: dict[int, Sample]) -> dict[int, DataError]:
        """Keep the latents of all images; returns the samples whose images cannot be used, with the reason."""
        import torch

        broken: dict[tuple, DataError] = {}
        waiting: list[tuple[tuple, Tensor]] = []

        def flush() -> None:
            if not waiting:
                return
            with torch.inference_mode():
                pixels = torch.cat([pixels for _, pixels in waiting]).to(self.model.device)
                latents = self.model.resample(self.model.encode_images(pixels)).cpu()
            for (key, _), own in zip(waiting, latents.split([len(pixels) for _, pixels in waiting]), strict=True):
                self._latents[key] = own.clone()
                self._held += own.nbytes
            waiting.clear()

        seen = set()
        for sample in samples.values():
            key = picture_key(sample)
            if not sample.images or key in seen:
                continue
            seen.add(key)
            if key in self._latents:
                self._latents.move_to_end(key)
                continue
            try:
                waiting.append((key, self.processor.image_processor.pixels(self.pictures(sample))))
            except DataError as error:
                broken[key] = error
            if sum(len(pixels) for _, pixels in waiting) >= IMAGES_AT_ONCE:
                flush()
        flush()
        return {
            index: broken[picture_key(sample)] for index, sample in samples.items() if picture_key(sample) in broken
        }

    def _trim(self) -> None:
        """Forget the images seen longest ago until the cache fits."""
        while self._held > self.cache_bytes and self._latents:
            self._held -= self._latents.popitem(last=False)[1].nbytes
