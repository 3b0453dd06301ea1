"""A resumable job: a stream of samples in, shards of rewrites out, whatever happens in between.

The stream is cut into shards of consecutive records. Each is worked on as a whole and written in one step, so the bytes
that come out do not depend on restarts, on the number of workers, or on the order in which they finish. What a job is
made from stands in ``job.json``, its input's digests in ``plan.json``: once there is a shard, a restart with anything
else is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from ..errors import ConfigError, DataError
from ..progress import Progress
from ..records import Rewrite, Sample
from ..storage import read_json, write_json
from .executors.local import Done, Task, WorkerPool, do_shard
from .job_config import refuse_differences
from .lock import only_job
from .shards import FOLDER, CorruptShard, check_shard, samples_digest, shard_path, write_shard

JOB, PLAN = "job.json", "plan.json"
VERSION = 1


class Work(Protocol):
    """The work on one shard's samples. Its optional attribute `tokens` counts the tokens generated."""

    def __call__(self, samples: Sequence[Sample], tick: Callable[[int], None], /) -> list[Rewrite]:
        """One rewrite for each sample, in order; `tick(n)` says that n more are done."""
        ...


@dataclass(frozen=True, slots=True)
class JobResult:
    """How a job went: its records, shards, and those of the shards that were there already."""

    records: int
    shards: int
    found: int


def run_job(
    samples: Callable[[], Iterable[Sample]],
    make_work: Callable[[], Work],
    out: Path,
    *,
    identity: Mapping[str, Any],
    shard_size: int = 512,
    workers: int = 0,
    stamp: Callable[[Sample], object] | None = None,
    title: str = "rewriting",
) -> JobResult:
    """Do all shards that are not done yet.

    Args:
        samples: opens the stream of samples anew; it must give the same samples each time.
        make_work: makes the work, once in each process that works; it must be picklable if there are workers.
        out: the job's folder.
        identity: all that decides the result, by name: sources, fingerprints of models, settings; plain JSON values.
        shard_size: records in one shard; part of the identity.
        workers: processes that work; 0 works in this one.
        stamp: more about a sample that must not change between runs, such as the sizes of its images.
        title: shown with the progress.

    Raises:
        ConfigError: the folder holds shards of a job that was begun with something else; the message names it.
        DataError: the sources changed since they were made.
        FlamingoError: another process works in the folder, or the disk is full; what is done stays.
    """
    with open_job(samples, out, identity=identity, shard_size=shard_size, stamp=stamp) as job:
        with ExitStack() as stack:
            meter = stack.enter_context(job.meter(title))
            if job.missing and workers > 0:
                pool = stack.enter_context(WorkerPool(make_work, workers))
                for done in pool.run(job.tasks()):
                    job.store(done)
                    meter.add(job.plan[done.number]["records"], done.tokens)
            elif job.missing:
                work = make_work()
                for task in job.tasks():
                    done = do_shard(work, task, meter.tick)
                    job.store(done)
                    meter.add(len(task.samples), done.tokens)
        return job.result()


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A job whose folder is locked and whose input is known.

    Attributes:
        out: its folder.
        plan: each shard's number of records, first id, and input digest.
        missing: numbers of the shards to do.
        read: opens the stream of samples.
        shard_size: records in one shard.
        stamp: see `run_job`.
    """

    out: Path
    plan: list[dict[str, Any]]
    missing: frozenset[int]
    read: Callable[[], Iterable[Sample]]
    shard_size: int
    stamp: Callable[[Sample], object] | None

    def tasks(self) -> Iterator[Task]:
        """The shards to do, in order; the sources must not change under the job's feet either."""
        for number, chunk in chunks(self.read(), self.shard_size, wanted=self.missing):
            if _digest(chunk, self.stamp) != self.plan[number]["digest"]:
                raise _changed(self.out / PLAN, number, chunk[0].id, self.shard_size)
            yield Task(number, chunk, self.plan[number]["digest"])

    def store(self, done: Done) -> None:
        """Write a finished shard."""
        write_shard(shard_path(self.out, done.number), done.content)

    def meter(self, title: str) -> Meter:
        """Shows the progress of what is missing."""
        found = len(self.plan) - len(self.missing)
        title += f" (the rest; {found} of {len(self.plan)} shards were done)" if found and self.missing else ""
        return Meter(Progress(title, sum(self.plan[number]["records"] for number in self.missing), "records"))

    def result(self) -> JobResult:
        """How the job went, once everything is done."""
        return JobResult(
            sum(shard["records"] for shard in self.plan), len(self.plan), len(self.plan) - len(self.missing)
        )


