"""The data of each training stage by the name of its mixture (docs/method.md, section 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from ...config import Preset
from ...errors import ConfigError
from ...records import Pair, Rewrite, Sample
from ...seeding import generator
from ...training.examples import pair_examples, rewrite_example, sample_example
from ...training.packing.tokenized import Example
from ..step import Job
from .distort import PAIRS
from .materialized_images import PlainImages
from .records import read_records
from .scenes import data_root
from .sources import POLITE, RAW

REWRITES = "rewrites.jsonl"
"""In the folder of the step `filter`: every rewrite with its verdicts."""

STAGE1_SHARE = 0.1
"""The part of PF-1M that stages 1 and 3 read beside the polite sources."""


def mixture_examples(name: str, job: Job) -> list[Example]:
    """The examples of a mixture, from the inputs of a step that declares `MIXTURE_INPUTS` of it."""
    _check(name)
    images = PlainImages(data_root(job.inputs["scenes"], job.preset), job.cache / "images")
    return list(_MIXTURES[name][1](job, images))


def mixture_inputs(name: str) -> tuple[str, ...]:
    """The steps whose results a mixture is made from."""
    _check(name)
    return ("scenes", *_MIXTURES[name][0])


def chosen_raw(samples: list[Sample], preset: Preset) -> list[Sample]:
    """The raw samples of the run: of each source at most `rewriting.limit_per_source`, drawn by the samples' ids."""
    limit = preset.rewriting.limit_per_source
    if limit is None:
        return samples
    by_source: dict[str, list[Sample]] = {}
    for sample in samples:
        by_source.setdefault(sample.source, []).append(sample)
    kept = set()
    for group in by_source.values():
        group.sort(key=lambda sample: generator(preset.seed, "raw", sample.id).random())
        kept |= {sample.id for sample in group[:limit]}
    return [sample for sample in samples if sample.id in kept]


def _check(name: str) -> None:
    if name not in _MIXTURES:
        raise ConfigError(f"there is no mixture {name!r}", remedy=f"Choose one of {', '.join(_MIXTURES)}.")


def _pairs(job: Job, images: PlainImages) -> Iterator[Example]:
    pairs = read_records(Pair, job.inputs["distort"] / PAIRS)
    return pair_examples(pairs, images.root, config=job.preset.distortion, seed=job.seed)


def _pf1m(job: Job, images: PlainImages) -> Iterator[Example]:
    for rewrite in _kept(job.inputs["filter"]):
        yield images.example(rewrite_example(rewrite, images.root), rewrite.sample)


def _stage1(job: Job, images: PlainImages) -> Iterator[Example]:
    for sample in read_records(Sample, job.inputs["sources"] / POLITE):
        yield sample_example(sample, images.root)
    for rewrite in _kept(job.inputs["filter"]):
        if generator(job.seed, "stage1", rewrite.sample.id).random() < STAGE1_SHARE:
            yield images.example(rewrite_example(rewrite, images.root), rewrite.sample)


def _raw(job: Job, images: PlainImages) -> Iterator[Example]:
    for sample in chosen_raw(read_records(Sample, job.inputs["sources"] / RAW), job.preset):
        yield images.example(sample_example(sample, images.root), sample)


def _kept(folder: Path) -> list[Rewrite]:
    return [rewrite for rewrite in read_records(Rewrite, folder / REWRITES) if rewrite.kept]


_MIXTURES: dict[str, tuple[tuple[str, ...], Callable[[Job, PlainImages], Iterator[Example]]]] = {
    "distorted-pairs": (("distort",), _pairs),
    "stage1": (("sources", "filter"), _stage1),
    "pf1m": (("filter",), _pf1m),
    "raw": (("sources",), _raw),
}
"""Mixture -> the steps it reads, and what makes it."""
