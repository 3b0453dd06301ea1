"""The Ray executor: readers, rewriters, judges and filters as Ray Data stages, each with its own workers.

A row of the data set is a shard; each stage does its part of it as a whole, so the bytes that come out are those of the
single-process job. Ray restarts workers that die and gives their shards to others. Needs the extra ``scale``.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from ...errors import DataError, FlamingoError, MissingAsset
from ...records import Rewrite, Sample, from_json, to_json
from ...threads import cores
from ..job import JobResult, OpenJob, open_job
from ..shards import encode_shard
from .local import Done

LOCAL = "local"
"""The address that starts a cluster on this machine."""

_CONTEXT = {"enable_progress_bars": False, "target_max_block_size": 1, "target_min_block_size": 1}
"""Ray Data's settings: without the sizes it would gather many shards into one block, for a single worker.
"""

READER_CPUS = 0.25
"""CPUs reserved for a reader; it mostly waits for the stages behind it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage behind the readers.

    Attributes:
        name: shown by Ray.
        make: makes, once in each worker, the callable that does the work: of the first stage from samples to rewrites,
            of the others from rewrites to rewrites. It must be picklable.
        workers: how many work at the same time.
        cpus, gpus: what each of them holds; fractions share.
    """

    name: str
    make: Callable[[], Callable[[list], list[Rewrite]]]
    workers: int = 1
    cpus: float = 1.0
    gpus: float = 0.0


def run_ray_job(
    samples: Callable[[], Iterable[Sample]],
    stages: Sequence[Stage],
    out: Path,
    *,
    identity: Mapping[str, Any],
    shard_size: int = 512,
    stamp: Callable[[Sample], object] | None = None,
    title: str = "rewriting",
    address: str = LOCAL,
    readers: int = 1,
) -> JobResult:
    """As `job.run_job`, by the workers of a Ray cluster; the files it leaves are the same.

    Args:
        stages: the first rewrites, the others judge and filter.
        address: ``"local"`` starts a cluster here and ends it; else the cluster's address (``"auto"``,
            ``"ray://host:port"``).
        readers: how many read the sources at the same time. Each reads over all of them, so more than a few do not pay.

    Raises:
        MissingAsset: Ray is not installed.
        FlamingoError: the cluster cannot be reached; and as `run_job`.
    """
    with (
        open_job(samples, out, identity=identity, shard_size=shard_size, stamp=stamp) as job,
        job.meter(title) as meter,
    ):
        if job.missing:
            needed = readers * READER_CPUS + sum(stage.workers * stage.cpus for stage in stages)
            with redirect_stdout(sys.stderr), _cluster(address, needed) as ray:  # what Ray prints is no result
                for row in _dataset(ray, job, stages, readers).iter_rows():
                    job.store(Done(int(row["number"]), row["payload"]))
                    meter.add(job.plan[int(row["number"])]["records"], int(row["tokens"]))
        return job.result()


@contextmanager
def _cluster(address: str, cpus: float) -> Iterator[Any]:
    """Connects to a cluster, or starts one with room for workers of `cpus`; stops it if it started it."""
    try:
        import ray
    except ImportError:
        raise MissingAsset(
            "Ray is not installed", remedy="Install the extra: pip install 'flamingo-lib[scale]'."
        ) from None
    started = not ray.is_initialized()
    if started:
        init_options: dict[str, Any] = (
            {"num_cpus": max(cores(), ceil(cpus))} if address == LOCAL else {"address": address}
        )
        try:
            ray.init(**init_options, log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        except Exception as error:  # Ray raises plain ones too
            if address == LOCAL:
                what, remedy = (
                    "Ray cannot be started here",
                    "Ray gives its processes few seconds to begin: try again when this machine is idle.",
                )
            else:
                what, remedy = f"the Ray cluster {address!r} cannot be reached", "Check the address."
            raise FlamingoError(f"{what}: {error}", remedy=remedy) from error
    try:
        import ray.data

        context = ray.data.DataContext.get_current()
        before = {name: getattr(context, name) for name in _CONTEXT}
        for name, value in _CONTEXT.items():
            setattr(context, name, value)
        try:
            yield ray
        finally:
            for name, value in before.items():
                setattr(context, name, value)
    finally:
        if started:
            ray.shutdown()


def _dataset(ray: Any, job: OpenJob, stages: Sequence[Stage], readers: int) -> Any:
    """The stream of finished shards."""
    dataset = ray.data.read_datasource(
        _datasource(job, readers), override_num_blocks=readers, concurrency=readers, num_cpus=READER_CPUS
    )
    for position, stage in enumerate(stages):
        dataset = dataset.map_batches(
            _Work,
            fn_constructor_args=(stage.make, position == 0, position == len(stages) - 1),
            batch_size=1,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=stage.workers),
            num_cpus=stage.cpus,
            num_gpus=stage.gpus or None,
        )
    return dataset


def _datasource(job: OpenJob, readers: int) -> Any:
    """A Ray Data source whose blocks are the shards to do; reader k of n yields every n-th."""
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    read, size, stamp = job.read, job.shard_size, job.stamp
    plan, missing, out = job.plan, sorted(job.missing), job.out

    class Shards(Datasource):
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            metadata = BlockMetadata(num_rows=None, size_bytes=None, input_files=None, exec_stats=None)
            return [
                ReadTask(_Reader(OpenJob(out, plan, frozenset(missing[turn::readers]), read, size, stamp)), metadata)
                for turn in range(readers)
            ]

    return Shards()


@dataclass(frozen=True)
class _Reader:
    """Reads its shards' samples, a block each."""

    job: OpenJob

    def __call__(self) -> Iterator[Any]:
        for task in self.job.tasks():
            yield _block(task.number, task.digest, json.dumps(to_json(task.samples), ensure_ascii=False).encode(), 0)


def _block(number: int, digest: str, payload: bytes, tokens: int) -> Any:
    import pyarrow as pa

    columns = {"number": pa.array([number]), "digest": pa.array([digest]), "tokens": pa.array([tokens])}
    return pa.table(columns | {"payload": pa.array([payload], type=pa.large_binary())})


class _Work:
    """A worker of one stage."""

    def __init__(self, make: Callable[[], Callable[[list], list[Rewrite]]], first: bool, last: bool) -> None:
        self.work, self.first, self.last = make(), first, last

    def __call__(self, batch: Any) -> Any:
        row = batch.to_pylist()[0]
        kind: Any = Sample if self.first else Rewrite
        given: list[Any] = [from_json(kind, values) for values in json.loads(row["payload"])]
        before = getattr(self.work, "tokens", 0)
        done = self.work(given)
        ids = [record.id if self.first else record.sample.id for record in given]
        if [record.sample.id for record in done] != ids:
            raise DataError(
                f"the work gave {len(done)} records for {len(given)}, or others", record=ids[0] if ids else None
            )
        payload = (
            encode_shard(done, row["digest"]) if self.last else json.dumps(to_json(done), ensure_ascii=False).encode()
        )
        return _block(row["number"], row["digest"], payload, row["tokens"] + getattr(self.work, "tokens", 0) - before)


__all__ = ["LOCAL", "Stage", "run_ray_job"]
