"""Read what `build-pf1m` or `rewrite` wrote as export records, one after the other, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError
from ..pf1m.images import IMAGES, REFUSED, record_files
from ..pf1m.parquet import DATA, read_parquet
from ..pf1m.record import Pf1mRecord, read_pf1m
from ..records import Rewrite, Turn
from ..rewriting.shards import FOLDER, read_shards
from ..sources.image_files import ImageFiles, Roots
from ..storage import read_json, read_jsonl
from .licences import licence_of
from .record import ExportImage, ExportRecord, flat_scores

RECORDS, PLACES = "pf1m.json", "sources.json"
REMEDY = "Give the folder that `flamingo build-pf1m` or `flamingo rewrite` wrote."


class RecordFolder:
    """A folder of rewritten data; each iteration reads its records anew.

    Shards are read where there are any, as they hold the rewrites before the filters' edits; else the dataset alone.

    Args:
        folder: see `REMEDY`; also a copy of a dataset without its shards.
        roots: where the datasets' images lie; by default as the folder says, else the folder itself.
        scratch: folder for images that have to be taken out of archives, or need a mark drawn.

    Raises:
        ConfigError: the folder holds no such data.
    """

    def __init__(self, folder: Path, scratch: Path, roots: Roots | None = None) -> None:
        self.folder, self.scratch = Path(folder), scratch
        if not self.folder.is_dir():
            raise ConfigError("there is no such folder", file=folder, remedy=REMEDY)
        self.has_shards = any((self.folder / FOLDER).glob("*.jsonl"))
        if not (self.has_shards or (self.folder / RECORDS).is_file() or any((self.folder / DATA).glob("*.parquet"))):
            raise ConfigError("the folder holds no rewritten data", file=folder, remedy=REMEDY)
        places = read_json(self.folder / PLACES) if (self.folder / PLACES).is_file() else {}
        self.rewriter = str(places.get("rewriter", ""))
        self.roots = roots if roots is not None else places.get("roots") or self.folder

    def __iter__(self) -> Iterator[ExportRecord]:
        """The records.

        Raises:
            DataError: a broken file, or an image that can't be read or lies outside its dataset; the record is named.
        """
        if self.has_shards:
            yield from self._from_shards()
        elif any((self.folder / DATA).glob("*.parquet")):
            yield from self._from_dataset(read_parquet(self.folder))
        else:
            yield from self._from_dataset(read_pf1m(self.folder / RECORDS))

    def _from_shards(self) -> Iterator[ExportRecord]:
        drawn = self.folder / IMAGES
        files = ImageFiles(self.roots, drawn if drawn.is_dir() else self.scratch)
        refused = self.folder / REFUSED
        skipped = {line["record"] for line in read_jsonl(refused)} if refused.is_file() else set()
        for rewrite in read_shards(self.folder):
            if rewrite.kept and rewrite.sample.id not in skipped:
                yield record_of_rewrite(rewrite, files, self.rewriter)

    def _from_dataset(self, records: Iterator[Pf1mRecord]) -> Iterator[ExportRecord]:
        for number, record in enumerate(records):
            identity = record.id or f"pf1m/{number}"
            source = record.source or next((path.partition("/")[0] for path in record.images), "")
            try:
                found = record_files(record, self.folder, self.roots)
            except DataError as error:
                raise DataError(error.what, file=error.file, record=identity, remedy=error.remedy) from error
            yield ExportRecord(
                id=identity,
                source=source,
                task=record.task,
                images=tuple(ExportImage(name, file) for name, file in zip(record.images, found, strict=True)),
                turns=(Turn(record.instruction, record.output, len(record.images), record.original),),
                steps=((_rewritten(self.rewriter), record.output),),
                scores=flat_scores(record.to_json()),
                licence=licence_of(source),
            )


def read_records(folder: str | Path, scratch: str | Path, roots: Roots | None = None) -> RecordFolder:
    """The records of a folder; arguments and errors of `RecordFolder`."""
    return RecordFolder(Path(folder), Path(scratch), roots)


def record_of_rewrite(rewrite: Rewrite, files: ImageFiles, rewriter: str = "") -> ExportRecord:
    """The export record of one rewrite.

    Args:
        files: finds the sample's images.
        rewriter: who wrote it, if the rewrite does not say.

    Raises:
        DataError: an image that can't be read or lies outside its dataset; the record is named.
    """
    sample, source = rewrite.sample, rewrite.sample.source
    try:
        found = files.files(sample)
    except DataError as error:
        raise DataError(error.what, file=error.file, record=sample.id, remedy=error.remedy) from error
    images = tuple(
        ExportImage(f"{IMAGES}/{Path(file).name}" if Path(file).parent == files.folder else f"{source}/{path}", file)
        for path, file in zip(sample.images, found, strict=True)
    )
    edits = [(f"filter {verdict.filter}", verdict.edit) for verdict in rewrite.verdicts if verdict.edit is not None]
    written: Any = getattr(rewrite, "rewriter", "")
    return ExportRecord(
        id=sample.id,
        source=sample.source,
        task=sample.task,
        images=images,
        turns=(Turn(sample.instruction, rewrite.final, len(images), sample.raw),),
        steps=((_rewritten(written or rewriter), rewrite.output), *edits),
        scores=flat_scores(rewrite.scores),
        boxes=sample.boxes,
        licence=licence_of(sample.source, sample.meta.get("licence")),
    )


def _rewritten(rewriter: str) -> str:
    return f"rewritten by {rewriter}" if rewriter else "rewritten"