@contextmanager
def open_job(
    samples: Callable[[], Iterable[Sample]],
    out: Path,
    *,
    identity: Mapping[str, Any],
    shard_size: int,
    stamp: Callable[[Sample], object] | None,
) -> Iterator[OpenJob]:
    """Open a job: lock its folder, compare identity and sources, find what is missing; errors as in `run_job`."""
    out = Path(out)
    with only_job(out):
        for rest in (*out.glob(".*.part"), *(out / FOLDER).glob(".*.part")):
            rest.unlink()
        _same_job(out, {"version": VERSION, "shard_size": shard_size, **identity})
        plan = _plan(out, samples, shard_size, stamp)
        yield OpenJob(out, plan, frozenset(_missing(out, plan)), samples, shard_size, stamp)


class Meter:
    """Keeps a progress in step with ticks inside a shard and with whole shards; a context manager."""

    def __init__(self, progress: Progress) -> None:
        self.progress, self.ticked, self.tokens, self.start = progress, 0, 0, monotonic()

    def __enter__(self) -> Meter:
        self.progress.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self.progress.__exit__(*error)

    def tick(self, count: int) -> None:
        """Some records of a shard are done."""
        self.ticked += count
        self.progress.update(count, self.note())

    def add(self, records: int, tokens: int) -> None:
        """A shard is done; records already counted by `tick` are not counted again."""
        self.tokens += tokens
        rest, self.ticked = records - self.ticked, 0
        self.progress.update(rest, self.note())

    def note(self) -> str:
        """The tokens a second, if the work counts them."""
        return f"{self.tokens / max(monotonic() - self.start, 1e-9):,.0f} tokens/s" if self.tokens else ""


def _same_job(out: Path, identity: Mapping[str, Any]) -> None:
    """Compare the job's identity with the folder's; write it if there is no shard yet."""
    identity = json.loads(json.dumps(identity, default=str))
    path = out / JOB
    if not any((out / FOLDER).glob("*.jsonl")):
        (out / PLAN).unlink(missing_ok=True)
        write_json(path, identity)
        return
    if not path.exists():
        raise ConfigError(f"the folder holds shards but no {JOB}", remedy=f"Give another folder, or remove {out}.")
    refuse_differences(identity, read_json(path), out)


def _plan(
    out: Path, samples: Callable[[], Iterable[Sample]], size: int, stamp: Callable[[Sample], object] | None
) -> list[dict[str, Any]]:
    """Digests of all shards' input, written down until there is a shard and compared from then on."""
    path = out / PLAN
    old = read_json(path) if path.exists() else None
    if old is not None and not (isinstance(old, list) and all(isinstance(entry, dict) for entry in old)):
        raise DataError("the plan of this job is damaged", file=path, remedy="Begin anew in another folder.")
    plan: list[dict[str, Any]] = []
    with Progress("reading the sources", None, "records") as progress:
        for number, chunk in chunks(samples(), size):
            shard: dict[str, Any] = {"records": len(chunk), "first": chunk[0].id, "digest": _digest(chunk, stamp)}
            if old is not None and (number >= len(old) or old[number] != shard):
                raise _changed(path, number, shard["first"], size)
            plan.append(shard)
            progress.update(len(chunk))
    if old is None:
        write_json(path, plan, indent=None)
    elif len(old) > len(plan):
        raise _changed(path, len(plan), old[len(plan)]["first"], size)
    return plan


def _digest(chunk: Sequence[Sample], stamp: Callable[[Sample], object] | None) -> str:
    return samples_digest(chunk, [stamp(sample) for sample in chunk] if stamp is not None else ())


def _changed(path: Path, number: int, first: str, size: int) -> DataError:
    return DataError(
        f"the sources changed since this job began: records {number * size:,} and after are not the same",
        file=path,
        record=first,
        remedy="Put the sources back as they were, or begin anew in another folder.",
    )


def _missing(out: Path, plan: Sequence[Mapping[str, Any]]) -> set[int]:
    """The shards still to do. A corrupt one is set aside under another name and done again."""
    missing = set()
    for number, shard in enumerate(plan):
        path = shard_path(out, number)
        if not path.exists():
            missing.add(number)
            continue
        try:
            check_shard(path, shard["digest"])
        except CorruptShard as error:
            aside = path.with_suffix(".corrupt")
            path.replace(aside)
            print(f"note: {error.what}; it is kept as {aside.name} and made again (file {path})")
            missing.add(number)
    for path in (out / FOLDER).glob("*.jsonl"):
        if not path.stem.isdigit() or int(path.stem) >= len(plan):
            raise DataError(
                "a shard that is not of this job", file=path, remedy="Take it away, or give another folder."
            )
    return missing


def chunks(samples: Iterable[Sample], size: int, wanted: Set[int] | None = None) -> Iterator[tuple[int, list[Sample]]]:
    """Numbered runs of `size` consecutive samples; those not `wanted` are read over."""
    stream, number, last = iter(samples), 0, max(wanted, default=-1) if wanted is not None else None
    while last is None or number <= last:
        chunk = list(islice(stream, size))
        if not chunk:
            return
        if wanted is None or number in wanted:
            yield number, chunk
        number += 1
