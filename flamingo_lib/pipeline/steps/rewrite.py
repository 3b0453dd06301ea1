"""Step: let the rewriter read every raw annotation, and the drafts that contradict their image."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...records import Rewrite, Sample
from ..step import Job, Step
from .mixtures import chosen_raw
from .records import read_records, write_records
from .scenes import data_root
from .sources import RAW
from .training import MODEL

if TYPE_CHECKING:
    from ...rewriting.rewriter import Rewriter

REWRITTEN, WRONG = "rewritten.jsonl", "wrong.jsonl"


def run(job: Job) -> dict[str, Any]:
    """Write ``rewritten.jsonl`` and, of drafts that contradict their image, ``wrong.jsonl``."""
    from ...evaluation.rewriting import wrong_drafts
    from ...rewriting.pictures import Pictures
    from ...rewriting.rewriter import Rewriter

    config = job.preset.rewriting
    pictures = Pictures(data_root(job.inputs["scenes"], job.preset))
    rewriter = Rewriter.load(job.inputs["rewriter"] / MODEL, pictures, config, seed=job.seed)
    samples = chosen_raw(read_records(Sample, job.inputs["sources"] / RAW), job.preset)
    wrong = wrong_drafts(samples, seed=job.seed, limit=job.preset.evaluation.questions)
    rewritten = _in_shards(samples, rewriter, "rewriting", job.scratch, config.shard_size)
    write_records(job.folder / REWRITTEN, rewritten)
    write_records(job.folder / WRONG, _in_shards(wrong, rewriter, "contradicting", job.scratch, config.shard_size))
    flags = [flag for rewrite in rewritten for flag in rewrite.flags]
    return {"rewrite.records": len(rewritten)} | {f"rewrite.{flag}": flags.count(flag) for flag in sorted(set(flags))}


def _in_shards(samples: Sequence[Sample], rewriter: Rewriter, name: str, scratch: Path, size: int) -> list[Rewrite]:
    """All rewrites, shard by shard; a shard that a killed run has finished is read."""
    from ...progress import Progress

    rewritten: list[Rewrite] = []
    with Progress(name, len(samples)) as progress:
        for start in range(0, len(samples), size):
            path, part = scratch / f"{name}-{start:07d}.jsonl", samples[start : start + size]
            if path.exists():
                progress.update(len(part))
            else:
                write_records(path, rewriter.rewrite(part, progress.update))
            rewritten += read_records(Rewrite, path)
    return rewritten


STEP = Step(
    "rewrite",
    "rewrite the raw annotations",
    run,
    inputs=("scenes", "sources", "rewriter"),
    config=("sources.root", "rewriting", "evaluation.questions"),
)
