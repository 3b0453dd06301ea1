"""lmms-eval adapter: a model folder, with or without a LoRA adapter, as a model class of the lmms-eval harness.

lmms-eval finds it by the entry point group ``lmms_eval.models``, so ``--model flamingo_lib`` works wherever both
packages are installed. Without lmms-eval the class works all the same on anything shaped like its requests.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.functional import cross_entropy

from ..cpu import optimize_for_cpu
from ..errors import ConfigError, DataError
from ..evaluation.chat_generator import ChatGenerator
from ..images import load_image
from ..loading import load_model
from ..media import IGNORE_INDEX
from ..model.lora import load_adapter, merge_lora
from ..model.processor import pad_rows
from ..records import Turn

try:  # lmms-eval is no dependency: it brings what this library needs to be without
    from lmms_eval.api.model import lmms as _Base
except ImportError:
    _Base = object  # type: ignore[assignment, misc, unused-ignore]

if TYPE_CHECKING:
    from ..model.flamingo import FlamingoForConditionalGeneration
    from ..model.processor import FlamingoProcessor

MODEL_NAME = "flamingo_lib"
"""What ``--model`` of lmms-eval calls this class."""

MAX_NEW_TOKENS = 256
"""Longest answer where a task sets none."""

IMAGE_TAG = re.compile(r"[ \t]*<image>[ \t]*\n?")
LOGGER = logging.getLogger(__name__)


class FlamingoLmms(_Base):  # type: ignore[misc, valid-type, unused-ignore]
    """A Flamingo as lmms-eval sees it. Generation is greedy; a request's result doesn't depend on the others.

    Images stand where the model's own chat template has them; `<image>` tags in a task's text are taken out.

    Args:
        model: folder of a model, or a name that `load_model` knows.
        adapter: folder of a PEFT adapter that `save_adapter` wrote; it is merged into the weights.
        batch_size: requests decoded together.
        max_new_tokens: longest answer where the task sets none.
        curt: cut answers at the first line end, as a base needs it that was never taught to stop.
        device: ``"cpu"``, ``"cuda"``, ...
        dtype: of the weights: float32, bfloat16 or float16.
        max_batch_size: accepted because lmms-eval passes it; unused.

    Raises:
        MissingAsset, CheckpointError: see `load_model` and `load_adapter`.
        ConfigError: an unknown dtype, or a batch size that is no whole number over 0.
    """

    is_simple = True

    def __init__(
        self,
        model: str | os.PathLike = "openflamingo-tiny",
        adapter: str | os.PathLike | None = None,
        batch_size: int | str = 32,
        max_new_tokens: int | str = MAX_NEW_TOKENS,
        curt: bool | str = False,
        device: str | None = None,
        dtype: str = "float32",
        max_batch_size: int | str | None = None,
    ) -> None:
        super().__init__()
        self.batch_size = _whole(batch_size, "batch_size")
        self.max_new_tokens = _whole(max_new_tokens, "max_new_tokens")
        self.curt = str(curt).lower() in ("true", "1", "yes")
        self.device = torch.device(device or "cpu")
        self.model, self.processor = load_with_adapter(model, adapter, device=self.device, dtype=_dtype(dtype))
        self.task_dict: dict[str, Any] = {}
        self.ignored: set[str] = set()

    def generate_until(self, requests: Sequence[Any]) -> list[str]:
        """The greedy answer to each request, cut at the task's stop strings.

        Args:
            requests: with `args` of context, generation settings, a function from document to images, document id,
                task and split, as lmms-eval makes them.

        Raises:
            DataError: a document whose images are no images, or whose text is empty; task and document are named.
        """
        answers = [""] * len(requests)
        order = sorted(range(len(requests)), key=lambda index: self._longest(requests[index].args[1]))
        for limit, group in groupby(order, key=lambda index: self._longest(requests[index].args[1])):
            for part in _chunks(group, 8 * self.batch_size):
                with tempfile.TemporaryDirectory(prefix="flamingo-images-") as folder:
                    turns, files = [], []
                    for index in part:
                        context, _, doc_to_visual, doc_id, task, split = requests[index].args
                        given = self._images(doc_to_visual, doc_id, task, split, Path(folder))
                        turns.append([_turn(context, len(given), task, doc_id)])
                        files.append(given)
                    generator = ChatGenerator(
                        self.model, self.processor, batch_size=self.batch_size, max_new_tokens=limit, curt=self.curt
                    )
                    texts = generator(turns, files)
                for index, text in zip(part, texts, strict=True):
                    settings = requests[index].args[1]
                    answers[index] = _cut(text, settings.get("until"))
                    self._remember("generate_until", (requests[index].args[0], settings), answers[index])
        return answers

    @torch.inference_mode()
    def loglikelihood(self, requests: Sequence[Any]) -> list[tuple[float, bool]]:
        """Loss of each request's continuation after its context, and whether greedy decoding would give it.

        The loss is the mean negative log-likelihood a token, the lower the better: lmms-eval's tasks choose the
        *smallest* value, as its own models return losses here.

        Raises:
            DataError: an empty continuation; also as `generate_until`.
        """
        results: list[tuple[float, bool]] = []
        for part in _chunks(requests, self.batch_size):
            chats, pictures = [], []
            with tempfile.TemporaryDirectory(prefix="flamingo-images-") as folder:
                for request in part:
                    if len(request.args) != 6:
                        raise ConfigError(
                            "the task asks how likely an answer is without its question",
                            remedy="Take acc_mutual_info out of the task's metrics: a chat has no such thing.",
                        )
                    context, target, doc_to_visual, doc_id, task, split = request.args
                    text = target if isinstance(target, str) else str(target(self.task_dict[task][split][doc_id]))
                    if not text.strip():
                        raise DataError("the continuation is empty", record=f"{task}, document {doc_id}")
                    given = self._images(doc_to_visual, doc_id, task, split, Path(folder))
                    chats.append([_turn(context, len(given), task, doc_id, text.strip())])
                    pictures.append(given)
                results += self._losses(chats, pictures)
        return [_as_harness_output(pair) for pair in results]

    def generate_until_multi_round(self, requests: Sequence[Any]) -> list[str]:
        """Refused: the next round's question is made by a task's code from the answer before, in text for one model.

        Raises:
            ConfigError: always.
        """
        raise ConfigError(
            "tasks of several rounds are not scored by this adapter", remedy="Choose tasks of type generate_until."
        )

    def _losses(self, chats: list[list[Turn]], pictures: list[list[str]]) -> list[tuple[float, bool]]:
        rows = self.processor.render(chats=chats, generation_prompt=False)
        batch = pad_rows(rows, self.processor.tokenizer.pad_token_id or 0, "right", labels=True)
        slots = max(len(row) for row in pictures)
        if slots:
            size = self.processor.image_processor.size
            pixels = torch.zeros(len(rows), slots, 3, size, size)
            for line, row in zip(pixels, pictures, strict=True):
                if row:
                    line[: len(row)] = self.processor.image_processor.pixels(row)
            batch["pixel_values"] = pixels.to(self.model.dtype)
        batch = {name: value.to(self.device) for name, value in batch.items()}
        labels = batch.pop("labels")
        last = labels.shape[1] - 1 - (labels != IGNORE_INDEX).flip(1).int().argmax(dim=1)
        labels[torch.arange(len(rows)), last] = IGNORE_INDEX  # the end of the response is no part of a continuation
        logits = self.model(**batch).logits[:, :-1].float()
        wanted = labels[:, 1:]
        losses = cross_entropy(logits.transpose(1, 2), wanted, ignore_index=IGNORE_INDEX, reduction="none")
        counted = wanted != IGNORE_INDEX
        greedy = ((logits.argmax(dim=-1) == wanted) | ~counted).all(dim=1)
        means = losses.sum(dim=1) / counted.sum(dim=1)
        return list(zip(means.tolist(), greedy.tolist(), strict=True))

    def _images(self, doc_to_visual: Any, doc_id: Any, task: str, split: str, folder: Path) -> list[str]:
        """A document's images as lossless files: `ChatGenerator` encodes an image once by its file."""
        if doc_to_visual is None:
            return []
        given = doc_to_visual(self.task_dict[task][split][doc_id])
        files = []
        for image in given if isinstance(given, list | tuple) else [given]:
            if image is None:
                continue
            try:
                pixels = load_image(image)
            except DataError as error:
                raise DataError(
                    error.what, file=error.file, record=f"{task}, document {doc_id}", remedy="Choose a task of images."
                ) from error
            name = hashlib.blake2b(repr(pixels.size).encode() + pixels.tobytes(), digest_size=16).hexdigest()
            file = folder / f"{name}.png"
            if not file.exists():
                pixels.save(file, compress_level=1)
            files.append(str(file))
        return files

    def _longest(self, settings: dict[str, Any]) -> int:
        """New tokens allowed; says once what of a task's settings greedy decoding doesn't do."""
        sampled = settings.get("do_sample") is not False and float(settings.get("temperature") or 0) > 0
        if (sampled or int(settings.get("num_beams") or 1) > 1) and "sampling" not in self.ignored:
            self.ignored.add("sampling")
            LOGGER.warning("the task asks for sampling or beams (%s); answers are greedy", settings)
        return int(settings.get("max_new_tokens") or self.max_new_tokens)

    def _remember(self, kind: str, request: tuple, answer: str) -> None:
        """Hand the answer to lmms-eval's cache, where there is one."""
        hook = getattr(self, "cache_hook", None)
        if hook is not None:
            hook.add_partial(kind, request, answer)


