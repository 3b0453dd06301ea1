"""The data of each training stage: the records of its named mixture, as conversations (docs/method.md, section 4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ...config import Preset
from ...pf1m.images import record_files
from ...pf1m.record import Pf1mRecord, read_pf1m
from ...records import Conversation, Pair, Sample
from ...sources.image_files import ImageFiles
from ...sources.mixture import Kind, Mixture, by_source, find_mixture
from ...training.examples import pair_examples, pf1m_example, sample_example
from ...training.unsaid import UnsaidRule
from ..step import Job
from .distort import PAIRS
from .records import read_records
from .scenes import data_root
from .sources import POLITE, RAW

REWRITES, PF1M = "rewrites.jsonl", "pf1m.json"
"""In the folder of the step `filter`: every rewrite with its verdicts; the records that training reads."""

STEPS: dict[Kind, str] = {"polite": "sources", "raw": "sources", "pf-1m": "filter", "distorted-pairs": "distort"}
"""The step whose result holds the records of a kind."""


def mixture_examples(name: str, job: Job) -> list[Conversation]:
    """The conversations of a mixture, read from the inputs of a step that declares its `mixture_inputs`."""
    mixture = find_mixture(name)
    return [conversation for kind in mixture.reads for conversation in _conversations(mixture, kind, job)]


def mixture_inputs(name: str) -> tuple[str, ...]:
    """The steps whose results a mixture is made from."""
    return tuple(dict.fromkeys(("scenes", *(STEPS[kind] for kind in find_mixture(name).reads))))


def chosen_raw(samples: Sequence[Sample], preset: Preset) -> list[Sample]:
    """The raw samples a run rewrites: those of `rewriting.mixture`, at most `rewriting.limit_per_source` of each."""
    config = preset.rewriting
    return find_mixture(config.mixture).draw(by_source(samples), seed=preset.seed, limit=config.limit_per_source)


def _conversations(mixture: Mixture, kind: Kind, job: Job) -> Iterator[Conversation]:
    root = data_root(job.inputs["scenes"], job.preset)
    if kind == "distorted-pairs":
        pairs = read_records(Pair, job.inputs["distort"] / PAIRS)
        yield from pair_examples(pairs, root, config=job.preset.distortion, seed=job.seed, unsaid=_unsaid_rule(root))
    elif kind == "pf-1m":
        folder = job.inputs["filter"]
        records: list[Pf1mRecord] = list(read_pf1m(folder / PF1M))
        for record in mixture.draw({kind: records}, seed=job.seed):
            yield pf1m_example(record, record_files(record, folder, root))
    else:
        images = ImageFiles(root, job.cache / "images")
        samples = read_records(Sample, job.inputs["sources"] / (POLITE if kind == "polite" else RAW))
        limit = job.preset.rewriting.limit_per_source if kind == "raw" else None
        for sample in mixture.draw(by_source(samples), seed=job.seed, limit=limit):
            yield sample_example(sample, root, images.files(sample))


def _unsaid_rule(root: Path) -> UnsaidRule | None:
    """The rule of the Scenes where `root` holds them; None is the one for any data."""
    from ...scenes.index import GRAPHS
    from ...scenes.unsaid import SceneFacts

    return SceneFacts() if (root / GRAPHS).is_file() else None
