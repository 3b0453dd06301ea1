"""Step: let the rewriter read every raw annotation, and the drafts that contradict their image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ...records import Rewrite, Sample
from ..step import Job, Step
from .images import PlainImages
from .mixtures import chosen_raw
from .records import read_records, write_records
from .scenes import data_root
from .sources import RAW
from .training import MODEL

REWRITTEN, WRONG = "rewritten.jsonl", "wrong.jsonl"

Write = Callable[[Sequence[Sample], str], list[Rewrite]]


def run(job: Job) -> dict[str, Any]:
    """Write ``rewritten.jsonl`` and, of drafts that contradict their image, ``wrong.jsonl``."""
    from ...evaluation.answering import Answerer
    from ...evaluation.rewriting import wrong_drafts
    from ...training.stages import load_base

    config = job.preset.rewriting
    images = PlainImages(data_root(job.inputs["scenes"], job.preset), job.cache / "images")
    answerer = Answerer(*load_base(job.inputs["rewriter"] / MODEL), batch_size=config.batch_size, max_new_tokens=config.max_new_tokens)
    write = _writer(answerer, images)
    samples = chosen_raw(read_records(Sample, job.inputs["sources"] / RAW), job.preset)
    rewritten = _in_shards(samples, write, job.scratch, config.shard_size)
    write_records(job.folder / REWRITTEN, rewritten)
    wrong = wrong_drafts(samples, seed=job.seed, limit=job.preset.evaluation.questions)
    write_records(job.folder / WRONG, write(wrong, "rewriting contradicting drafts"))
    return {"rewrite.records": len(rewritten)}


def _writer(answerer: Any, images: PlainImages) -> Write:
    from ...chat.template import ChatTurn

    def write(samples: Sequence[Sample], description: str) -> list[Rewrite]:
        chats = [[ChatTurn(sample.instruction, images=len(sample.images), draft=sample.raw)] for sample in samples]
        outputs = answerer(chats, [images.files(sample) for sample in samples], description=description)
        return [Rewrite(sample, output) for sample, output in zip(samples, outputs, strict=True)]

    return write


def _in_shards(samples: Sequence[Sample], write: Write, scratch: Path, size: int) -> list[Rewrite]:
    """All rewrites, shard by shard; a shard that a killed run has finished is read."""
    rewritten: list[Rewrite] = []
    shards = range(0, len(samples), size)
    for number, start in enumerate(shards, start=1):
        path = scratch / f"shard-{number:05d}.jsonl"
        if not path.exists():
            write_records(path, write(samples[start : start + size], f"rewriting, shard {number} of {len(shards)}"))
        rewritten += read_records(Rewrite, path)
    return rewritten


STEP = Step(
    "rewrite",
    "rewrite the raw annotations",
    run,
    inputs=("scenes", "sources", "rewriter"),
    config=("sources.root", "rewriting", "evaluation.questions"),
)
