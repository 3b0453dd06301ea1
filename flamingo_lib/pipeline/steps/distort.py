"""Step: distort polite responses into drafts that look like raw annotations: the rewriter's training pairs."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ...records import Sample
from ...storage import write_json
from ..step import Job, Step
from .records import read_records, write_records
from .sources import CAPTIONS, POLITE

PAIRS = "pairs.jsonl"


def run(job: Job) -> dict[str, Any]:
    """Write ``pairs.jsonl`` and ``counts.json``."""
    from ...distortion import distort_sources, index_descriptions
    from ...progress import track

    sources, config = job.inputs["sources"], job.preset.distortion
    descriptions = index_descriptions(read_records(Sample, sources / CAPTIONS))
    counts: Counter[str] = Counter()
    pairs = distort_sources(read_records(Sample, sources / POLITE), descriptions, config, job.seed, counts=counts)
    write_records(job.folder / PAIRS, track(pairs, "distorting", config.pairs, "pairs"))
    write_json(job.folder / "counts.json", dict(counts))
    return {f"distort.{name}": count for name, count in counts.items() if ":" not in name}


STEP = Step("distort", "distort polite responses", run, inputs=("sources",), config=("distortion",))
