"""One record's whole life: found by its id in a job's shards or a run's results, shown as text or as a page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path

from ..errors import DataError
from ..exports.conversations import JOB_FOLDER
from ..pf1m.build import PLACES
from ..records import Rewrite, Verdict, from_json
from ..rewriting.pictures import Pictures
from ..rewriting.shards import FOLDER
from ..storage import read_json

RESULTS = "rewrites.jsonl"


def find_record(folder: str | PathLike, record_id: str) -> Rewrite:
    """The record `record_id` of a job's folder (also of `rewrite-data`), a run folder, or a step's folder.

    Raises:
        DataError: there is no such record, or no records; ids that hold it are named. Or a line with it is damaged.
    """
    folder = job_folder(folder)
    files = [*sorted((folder / FOLDER).glob("*.jsonl")), *sorted(folder.rglob(RESULTS))]
    if not files:
        raise DataError(
            "the folder holds no records", file=folder, remedy="Give the folder of `flamingo build-pf1m` or of a run."
        )
    exact, part = json.dumps(record_id, ensure_ascii=False).encode(), record_id.encode()
    like: list[str] = []
    for path, number, line in _lines(files):
        if exact not in line and (part not in line or len(like) == 5):
            continue
        with _named(path, number):
            values = json.loads(line)
            found = values.get("sample", {}).get("id", "")
            if found == record_id:
                return from_json(Rewrite, values)
            if record_id in found and len(like) < 5:
                like.append(found)
    remedy = f"Similar ids: {', '.join(like)}." if like else "Look for its id in the shards or the Parquet files."
    raise DataError(f"there is no record {record_id!r}", file=folder, remedy=remedy)


def job_folder(folder: str | PathLike) -> Path:
    """The folder of the job below that of `rewrite-data`; any other folder itself."""
    inner = Path(folder) / JOB_FOLDER
    return inner if (inner / FOLDER).is_dir() else Path(folder)


def _lines(files: list[Path]) -> Iterator[tuple[Path, int, bytes]]:
    for path in files:
        with open(path, "rb") as file:
            for number, line in enumerate(file, start=1):
                yield path, number, line


@contextmanager
def _named(path: Path, number: int) -> Iterator[None]:
    """Name file and line of one that holds no record, as it was cut off or changed."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, DataError) as error:
        raise DataError(
            f"not a record: {error}",
            file=path,
            record=f"line {number}",
            remedy="It may be cut off: run the command that wrote it again.",
        ) from error


def record_pictures(folder: str | PathLike, root: str | PathLike | None = None) -> Pictures | None:
    """Open the images of a folder's records, below `root` or where the job found them; None if that is not known."""
    folder = job_folder(folder)
    places = read_json(folder / PLACES) if (folder / PLACES).exists() else {}
    if root is not None:
        return Pictures({**places["roots"], places["data"]: root} if "data" in places else root)
    if places:
        return Pictures(places["roots"])
    graphs = next(iter(sorted(folder.rglob("scene_graphs.jsonl"))), None)
    return Pictures(graphs.parent) if graphs is not None else None


def record_text(rewrite: Rewrite) -> str:
    """The record as lines of text: instruction, raw annotation, rewrite, flags, and every verdict with its score."""
    sample = rewrite.sample
    lines = [
        f"{sample.id}  ({sample.source}, {sample.task})  {'kept' if rewrite.kept else 'dropped'}",
        f"images       {', '.join(sample.images) or 'none'}",
        f"instruction  {_block(sample.instruction)}",
        f"raw          {_block(sample.raw)}",
        f"rewrite      {_block(rewrite.output)}",
    ]
    if rewrite.final != rewrite.output:
        lines.append(f"after edits  {_block(rewrite.final)}")
    if rewrite.rewriter:
        lines.append(f"rewriter     {rewrite.rewriter}")
    if rewrite.flags:
        lines.append(f"flags        {', '.join(rewrite.flags)}")
    lines += [f"{name:<12} {json.dumps(value, ensure_ascii=False)}" for name, value in rewrite.scores.items()]
    lines.append("")
    lines += [_verdict(verdict) for verdict in rewrite.verdicts] or ["no filter has seen it"]
    return "\n".join(lines)


def _block(text: str) -> str:
    return text.replace("\n", "\n" + " " * 13)


def _verdict(verdict: Verdict) -> str:
    score = "" if verdict.score is None else f"{verdict.score:.4g}"
    bound = "" if verdict.threshold is None else f"against {verdict.threshold:.4g}"
    return (
        f"{'kept   ' if verdict.keep else 'DROPPED'}  {verdict.filter:<11}{score:>9}  {bound:<15}{verdict.reason}"
    ).rstrip()
