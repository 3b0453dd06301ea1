"""Worker processes of a job on one machine: each makes its own work once and is handed one shard at a time.

A worker that dies is replaced and its shard done again; workers end by themselves if the main process is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from typing import Any, cast

from tqdm import tqdm

from ...errors import DataError, FlamingoError
from ...processes import leave_with_parent
from ...records import Sample, from_json, to_json
from ..shards import encode_shard

MAX_DEATHS = 3
"""Worker deaths on one shard after which the job gives up."""


@dataclass(frozen=True, slots=True)
class Task:
    """A shard to do: its number, samples, and their digest."""

    number: int
    samples: Sequence[Sample]
    digest: str


@dataclass(frozen=True, slots=True)
class Done:
    """A finished shard: its bytes, and how many tokens were generated for it."""

    number: int
    content: bytes
    tokens: int = 0


class WorkerPool:
    """A context manager around `workers` processes that share nothing."""

    def __init__(self, make_work: Callable[[], Any], workers: int) -> None:
        self.make_work, self.workers = make_work, workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> WorkerPool:
        self._start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stop(orderly=kind is None)

    def _start(self) -> None:
        self._pool = ProcessPoolExecutor(
            self.workers, mp_context=get_context("spawn"), initializer=_begin, initargs=(self.make_work,)
        )

    def _stop(self, *, orderly: bool) -> None:
        """End the workers: `orderly` lets them return what they hold, such as semaphores; else they are terminated."""
        if self._pool is not None:
            if not orderly:
                for process in list((self._pool._processes or {}).values()):
                    process.terminate()
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def run(self, tasks: Iterable[Task]) -> Iterator[Done]:
        """Yield shards as they are finished, in any order; at most two tasks a worker are held in memory."""
        stream = iter(tasks)
        running: dict[Future, Task] = {}
        again: list[Task] = []
        deaths: dict[int, int] = {}
        while True:
            room = 2 * self.workers - len(running)
            ready = again[:room]
            again = again[room:]
            ready += islice(stream, room - len(ready))
            pool = cast(ProcessPoolExecutor, self._pool)
            for task in ready:
                try:
                    running[pool.submit(_run, task.number, to_json(task.samples), task.digest)] = task
                except BrokenProcessPool:
                    again.append(task)
            if not running and not again:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED) if running else (set(), None)
            broken = bool(again) and not running
            for future in finished:
                task = running.pop(future)
                try:
                    yield future.result()
                except BrokenProcessPool:
                    broken = True
                    deaths[task.number] = deaths.get(task.number, 0) + 1
                    again.append(task)
            if broken:
                again += running.values()
                running = {}
                most = max(deaths, key=deaths.__getitem__, default=None)
                if most is not None and deaths[most] >= MAX_DEATHS:
                    raise FlamingoError(
                        f"workers died {MAX_DEATHS} times on shard {most}",
                        remedy=(
                            "They may have run out of memory: use fewer workers or a smaller batch. What is done stays."
                        ),
                    )
                self._stop(orderly=False)
                self._start()


def _begin(make_work: Callable[[], Any]) -> None:
    """In a new worker: leave with the main process, and remember how the work is made."""
    _Here.make_work, _Here.work = make_work, None
    leave_with_parent()
    tqdm.set_lock(threading.RLock())  # its own would be a semaphore, which a terminated worker leaves behind


def _run(number: int, samples: list[dict[str, Any]], digest: str) -> Done:
    """Do one shard, handed over as plain values, in a worker process.

    The work is made at the first shard, so that its errors reach the main process.
    """
    if _Here.work is None:
        _Here.work = _Here.make_work()
    return do_shard(_Here.work, Task(number, [from_json(Sample, values) for values in samples], digest))


class _Here:
    """What a worker process holds."""

    make_work: Callable[[], Any]
    work: Any = None


def do_shard(work: Any, task: Task, tick: Callable[[int], None] = lambda count: None) -> Done:
    """Do one shard; a bug in the work must not lose records."""
    before = getattr(work, "tokens", 0)
    rewrites = work(task.samples, tick)
    if [rewrite.sample.id for rewrite in rewrites] != [sample.id for sample in task.samples]:
        raise DataError(
            f"the work gave {len(rewrites)} records for {len(task.samples)} samples, or others",
            record=task.samples[0].id,
        )
    return Done(task.number, encode_shard(rewrites, task.digest), getattr(work, "tokens", 0) - before)
