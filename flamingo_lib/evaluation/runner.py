"""Evaluation of a model on sources of the catalogue: streamed, scored, stored, and resumed where it was stopped.

Predictions are written a batch at a time; a run that was killed goes on after the last whole batch, and what it writes
is byte for byte what an unbroken run writes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from ..progress import Progress
from ..records import CAPTION_TASKS, Sample
from ..sources.catalog import find_row, held_out
from ..sources.images import open_marked
from ..sources.loading import load_source
from ..storage import Quarantine, storage_errors
from .few_shot import CHAT, FORMATS, PromptFormat
from .predictions import Prediction
from .run_settings import PREDICTIONS, RunSettings, SourceRequest, whole_batches
from .scoring import score
from .source_questions import SceneTruth, images_of, references_of, to_prediction, turn_of

if TYPE_CHECKING:
    from ..judges.panel import Judges
    from .chat_generator import ChatGenerator

HELD_OUT = frozenset(row.name for row in held_out.ROWS)
"""Sources that no stage trains on."""


def run(out: Path, settings: RunSettings, generator: ChatGenerator, judges: Judges) -> dict[str, dict[str, Any]]:
    """Ask the model everything that ``predictions.jsonl`` lacks yet; call `prepare` first.

    Args:
        out: the folder of the run.
        settings: what is asked.
        generator: the model; its `open_image` is set here.
        judges: scored with where they fit the source's task.

    Returns:
        For each source its split, its number of records, and why records could not be used.

    Raises:
        DataError: a source can't be read or has no record, or is not the one that the stored predictions are of.
    """
    stored = whole_batches(out / PREDICTIONS, settings)
    facts: dict[str, dict[str, Any]] = {}
    with storage_errors(out / PREDICTIONS), open(out / PREDICTIONS, "a", encoding="utf-8", newline="\n") as file:
        for request in settings.sources:
            facts[request.name] = _run_source(file, request, settings, generator, judges, stored.get(request.name, []))
    return facts


def _run_source(
    file: Any,
    request: SourceRequest,
    settings: RunSettings,
    generator: ChatGenerator,
    judges: Judges,
    done: Sequence[str],
) -> dict[str, Any]:
    quarantine = Quarantine(max_share=find_row(request.name).max_share)
    samples, examples = _stream(request, settings, quarantine)
    truth = SceneTruth(request.root)
    total = settings.limit
    count = 0
    with Progress(f"{settings.model}: {request.name}", total, "questions") as progress:
        for id_ in done:
            sample = next(samples, None)
            found = repr(sample.id) if sample else "nothing"
            if sample is None or sample.id != id_:
                raise DataError(
                    f"the stored prediction is of {id_!r}, but the source now gives {found}",
                    file=request.root,
                    record=count,
                    remedy="The source has changed: evaluate again into another --out folder.",
                )
            count += 1
            progress.update()
        while batch := list(islice(samples, settings.batch)):
            scored = _answer(batch, examples, request.root, settings, generator, judges, truth)
            file.write(
                "".join(json.dumps(item.to_json(), ensure_ascii=False, allow_nan=False) + "\n" for item in scored)
            )
            file.flush()
            os.fsync(file.fileno())
            count += len(batch)
            progress.update(len(batch))
    if not count:
        raise DataError(
            f"{request.name} has no record to ask",
            file=request.root,
            remedy=f"`flamingo sources check {request.name} {request.root}` says why.",
        )
    return {"questions": count, "unusable": dict(quarantine.counts()), "examples": [item.id for item in examples]}


def _stream(
    request: SourceRequest, settings: RunSettings, quarantine: Quarantine
) -> tuple[Iterator[Sample], list[Sample]]:
    """The samples to ask, and the examples shown before each: of the train split, else the first of those asked."""
    row = find_row(request.name)
    limit = settings.limit
    train = row.split_name("train")
    examples: list[Sample] = []
    if settings.shots:
        try:
            if train is not None and settings.split is not None and row.split_name(settings.split) != train:
                examples = list(load_source(request.name, request.root, train, settings.shots, settings.seed))
        except DataError:
            examples = []  # there is no train split here
    own = len(examples) < settings.shots
    taken = settings.shots if own else 0
    samples = load_source(
        request.name,
        request.root,
        settings.split,
        None if limit is None else limit + taken,
        settings.seed,
        quarantine,
    )
    if own:
        examples = list(islice(samples, settings.shots))
        if len(examples) < settings.shots:
            raise DataError(
                f"{request.name} has {len(examples)} records, too few for {settings.shots} examples",
                file=request.root,
                remedy="Give fewer --shots.",
            )
    return samples, examples


def _answer(
    batch: Sequence[Sample],
    examples: Sequence[Sample],
    root: Path,
    settings: RunSettings,
    generator: ChatGenerator,
    judges: Judges,
    truth: SceneTruth,
) -> list[Prediction]:
    """Responses to a batch of samples, scored."""
    by_key: dict[str, tuple[Sample, int]] = {}

    def keys(sample: Sample) -> list[str]:
        named = [f"{sample.id}#{index}" for index in range(len(images_of(sample)))]
        by_key.update({key: (sample, index) for index, key in enumerate(named)})
        return named

    before = [key for item in examples for key in keys(item)]
    images = [[*before, *keys(sample)] for sample in batch]
    generator.open_image = lambda key: _opened(*by_key[key], root)
    title = f"{settings.model}: {batch[0].source}"
    if settings.prompt == CHAT:
        shown = [turn_of(item, item.raw) for item in examples]
        responses = generator([[*shown, turn_of(sample)] for sample in batch], images, description=title)
    else:
        form = FORMATS[settings.prompt]
        examples_text = "".join(_example(form, item) for item in examples)
        prompts = [examples_text + form.prompt(*_asked(sample)) for sample in batch]
        responses = generator.complete([text.lstrip("\n") for text in prompts], images, description=title)
    generator.forget_images()
    predictions = [
        to_prediction(
            sample,
            response,
            model=settings.model,
            seed=settings.seed,
            pool=pool_of(sample),
            shots=settings.shots,
        )
        for sample, response in zip(batch, responses, strict=True)
    ]
    by_id = {sample.id: sample for sample in batch}
    return score(
        predictions,
        judges,
        images=lambda item: open_marked(item.images, by_id[item.id].meta.get("mark"), root),
        truths=[truth(sample) for sample in batch],
    )


def _asked(sample: Sample) -> tuple[str, int]:
    turn = turn_of(sample)
    return turn.instruction, turn.images


def _example(form: PromptFormat, sample: Sample) -> str:
    """An example with its first reference as the answer."""
    return form.example(*_asked(sample), next(iter(references_of(sample)), sample.raw))


def _opened(sample: Sample, index: int, root: Path) -> Any:
    mark = sample.meta.get("mark")
    if mark and int(mark.get("image", 0)) == index:
        return open_marked([sample.images[index]], {**mark, "image": 0}, root)[0]
    return open_marked([sample.images[index]], None, root)[0]


def pool_of(sample: Sample) -> str:
    """Which of `predictions.POOLS` a source's sample is of."""
    if not images_of(sample):
        return "texts"
    if sample.task in CAPTION_TASKS - {"classification"}:
        return "captions"
    return "held_out_source" if sample.source in HELD_OUT else "held_in"
