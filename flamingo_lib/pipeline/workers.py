"""A few processes that make calls for this one, one call at a time each.

They die with the process that started them, however it ends, and show their progress through it, so that two bars do
not write over each other.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from ..errors import FlamingoError
from ..processes import leave_with_parent
from .progress_relay import relayed_progress

PATIENCE = 10
"""Seconds in which an idle process should have left."""


@dataclass
class _Worker:
    process: Any
    connection: Connection
    label: str | None = None


class Workers:
    """Up to `count` processes, started when they are first needed; a context manager.

    Args:
        count: processes, at least 1.
        threads: that each computes with, unless OMP_NUM_THREADS says otherwise or a call sets its own.

    At the block's end, whatever still runs is stopped: at an error, or at Ctrl-C.
    """

    def __init__(self, count: int, threads: int) -> None:
        if count < 1 or threads < 1:
            raise ValueError(f"{count} processes of {threads} threads: both must be 1 or more")
        self.count, self.threads = count, threads
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []
        self._relays = ExitStack()

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *error: object) -> None:
        for worker in self._workers:
            worker.connection.close()  # an idle one leaves by itself, and takes its semaphores along
            if worker.label is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(PATIENCE)
            worker.process.terminate()
            worker.process.join()
        self._workers.clear()
        self._relays.close()

    @property
    def busy(self) -> int:
        """Calls that are being made."""
        return sum(worker.label is not None for worker in self._workers)

    @property
    def free(self) -> int:
        """Calls that can be begun now."""
        return self.count - self.busy

    def call(self, label: str, function: Callable[..., Any], *arguments: Any) -> None:
        """Begin `function(*arguments)`, both of which are pickled, in a free process.

        Args:
            label: names the call in `next_done` and in errors; no other call in flight has it.
        """
        worker = next((worker for worker in self._workers if worker.label is None), None) or self._start()
        worker.label = label
        worker.connection.send((function, arguments))

    def next_done(self) -> tuple[str, Any]:
        """Wait for the call that ends first: its label and what it returned.

        Raises:
            FlamingoError: the call's own; or it failed otherwise (its traceback is printed), or its process died.
        """
        running = {worker.connection: worker for worker in self._workers if worker.label is not None}
        worker = running[wait(list(running))[0]]  # type: ignore[index]
        label, worker.label = worker.label or "", None
        try:
            value, error, trace = worker.connection.recv()
        except EOFError:
            worker.process.join()
            raise FlamingoError(
                f"{label}: its process died (exit code {worker.process.exitcode}), perhaps for want of memory",
                remedy="Run the same command again, with --jobs 1: finished work is kept.",
            ) from None
        if trace:
            print(trace, file=sys.stderr, flush=True)
        if error is not None:
            raise error
        return label, value

    def _start(self) -> _Worker:
        environment = self._relays.enter_context(relayed_progress())
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self.threads, environment), daemon=False)
        process.start()
        theirs.close()
        self._workers.append(_Worker(process, ours))
        return self._workers[-1]


def _serve(connection: Connection, threads: int, environment: dict[str, str]) -> None:
    """Make calls until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process of the terminal: the first one decides
    leave_with_parent()
    os.environ.update(environment)
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    while True:
        try:
            function, arguments = connection.recv()
        except EOFError:
            return
        connection.send(_outcome(function, arguments))


def _outcome(function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, FlamingoError | None, str]:
    """What a call returned, its error, and the traceback of one that is not ours."""
    try:
        value = function(*arguments)
        pickle.dumps(value)
    except FlamingoError as error:
        return None, error, ""
    except BaseException as error:
        what = FlamingoError(f"{type(error).__name__}: {error}", remedy="The traceback stands above.")
        return None, what, traceback.format_exc()
    return value, None, ""
