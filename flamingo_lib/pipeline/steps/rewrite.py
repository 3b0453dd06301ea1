"""Step: let the rewriter read every raw annotation, and the drafts that contradict their image."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...records import Rewrite, Sample
from ..step import Job, Step
from .base import MODEL
from .mixtures import chosen_raw
from .placement import placement
from .records import read_records, write_records
from .scenes import data_root
from .sources import RAW

if TYPE_CHECKING:
    from ...rewriting.job import Work
    from ...rewriting.rewriter import RewriterBackend

REWRITTEN, WRONG = "rewritten.jsonl", "wrong.jsonl"


def run(job: Job) -> dict[str, Any]:
    """Write ``rewritten.jsonl`` and, of drafts that contradict their image, ``wrong.jsonl``."""
    from ...evaluation.rewriting import wrong_drafts
    from ...rewriting.backends.flamingo import FlamingoRewriter
    from ...rewriting.backends.settings import BackendConfig, backend_label
    from ...rewriting.pictures import Pictures
    from ...rewriting.rewriter import LabelledRewriter

    config = job.preset.rewriting
    pictures = Pictures(data_root(job.inputs["scenes"], job.preset))
    folder, optimize = job.inputs["rewriter"] / MODEL, job.preset.model.optimize_for_cpu
    loaded = FlamingoRewriter.load(folder, pictures, config, seed=job.seed, optimize=optimize, **placement(job.preset))
    rewriter = LabelledRewriter(loaded, backend_label(str(folder), BackendConfig()))
    samples = chosen_raw(read_records(Sample, job.inputs["sources"] / RAW), job.preset)
    wrong = wrong_drafts(samples, seed=job.seed, limit=job.preset.evaluation.questions)
    rewritten = _in_shards(samples, rewriter, "rewriting", job.scratch, config.shard_size)
    write_records(job.folder / REWRITTEN, rewritten)
    write_records(job.folder / WRONG, _in_shards(wrong, rewriter, "contradicting", job.scratch, config.shard_size))
    flags = [flag for rewrite in rewritten for flag in rewrite.flags]
    return {"rewrite.records": len(rewritten)} | {f"rewrite.{flag}": flags.count(flag) for flag in sorted(set(flags))}


def _in_shards(
    samples: Sequence[Sample], rewriter: RewriterBackend, name: str, scratch: Path, size: int
) -> list[Rewrite]:
    """All rewrites, shard by shard; shards that a killed run has finished are read."""
    from ...rewriting.job import run_job
    from ...rewriting.shards import read_shards

    out = scratch / name  # the scratch folder is this step's with these settings: nothing more identifies the job

    def work(samples: Sequence[Sample], tick: Callable[[int], None]) -> list[Rewrite]:
        return rewriter.rewrite(samples, tick)

    def make_work() -> Work:
        return work

    run_job(lambda: samples, make_work, out, identity={"step": name}, shard_size=size, title=name)
    return list(read_shards(out))


STEP = Step(
    "rewrite",
    "rewrite the raw annotations",
    run,
    inputs=("scenes", "sources", "rewriter"),
    config=(
        "sources.root",
        "rewriting",
        "evaluation.questions",
        *("model.optimize_for_cpu", "model.device", "model.dtype"),
    ),
)