def load_with_adapter(
    model: str | os.PathLike,
    adapter: str | os.PathLike | None = None,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> tuple[FlamingoForConditionalGeneration, FlamingoProcessor]:
    """A model folder with a LoRA adapter merged into it; `load_model` alone where there is none.

    Raises:
        MissingAsset, CheckpointError: see `load_model` and `load_adapter`.
    """
    if adapter is None:
        return load_model(model, device=device, dtype=dtype)
    loaded, processor = load_model(model, device=device, dtype=dtype, optimize=False)
    merge_lora(load_adapter(loaded, adapter).to(device)).eval()
    return optimize_for_cpu(loaded), processor


def manifest() -> Any:
    """The entry point: what lmms-eval registers under ``flamingo_lib``."""
    from lmms_eval.models.registry_v2 import ModelManifest

    return ModelManifest(model_id=MODEL_NAME, simple_class_path=f"{__name__}.{FlamingoLmms.__name__}")


def _as_harness_output(pair: tuple[float, bool]) -> Any:
    """A loss and its flag in the form in which they reach the task's metrics.

    lmms-eval 0.7 makes text of whatever a model returns unless it comes as a `GenerationResult`, pairs of numbers too,
    on which its multiple-choice metrics then fail.
    """
    try:
        from lmms_eval.api.instance import GenerationResult, unwrap_generation_output
    except ImportError:
        return pair
    return pair if unwrap_generation_output(pair)[0] == pair else GenerationResult(text=pair)


def _turn(context: str, images: int, task: str, doc_id: Any, response: str | None = None) -> Turn:
    text = IMAGE_TAG.sub("", context).strip()
    if not text:
        raise DataError("the question is empty", record=f"{task}, document {doc_id}")
    return Turn(text, response, images)


def _cut(text: str, until: str | Sequence[str] | None) -> str:
    """`text` before the first stop string."""
    for stop in [until] if isinstance(until, str) else until or ():
        if stop:
            text = text.split(stop)[0]
    return text.strip()


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    iterator = iter(items)
    while part := list(islice(iterator, size)):
        yield part


def _whole(value: int | str, name: str) -> int:
    if not str(value).isdigit() or int(value) < 1:
        raise ConfigError(f"{name} is {value!r}", remedy="Give a whole number over 0.")
    return int(value)


def _dtype(name: str) -> torch.dtype:
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
    if name not in known:
        raise ConfigError(f"unknown dtype {name!r}", remedy=f"Use one of {', '.join(known)}.")
    return known[name]
