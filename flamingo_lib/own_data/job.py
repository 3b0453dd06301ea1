"""The whole way of somebody's dataset: read, rewritten, filtered, written back in its own format, with a report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from os import PathLike
from pathlib import Path
from time import monotonic
from typing import IO, Any

from .. import __version__
from ..config import Preset
from ..exports.conversations import CONVERSATIONS, JOB_FOLDER
from ..filters.corpus_alarms import CorpusAlarms, alarms_json
from ..filters.funnel import Funnel
from ..filters.verdict import missing_output
from ..hub import resolve
from ..judges.panel import find_judges
from ..pf1m.build import ANSWERS, PLACES, require_texts, work_identity
from ..pf1m.sources import ImageSizes
from ..pf1m.worker import MakeWork, needed_judges
from ..records import Rewrite
from ..rewriting.backends.load import check_backend
from ..rewriting.backends.settings import BackendConfig, backend_label
from ..rewriting.job import run_job
from ..rewriting.shards import read_shards
from ..storage import Quarantine, atomic_write, write_json, write_jsonl
from .outcome import Forecast, Outcome
from .report import write_report
from .samples import SOURCE, OwnData
from .writers import write_rows

HISTORY, SUMMARY, REPORT, ASIDE = "history.jsonl", "summary.json", "report.html", "set_aside.jsonl"
MISSING = "missing_images.txt"
EXAMPLES = 12
"""Records that the report shows before and after."""


def make_work(
    data: OwnData, rewriter: str, preset: Preset, backend: BackendConfig, *, filtering: bool, answers: Path | None
) -> MakeWork:
    """The work on this dataset's shards; errors as `check_backend`, and `MissingAsset` if a judge is not there."""
    if filtering:
        find_judges(preset.judges, needed_judges(preset.filters))
    check_backend(rewriter, backend, preset.rewriting)
    given = rewriter if backend.kind == "server" else str(resolve(rewriter, role="the rewriter"))
    return MakeWork(given, data.roots(), preset, filtering, backend, backend_label(rewriter, backend), answers)


