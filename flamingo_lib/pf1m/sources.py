"""The sources of a job: how they are given on the command line, opened, and watched for changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import ConfigError
from ..records import Sample
from ..sources import ImageError, find_row, load_source
from ..sources.images import locate
from ..storage import Quarantine


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """A dataset to read: catalogue name, folder, split (None: all with answers) and limit of samples (None: all)."""

    name: str
    root: str
    split: str | None = None
    limit: int | None = None

    @property
    def task(self) -> str:
        """The task of its samples, by the catalogue."""
        return find_row(self.name).task


def parse_source(text: str) -> SourceSpec:
    """``NAME=ROOT[:SPLIT][:LIMIT]`` as a `SourceSpec`.

    Raises:
        ConfigError: it is not of that form, or there is no such dataset or folder.
    """
    name, separator, path = text.partition("=")
    if not separator or not path:
        raise ConfigError(f"not a source: {text!r}", remedy="Give NAME=ROOT, NAME=ROOT:SPLIT or NAME=ROOT:SPLIT:LIMIT.")
    row = find_row(name.strip())
    parts = path.split(":")
    limit = split = None
    if len(parts) > 1 and not Path(path).exists():
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
    """The folder of each dataset; `ConfigError` if one is to be read from two folders or twice from one."""
    roots: dict[str, str] = {}
    given: set[tuple[str, str | None]] = set()
    for source in sources:
        if roots.setdefault(source.name, source.root) != source.root:
            raise ConfigError(
                f"{source.name} is given with two folders", remedy="Build two sets, or put them into one folder."
            )
        split = source.split and find_row(source.name).split_name(source.split)
        if (source.name, split) in given:
            raise ConfigError(f"{source.name} is given twice", remedy="Name each dataset and split once.")
        given.add((source.name, split))
    return roots


class SourceStream:
    """A stream of all sources' samples, source by source; unusable ones are quarantined at the first opening.

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
class ImageSizes:
    """A stamp for `run_job`: the sizes of a sample's image files, so that an exchanged image is noticed.

    Attributes:
        roots: the folder of each dataset.
    """

    roots: Mapping[str, str]

    def __call__(self, sample: Sample) -> list[int]:
        """Bytes of each image's file, or of the archive it lies in; -1 of one that is missing."""
        sizes = []
        for image in sample.images:
            try:
                sizes.append(locate(self.roots[sample.source], image)[0].stat().st_size)
            except (OSError, ImageError):
                sizes.append(-1)
        return sizes
