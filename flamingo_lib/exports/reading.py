"""Read what `build-pf1m`, `rewrite` or `rewrite-data` wrote as export records, one by one, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from ..errors import ConfigError, DataError
from ..pf1m.images import IMAGES, REFUSED, record_files
from ..pf1m.parquet import DATA, read_parquet
from ..pf1m.record import Pf1mRecord, read_pf1m
from ..records import Rewrite, Turn
from ..rewriting.job import PLAN
from ..rewriting.shards import FOLDER, read_shards
from ..sources.image_files import ImageFiles, Roots
from ..storage import read_json, read_jsonl
from .conversations import CONVERSATIONS, JOB_FOLDER, conversation_record, rewrite_steps, rewritten_by
from .images import ImageFinder
from .licences import licence_of
from .record import ExportImage, ExportRecord, Step, flat_scores

RECORDS, PLACES = "pf1m.json", "sources.json"
REMEDY = "Give the folder that `flamingo build-pf1m`, `flamingo rewrite` or `flamingo rewrite-data` wrote."


class RecordFolder:
    """A folder of rewritten data; each iteration reads its records anew.

    Shards are read where there are any, as they hold the rewrites before the filters' edits; else the dataset alone.

    Args:
        folder: see `REMEDY`; also a copy of a dataset without its shards.
        roots: where the datasets' images lie; by default as the folder says, else the folder itself. For what
            `rewrite-data` wrote: the folder that the image paths of the data are relative to.
        scratch: folder for images that have to be taken out of archives, or need a mark drawn.
        own_licence: the licence of records whose dataset is not in the catalogue, where they state none.

    Raises:
        ConfigError: the folder holds no such data, or a job that is not finished.
    """

    def __init__(self, folder: Path, scratch: Path, roots: Roots | None = None, own_licence: str | None = None) -> None:
        self.folder, self.scratch, self.own_licence = Path(folder), scratch, own_licence
        if not self.folder.is_dir():
            raise ConfigError("there is no such folder", file=folder, remedy=REMEDY)
        if (self.folder / JOB_FOLDER / FOLDER).is_dir():
            self.folder /= JOB_FOLDER
        self.has_shards = any((self.folder / FOLDER).glob("*.jsonl"))
        if not (self.has_shards or (self.folder / RECORDS).is_file() or any((self.folder / DATA).glob("*.parquet"))):
            raise ConfigError("the folder holds no rewritten data", file=folder, remedy=REMEDY)
        places = read_json(self.folder / PLACES) if (self.folder / PLACES).is_file() else {}
        self.has_conversations = (self.folder / CONVERSATIONS).is_file()
        self._require_finished(own_data=self.folder.name == JOB_FOLDER and self.folder != Path(folder))
        self.rewriter = str(places.get("rewriter", ""))
        self.roots = roots if roots is not None else places.get("roots") or self.folder
        if self.has_conversations and roots is not None and not isinstance(roots, Mapping):
            self.roots = {**places["roots"], places["data"]: str(roots)}

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

    def _require_finished(self, *, own_data: bool) -> None:
        if not self.has_shards:
            return
        done = sum(1 for _ in (self.folder / FOLDER).glob("*.jsonl"))
        planned = len(read_json(self.folder / PLAN)) if (self.folder / PLAN).is_file() else done
        if done < planned or (own_data and not self.has_conversations):
            raise ConfigError(
                f"the job is not finished: {done} of {planned} shards are there",
                file=self.folder,
                remedy="Give the job's command again; it goes on where it was.",
            )

    def _from_shards(self) -> Iterator[ExportRecord]:
        drawn = self.folder / IMAGES
        images = ImageFinder(ImageFiles(self.roots, drawn if drawn.is_dir() else self.scratch))
        rewrites = read_shards(self.folder)
        if self.has_conversations:
            for line in read_jsonl(self.folder / CONVERSATIONS):
                yield conversation_record(line, rewrites, images, self.rewriter, self.own_licence)
            return
        refused = self.folder / REFUSED
        skipped = {line["record"] for line in read_jsonl(refused)} if refused.is_file() else set()
        for rewrite in rewrites:
            if rewrite.kept and rewrite.sample.id not in skipped:
                yield record_of_rewrite(rewrite, images, self.rewriter, self.own_licence)

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
                steps=(Step(0, rewritten_by(self.rewriter), record.output),),
                turn_scores=(flat_scores(record.to_json()),),
                licence=licence_of(source, otherwise=self.own_licence),
            )


def read_records(
    folder: str | Path, scratch: str | Path, roots: Roots | None = None, own_licence: str | None = None
) -> RecordFolder:
    """The records of a folder; arguments and errors of `RecordFolder`."""
    return RecordFolder(Path(folder), Path(scratch), roots, own_licence)


def record_of_rewrite(
    rewrite: Rewrite, find: ImageFinder, rewriter: str = "", own_licence: str | None = None
) -> ExportRecord:
    """The export record of one rewrite.

    Args:
        find: finds the sample's images.
        rewriter: who wrote it, if the rewrite does not say.
        own_licence: see `RecordFolder`.

    Raises:
        DataError: an image that can't be read or lies outside its dataset; the record is named.
    """
    sample = rewrite.sample
    images = find(sample.source, sample.images, sample.id, sample.meta.get("mark"))
    return ExportRecord(
        id=sample.id,
        source=sample.source,
        task=sample.task,
        images=images,
        turns=(Turn(sample.instruction, rewrite.final, len(images), sample.raw),),
        steps=rewrite_steps(rewrite, 0, rewriter),
        turn_scores=(flat_scores(rewrite.scores),),
        boxes=sample.boxes,
        licence=licence_of(sample.source, sample.meta.get("licence"), own_licence),
    )