def dry_run(
    data: OwnData, rewriter: str, preset: Preset, backend: BackendConfig, *, count: int = 10, filtering: bool = True
) -> Forecast:
    """Rewrite `count` records, evenly spread, and say what the whole would take and give."""
    survey = data.survey()
    data.require(survey)
    step = max(1, survey.responses // count)
    chosen = [sample for number, sample in enumerate(data.samples()) if number % step == 0][:count]
    work = make_work(data, rewriter, preset, backend, filtering=filtering, answers=None)()
    start = monotonic()
    rewrites = work(chosen, lambda _: None)
    funnel = Funnel(preset.filters.chain if filtering else ()).update(rewrites).to_dict()
    seconds, read = monotonic() - start, work.tokens_read
    return Forecast(rewrites, seconds, work.tokens, read, survey.responses, funnel)


def rewrite_data(
    data: OwnData,
    rewriter: str | PathLike,
    out: str | PathLike,
    preset: Preset,
    backend: BackendConfig | None = None,
    *,
    filtering: bool = True,
    workers: int = 0,
    drop: bool = True,
) -> Outcome:
    """Rewrite a dataset and write it back in its own format below `out`; a job that was stopped goes on.

    Writes the dataset, ``history.jsonl`` (one line a response: raw, output, final, verdicts, why there is no text),
    ``summary.json``, ``report.html`` and ``set_aside.jsonl`` (rows that are not of the schema).
    `exports.run.export_dataset` reads the folder.

    Args:
        data: the dataset.
        rewriter: a rewriter's folder or shipped name; of a server, the model's name there.
        out: folder of the job and of what it writes.
        preset: settings of rewriting, judges and filters, and the seed.
        backend: the kind of rewriter; by default our Flamingo.
        filtering: False keeps every rewrite.
        workers: processes; 0 works in this one.
        drop: leave out rows of which a response was filtered out; False keeps their old response.

    Raises:
        DataError: images are missing (named in ``missing_images.txt`` if there are many), or there is nothing to
            rewrite; before any work.
        ConfigError: the folder holds a job that was begun with something else.
    """
    out, backend = Path(out), backend or BackendConfig()
    survey = data.survey()
    data.require(survey, out / MISSING)
    (out / JOB_FOLDER / CONVERSATIONS).unlink(missing_ok=True)
    work = make_work(data, str(rewriter), preset, backend, filtering=filtering, answers=out / JOB_FOLDER / ANSWERS)
    start = monotonic()
    run_job(
        data.samples,
        work,
        out / JOB_FOLDER,
        identity=_identity(data, str(rewriter), preset, backend, filtering),
        shard_size=preset.rewriting.shard_size,
        workers=workers,
        stamp=ImageSizes(data.roots()),
    )
    require_texts(out / JOB_FOLDER)
    seconds = monotonic() - start
    aside = Quarantine(out / ASIDE, max_share=1.0)
    for name, reason in survey.unreadable.items():
        aside.add(file=str(data.container.path), record=name, reason=reason)
    funnel, alarms = Funnel(preset.filters.chain if filtering else ()), CorpusAlarms()
    write_jsonl(out / HISTORY, _history(out, funnel, alarms))
    written = 0

    def rows(conversations: IO[Any]) -> Iterator[dict[str, Any]]:
        nonlocal written
        for row, conversation in data.finished(_in_order(out), drop=drop):
            written += 1
            conversations.write(json.dumps(conversation, ensure_ascii=False, allow_nan=False) + "\n")
            yield row

    with atomic_write(out / JOB_FOLDER / CONVERSATIONS) as conversations:
        dataset = write_rows(data.container, rows(conversations), out)
    outcome = Outcome(dataset, survey.rows, written, funnel.to_dict(), alarms.alarms(), seconds)
    roots = {name: str(Path(root).resolve()) for name, root in data.roots().items()}
    told = {"roots": roots, "data": SOURCE, "rewriter": backend_label(str(rewriter), backend), "preset": preset.name}
    write_json(out / JOB_FOLDER / PLACES, told)
    write_json(out / SUMMARY, _summary(data, outcome, str(rewriter), backend, preset))
    write_report(out / REPORT, data, outcome, _examples(out))
    return outcome


def _identity(data: OwnData, rewriter: str, preset: Preset, backend: BackendConfig, filtering: bool) -> dict[str, Any]:
    told = {
        "schema": data.schema.name,
        "columns": data.schema.words,
        "turns": sorted(data.turns) if data.turns is not None else None,
    }
    return work_identity(told, rewriter, preset, filtering, backend)


def _history(out: Path, funnel: Funnel, alarms: CorpusAlarms) -> Iterator[dict[str, Any]]:
    """One line a response, counted on its way."""
    for rewrite in read_shards(out / JOB_FOLDER):
        funnel.add(rewrite)
        if rewrite.kept:
            alarms.add(rewrite)
        why = missing_output(rewrite)
        yield {
            "id": rewrite.sample.id,
            "instruction": rewrite.sample.instruction,
            "raw": rewrite.sample.raw,
            "output": rewrite.output,
            "final": _response(rewrite),
            "kept": rewrite.kept and not why,
            "set_aside": why or None,
            "verdicts": [
                {"filter": verdict.filter, "keep": verdict.keep, "score": verdict.score, "reason": verdict.reason}
                for verdict in rewrite.verdicts
            ],
            "scores": {name: score for name, score in rewrite.scores.items() if isinstance(score, (int, float))},
        }


def _in_order(out: Path) -> Any:
    """A function from ids to final texts that reads the shards once: it is asked in the order they were written in."""
    stream = read_shards(out / JOB_FOLDER)

    def output(name: str) -> str | None:
        rewrite = next(stream)
        assert rewrite.sample.id == name, f"asked for {name}, the shards go on with {rewrite.sample.id}"
        return _response(rewrite)

    return output


def _response(rewrite: Rewrite) -> str | None:
    """The text that takes the old response's place; None if a filter dropped it, or the rewriter gave none."""
    return rewrite.final if rewrite.kept and not missing_output(rewrite) else None


def _examples(out: Path) -> list[Rewrite]:
    """The first records kept and the first dropped, half of each where there are as many."""
    kept: list[Rewrite] = []
    dropped: list[Rewrite] = []
    for rewrite in read_shards(out / JOB_FOLDER):
        side = kept if rewrite.kept else dropped
        if len(side) < EXAMPLES:
            side.append(rewrite)
        if len(kept) == len(dropped) == EXAMPLES:
            break
    some = dropped[: EXAMPLES // 2]
    return [*kept[: EXAMPLES - len(some)], *some]


def _summary(
    data: OwnData, outcome: Outcome, rewriter: str, backend: BackendConfig, preset: Preset
) -> Mapping[str, Any]:
    return {
        "program": f"flamingo-lib {__version__}",
        "input": data.container.path.name,
        "container": data.container.kind,
        "schema": data.schema.name,
        "rewriter": backend_label(rewriter, backend),
        "preset": preset.name,
        "seed": preset.seed,
        "rows": outcome.rows,
        "rows_written": outcome.kept,
        "funnel": outcome.funnel,
        "alarms": alarms_json(outcome.alarms),
    }
