"""PF-1M from sources and a rewriter: read, rewrite, judge, filter, write; as a job that can be resumed (METHOD section 3)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from .. import __version__
from ..config import Preset
from ..errors import ConfigError
from ..filters.chain import NEEDS, Chain
from ..filters.funnel import Funnel, funnel_html, funnel_markdown
from ..judges.assets import local_folder, resolve
from ..judges.panel import load_judges
from ..records import Rewrite, Sample
from ..rewriting.dataset import DATA, dataset_card, write_parquet
from ..rewriting.job import JobResult, run_job
from ..rewriting.pf1m import from_rewrite, write_through
from ..rewriting.pictures import Pictures
from ..rewriting.rewriter import Rewriter
from ..rewriting.shards import read_shards
from ..sources import find_row, load_source
from ..storage import Quarantine, atomic_write, fingerprint_files, read_json, write_json

RELEASED, FUNNEL, CARD, QUARANTINE, PLACES = "pf1m.json", "funnel.json", "README.md", "quarantine.jsonl", "sources.json"
WEIGHTS = {".json", ".safetensors", ".txt", ".model"}


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """One dataset to rewrite: catalogue name, folder, split (None: all that have answers), and how many samples (None: all)."""

    name: str
    root: str
    split: str | None = None
    limit: int | None = None


def parse_source(text: str) -> SourceSpec:
    """``NAME=ROOT[:SPLIT][:LIMIT]`` as a `SourceSpec`.

    Raises:
        ConfigError: it is not of that form, or there is no such dataset or folder.
    """
    name, separator, place = text.partition("=")
    if not separator or not place:
        raise ConfigError(f"not a source: {text!r}", remedy="Give NAME=ROOT, NAME=ROOT:SPLIT or NAME=ROOT:SPLIT:LIMIT.")
    row = find_row(name.strip())
    parts = place.split(":")
    limit = split = None
    if len(parts) > 1 and not Path(place).exists():
        if parts[-1].isdigit():
            limit = int(parts.pop())
        if len(parts) > 1 and not Path(":".join(parts)).exists():
            split = parts.pop() or None
    root = Path(":".join(parts)).expanduser()
    if not root.is_dir():
        raise ConfigError("there is no such folder", file=root, remedy=f"Give the folder in which {row.title} lies.")
    if split is not None and row.split_name(split) is None:
        raise ConfigError(f"{row.name} has no split {split!r}", remedy=f"Choose one of {', '.join(row.splits)}.")
    if limit == 0:
        raise ConfigError(f"not a source: {text!r}", remedy="The limit must be at least 1.")
    return SourceSpec(row.name, str(root), split, limit)


def source_roots(sources: Sequence[SourceSpec]) -> dict[str, str]:
    """The folder of each dataset; `ConfigError` if one is to be read from two folders."""
    roots: dict[str, str] = {}
    for source in sources:
        if roots.setdefault(source.name, source.root) != source.root:
            raise ConfigError(f"{source.name} is given with two folders", remedy="Build two sets, or put them into one folder.")
    return roots


class SourceStream:
    """Opens the samples of all sources, one source after the other; what cannot be used is set aside at the first opening.

    Args:
        sources: what to read.
        seed: of wordings and marks.
        quarantine: the file that tells what was set aside; an older one is replaced.
    """

    def __init__(self, sources: Sequence[SourceSpec], seed: int, quarantine: Path | None = None) -> None:
        self.sources, self.seed, self.quarantine = list(sources), seed, quarantine

    def __call__(self) -> Iterator[Sample]:
        """All samples, the same at each call as long as the sources are."""
        path, self.quarantine = self.quarantine, None
        if path is not None:
            path.unlink(missing_ok=True)
        for source in self.sources:
            aside = Quarantine(path, max_share=find_row(source.name).max_share)
            yield from load_source(source.name, source.root, source.split, source.limit, self.seed, aside)


@dataclass(frozen=True)
class MakeWork:
    """Makes, in the process that is to work, what is done with each shard; can be sent to other processes.

    Attributes:
        rewriter: the rewriter's folder.
        roots: the folder of each dataset.
        preset: settings of rewriting, judges and filters.
        filtering: False only rewrites.
    """

    rewriter: str
    roots: Mapping[str, str]
    preset: Preset
    filtering: bool = True

    def __call__(self) -> ShardWork:
        """Load the rewriter and the judges."""
        pictures, device = Pictures(self.roots), best_device()
        rewriter = Rewriter.load(self.rewriter, pictures, self.preset.rewriting, seed=self.preset.seed, device=device)
        return ShardWork(rewriter, make_chain(self.preset, pictures, device) if self.filtering else None)


def make_chain(preset: Preset, pictures: Pictures, device: str = "cpu") -> Chain:
    """The preset's filters with the judges they need, and the reward judge."""
    config = preset.filters
    wanted = ["reward", *(NEEDS[name] for name in config.chain if name in NEEDS)]
    return Chain(config, load_judges(preset.judges, wanted, device=device, sentences=config.clip_sentences), pictures)


