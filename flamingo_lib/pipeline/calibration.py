"""Filter calibration on Scenes: rewrite the calibration pool, choose thresholds, check on the evaluation pool."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ..config import Preset
from ..errors import DataError
from ..filters.calibrate import calibrate
from ..filters.chain import Chain
from ..filters.filter_metrics import filter_quality
from ..judges.panel import Judges, load_judges
from ..progress import Progress
from ..records import Rewrite, Sample
from ..rewriting.backends.flamingo import FlamingoRewriter
from ..rewriting.pictures import Pictures
from ..scenes.index import TruthIndex
from ..seeding import generator
from ..sources import find_row, load_source

POOLS = ("calibration", "evaluation")


def pool_samples(
    root: str | PathLike, sources: Sequence[str], pool: str, *, seed: int, limit: int | None = None
) -> list[Sample]:
    """The samples of `sources` whose images are of a pool of scenes, from their validation files.

    Args:
        root: a Scenes data root.
        limit: at most so many of each source, drawn by their ids.

    Raises:
        DataError: there are none.
    """
    index, samples = TruthIndex(root), []
    for name in sources:
        folder = Path(root) / name
        if not folder.is_dir():
            continue
        split = find_row(name).split_name("val")
        found = [
            sample
            for sample in load_source(name, folder, split=split, seed=seed)
            if sample.images and index.pool(sample.images[0], name) == pool
        ]
        found.sort(key=lambda sample: generator(seed, "calibration", sample.id).random())
        samples += found[:limit]
    if not samples:
        raise DataError(
            f"no samples of the pool {pool!r}", file=root, remedy="Give a folder that `flamingo scenes` wrote."
        )
    return samples


def calibrate_filters(
    root: str | PathLike,
    rewriter: FlamingoRewriter,
    preset: Preset,
    *,
    judges: Judges | None = None,
    target: float = 0.95,
    limit: int | None = 150,
    check: bool = True,
) -> dict[str, Any]:
    """Choose thresholds on the calibration pool and, with `check`, measure the chain with them on the evaluation pool.

    Args:
        root: a Scenes data root.
        rewriter: whose rewrites are judged; its images must lie below `root`.
        judges: those to calibrate; by default the preset's.
        target: share of the faithful rewrites that each judge's threshold keeps.
        limit: samples of each source in each pool.

    Returns:
        As `filters.calibrate.calibrate`, and under ``quality`` the figures of `filters.filter_metrics.filter_quality`.
    """
    judges = judges or load_judges(preset.judges, ("sts", "nli", "clip"))
    index, pictures = TruthIndex(root), Pictures(root)

    def rewritten(pool: str) -> list[Rewrite]:
        samples = pool_samples(root, preset.sources.raw, pool, seed=preset.seed, limit=limit)
        with Progress(f"rewriting the {pool} pool", len(samples)) as progress:
            return rewriter.rewrite(samples, progress.update)

    report = calibrate(rewritten(POOLS[0]), index, judges, pictures, preset.filters, target=target)
    if check:
        config = preset.filters.model_copy(update=report["settings"])
        quality_judges = Judges(sts=judges.sts, nli=judges.nli, clip=judges.clip)
        report["quality"] = filter_quality(list(Chain(config, quality_judges, pictures)(rewritten(POOLS[1]))), index)
    return report
