"""A small job with a fake rewriter, run as a process of its own so that it can be killed.

Usage: job_script.py OUT RECORDS SHARD_SIZE WORKERS [option=value ...]; options: sleep (seconds a record), change (a
    record's
number whose text differs), model (the rewriter's name), die (a record's number at which the working process kills
itself once; needs `mark`, a file), full (bytes after which the disk counts as full), fail (a record at which the work
raises), semaphore (the work holds one).
"""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path

from flamingo_lib.errors import FlamingoError
from flamingo_lib.records import Rewrite, Sample
from flamingo_lib.rewriting.job import run_job


def options(arguments):
    return dict(argument.split("=", 1) for argument in arguments)


class Samples:
    def __init__(self, records, change):
        self.records, self.change = records, change

    def __call__(self):
        for index in range(self.records):
            text = "changed" if index == self.change else f"text {index} é"
            yield Sample(f"fake/{index}", "fake", "vqa", (), f"Question {index}?", text)


class FakeWork:
    """Turns the raw text around; slow on demand."""

    def __init__(self, given):
        self.given, self.tokens = given, 0
        if "semaphore" in given:
            self.semaphore = multiprocessing.get_context("spawn").Lock()

    def __call__(self, samples, tick):
        done = []
        for sample in samples:
            time.sleep(float(self.given.get("sleep", 0)))
            if sample.id == f"fake/{self.given.get('fail')}":
                raise RuntimeError("a bug")
            if sample.id == f"fake/{self.given.get('die')}" and not Path(self.given["mark"]).exists():
                Path(self.given["mark"]).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            done.append(Rewrite(sample, sample.raw[::-1], (), {"length": len(sample.raw)}))
            self.tokens += 1
            tick(1)
        return done


class MakeWork:
    def __init__(self, given):
        self.given = given

    def __call__(self):
        return FakeWork(self.given)


def limit_disk(size):
    """Writing more than `size` bytes to one file fails as on a full disk."""
    from flamingo_lib import atomic

    def open_limited(*arguments, **more):
        file = open(*arguments, **more)  # noqa: SIM115 (closed by __exit__)
        write, written = file.write, 0

        class Full:
            def write(self, content):
                nonlocal written
                written += len(content)
                if written > size:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return write(content)

            def __getattr__(self, name):
                return getattr(file, name)

            def __enter__(self):
                return self

            def __exit__(self, *_):
                file.close()

        return Full()

    atomic.open = open_limited


def main() -> int:
    out, records, shard_size, workers = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    given = options(sys.argv[5:])
    if "full" in given:
        limit_disk(int(given["full"]))
    try:
        result = run_job(
            Samples(records, int(given.get("change", -1))), MakeWork(given), out,
            identity={"rewriter": given.get("model", "a")}, shard_size=shard_size, workers=workers,
        )  # fmt: skip
    except FlamingoError as error:
        print(f"error: {error}")
        return 2
    except KeyboardInterrupt:
        print("stopped")
        return 130
    print(json.dumps({"records": result.records, "shards": result.shards, "found": result.found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