class ShardWork:
    """Rewrites a shard's samples, then judges and filters them."""

    def __init__(self, rewriter: Rewriter, chain: Chain | None) -> None:
        self.rewriter, self.chain = rewriter, chain

    @property
    def tokens(self) -> int:
        """Tokens generated so far."""
        return self.rewriter.tokens

    def __call__(self, samples: Sequence[Sample], tick: Callable[[int], None]) -> list[Rewrite]:
        """One judged rewrite for each sample."""
        rewrites = self.rewriter.rewrite(samples, tick)
        return self.chain.judge_batch(rewrites) if self.chain is not None else rewrites


def best_device() -> str:
    """``"cuda"`` where there is a GPU, else ``"cpu"``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def job_identity(sources: Sequence[SourceSpec], rewriter: Path, preset: Preset, filtering: bool) -> dict[str, Any]:
    """All that decides the records, as plain values; where the sources' folders stand does not."""
    identity: dict[str, Any] = {
        "program": __version__,
        "sources": [{name: value for name, value in asdict(source).items() if name != "root"} for source in sources],
        "seed": preset.seed,
        "rewriter": fingerprint_files(path for path in rewriter.iterdir() if path.suffix in WEIGHTS and path.name != "training.json"),
        "rewriting": preset.rewriting.model_dump(mode="json"),
    }
    if filtering:
        identity["filters"] = preset.filters.model_dump(mode="json")
        identity["judges"] = {role: _judge_identity(role, preset) for role in ("sts", "nli", "reward", "clip")}
    return identity


def _judge_identity(role: str, preset: Preset) -> str:
    name = getattr(preset.judges, role)
    folder = local_folder(name, shipped_as=f"{role}-tiny" if name == "tiny" else None)
    if folder is None:
        return name
    return f"{name} {fingerprint_files(path for path in folder.iterdir() if path.suffix in {'.json', '.safetensors'})}"


def image_sizes(roots: Mapping[str, str]) -> Callable[[Sample], list[int]]:
    """A stamp for `run_job`: the sizes of a sample's image files, so that an exchanged image is noticed."""
    folders = {name: Path(root) for name, root in roots.items()}

    def stamp(sample: Sample) -> list[int]:
        sizes = []
        for image in sample.images:
            try:
                sizes.append((folders[sample.source] / image.partition("@")[0]).stat().st_size)
            except OSError:
                sizes.append(-1)
        return sizes

    return stamp


def rewrite_sources(
    sources: Sequence[SourceSpec],
    rewriter: str | PathLike,
    out: str | PathLike,
    preset: Preset,
    *,
    filtering: bool = True,
    workers: int = 0,
    run: Callable[..., JobResult] = run_job,
) -> JobResult:
    """Rewrite, and unless told otherwise judge and filter, all samples of `sources` into shards below `out`.

    Args:
        rewriter: a rewriter's folder, or the name of a shipped one.
        preset: settings and seed; its own sources play no part.
        workers: processes on this machine; 0 works in this one.
        run: what runs the job: `run_job`, or one that spreads it over a cluster.

    Raises:
        ConfigError, MissingAsset, DataError, FlamingoError: as `run_job`, and for sources and models that cannot be read.
    """
    out, roots = Path(out), source_roots(sources)
    folder = resolve(str(rewriter), role="the rewriter")
    work = MakeWork(str(folder), roots, preset, filtering)
    result = run(
        SourceStream(sources, preset.seed, out / QUARANTINE),
        work,
        out,
        identity=job_identity(sources, folder, preset, filtering),
        shard_size=preset.rewriting.shard_size,
        workers=workers,
        stamp=image_sizes(roots),
    )
    write_json(out / PLACES, {"roots": roots, "rewriter": str(rewriter), "preset": preset.name})
    return result


def export_pf1m(out: str | PathLike, preset: Preset, *, title: str = "PF-1M") -> dict[str, Any]:
    """Write the dataset from a finished job's shards: released JSON, Parquet, funnel and card; returns the funnel.

    Args:
        out: the job's folder; the dataset is written there too.
        preset: the job's settings, for the card.
        title: the dataset's name on its card.
    """
    out = Path(out)
    funnel, counts = Funnel(preset.filters.chain), dict[str, int]()

    def kept() -> Iterator[Any]:
        for rewrite in read_shards(out):
            funnel.add(rewrite)
            if rewrite.kept:
                counts[rewrite.sample.source] = counts.get(rewrite.sample.source, 0) + 1
                yield from_rewrite(rewrite)

    write_parquet(out, write_through(out / RELEASED, kept()))
    report = funnel.to_dict()
    write_json(out / FUNNEL, report)
    places = read_json(out / PLACES)
    card = dataset_card(
        title=title,
        counts=counts,
        funnel=funnel_markdown(report),
        judges={role: getattr(preset.judges, role) for role in ("sts", "nli", "reward", "clip")},
        thresholds=preset.filters.model_dump(exclude={"max_failed"}),
        rewriter=Path(places["rewriter"]).name,
        created_by=f"flamingo-lib {__version__}, preset {preset.name}, seed {preset.seed}",
    )
    for name, text in ((CARD, card), ("funnel.html", funnel_html(report))):
        with atomic_write(out / name) as file:
            file.write(text)
    return report


__all__ = ["CARD", "DATA", "FUNNEL", "RELEASED", "SourceSpec", "export_pf1m", "parse_source", "rewrite_sources", "source_roots"]
