"""Any image-text-to-text model of Transformers as the rewriter, with its own processor and chat template."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from os import PathLike
from typing import TYPE_CHECKING, Any

from ...config import RewritingConfig
from ...errors import DataError
from ...records import Rewrite, Sample
from ...seeding import torch_generator
from ..pictures import picture_key
from ..rewriter import flags_of, without_output
from .chat_format import MASK, ChatFormat
from .decoding import end_ids, generate_rows
from .prompt import user_text
from .settings import BackendConfig
from .vlm import context_length, load_vlm

if TYPE_CHECKING:
    from PIL import Image

LENGTH_STEP = 16
"""Prompts whose lengths fall into the same step, in characters x 4, stand together by image."""

PICTURES_KEPT = 32
"""Decoded images kept for the next records that show them."""


class TransformersRewriter:
    """Rewrites samples in batches of like length and equally many images, records of one image side by side.

    The draft stands in the user's turn (`prompt.REWRITE_PROMPT`). Prompts are padded on the left, so that a record's
    text does not depend on its batch; with a temperature, each record draws from a generator of its own. Flags are
    those of `FlamingoRewriter`, and ``refused`` for what the chat template cannot hold.

    Args:
        model: in evaluation mode.
        chat: its chat format.
        pictures: opens a sample's images, such as `Pictures`.
        config: batch size, length limit, temperature.
        settings: the prompt.
        seed: of sampling, with a temperature above 0.
    """

    def __init__(
        self,
        model: Any,
        chat: ChatFormat,
        pictures: Callable[[Sample], list[Image.Image]],
        config: RewritingConfig | None = None,
        settings: BackendConfig | None = None,
        *,
        seed: int = 0,
    ) -> None:
        self.model, self.chat, self.pictures = model.eval(), chat, pictures
        self.config, self.seed = config or RewritingConfig(), seed
        self.template = (settings or BackendConfig(kind="transformers")).template
        self.tokens = 0
        self._opened: OrderedDict[tuple, list[Image.Image]] = OrderedDict()
        self.ends = end_ids(model, chat)

    @classmethod
    def load(
        cls,
        name: str | PathLike,
        pictures: Callable[[Sample], list[Image.Image]],
        config: RewritingConfig | None = None,
        settings: BackendConfig | None = None,
        *,
        seed: int = 0,
        device: str = "cpu",
    ) -> TransformersRewriter:
        """A rewriter from a model's folder, with the adapter that `settings` name; errors as `vlm.load_vlm`."""
        settings = settings or BackendConfig(kind="transformers")
        model, chat = load_vlm(str(name), settings, device)
        return cls(model, chat, pictures, config, settings, seed=seed)

    def rewrite(self, samples: Sequence[Sample], progress: Callable[[int], None] | None = None) -> list[Rewrite]:
        """One `Rewrite` for each sample, in order; see `RewriterBackend`."""
        results: list[Rewrite | None] = [None] * len(samples)
        prompts: dict[int, str] = {}
        for index, sample in enumerate(samples):
            try:
                text = user_text(self.template, sample.instruction, sample.raw)
                prompts[index] = self.chat.prompt(text, len(sample.images))
            except DataError as error:
                results[index] = without_output(sample, "refused", error)
        if progress is not None:
            progress(len(samples) - len(prompts))
        for part in self._batches(samples, prompts):
            for index, rewrite in self._rewrite_batch({i: samples[i] for i in part}, prompts).items():
                results[index] = rewrite
            if progress is not None:
                progress(len(part))
        return [result for result in results if result is not None]

    __call__ = rewrite

    def _batches(self, samples: Sequence[Sample], prompts: dict[int, str]) -> list[list[int]]:
        """Rows of each batch: equally many images, like length, one image's records side by side."""

        def key(index: int) -> tuple:
            sample = samples[index]
            return len(sample.images), len(prompts[index]) // (4 * LENGTH_STEP), picture_key(sample), index

        batches: list[list[int]] = []
        for index in sorted(prompts, key=key):
            last = batches[-1] if batches else None
            alike = last is not None and len(samples[last[0]].images) == len(samples[index].images)
            if last is None or not alike or len(last) >= self.config.batch_size:
                batches.append([index])
            else:
                last.append(index)
        return batches

    def _rewrite_batch(self, samples: dict[int, Sample], prompts: dict[int, str]) -> dict[int, Rewrite]:
        """The rewrites of one batch by index."""
        done: dict[int, Rewrite] = {}
        images: dict[int, list[Image.Image]] = {}
        for index, sample in samples.items():
            try:
                images[index] = self._open(sample)
            except DataError as error:
                done[index] = without_output(sample, "unreadable_image", error)
        rows, inputs = self._inputs(samples, prompts, images, done)
        lengths = inputs[MASK].sum(-1).tolist() if rows else []
        limit = context_length(self.model) - self.config.max_new_tokens
        for index, length in zip(rows, lengths, strict=True):
            if length > limit:
                what = f"the prompt has {length} tokens; with {self.config.max_new_tokens} new ones that is too long"
                done[index] = without_output(samples[index], "too_long", what)
                del images[index]
        if len(images) < len(rows):
            rows, inputs = self._inputs(samples, prompts, images, done)
        if rows:
            texts = self._generate([samples[index] for index in rows], inputs)
            for index, (text, complete) in zip(rows, texts, strict=True):
                done[index] = Rewrite(samples[index], text, flags_of(text, complete))
        return done

    def _inputs(
        self,
        samples: dict[int, Sample],
        prompts: dict[int, str],
        images: dict[int, list[Image.Image]],
        done: dict[int, Rewrite],
    ) -> tuple[list[int], Any]:
        """Rows and model inputs of what the processor can encode; the others are set aside in `done`."""
        rows = list(images)
        if not rows:
            return rows, None
        try:
            return rows, self.chat.encode([prompts[i] for i in rows], [images[i] for i in rows], "left")
        except (ValueError, TypeError, IndexError, RuntimeError) as error:
            if len(rows) == 1:
                what = f"the model's processor cannot encode it: {' '.join(str(error).split())[:300]}"
                done[rows[0]] = without_output(samples[rows[0]], "refused", what)
                del images[rows[0]]
                return [], None
        for index in rows:  # the others need not suffer for one
            single = {index: images[index]}
            if not self._inputs(samples, prompts, single, done)[0]:
                del images[index]
        if len(images) == len(rows):
            raise DataError(
                "the model's processor encodes each of these records alone, but not together",
                record=samples[rows[0]].id,
                remedy="Set rewriting.batch_size=1.",
            )
        return self._inputs(samples, prompts, images, done)

    def _generate(self, samples: Sequence[Sample], inputs: Any) -> list[tuple[str, bool]]:
        """Texts, and whether each came to its end."""
        generators = None
        if self.config.temperature > 0:
            generators = [torch_generator(self.seed, "rewrite", sample.id) for sample in samples]
        ids = generate_rows(
            self.model,
            self.chat,
            inputs,
            self.config.max_new_tokens,
            ends=self.ends,
            temperature=self.config.temperature,
            generators=generators,
        )
        rows = [self.chat.decode(row, self.ends) for row in ids]
        self.tokens += sum(count for _, count, _ in rows)
        return [(text, complete) for text, _, complete in rows]

    def _open(self, sample: Sample) -> list[Image.Image]:
        key = picture_key(sample)
        if key not in self._opened:
            self._opened[key] = self.pictures(sample)
            if len(self._opened) > PICTURES_KEPT:
                self._opened.popitem(last=False)
        self._opened.move_to_end(key)
        return self._opened[key]
