"""Commands as processes: forked from this one, which has the heavy imports done, or started anew where that matters."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 300.0
"""Seconds after which a command counts as hung."""


@dataclass
class Running:
    """A command that runs in a process group of its own.

    Attributes:
        process: its id, which is its group's too.
        log: the file of what it says.
        code: how it ended; None as long as nobody waited, minus the signal's number if a signal ended it.
    """

    process: int
    log: Path
    code: int | None = None

    def wait(self, seconds: float = PATIENCE) -> int | None:
        """Wait for its end; None if it still runs after `seconds`."""
        end = time.monotonic() + seconds
        while self.code is None:
            found, status = os.waitpid(self.process, os.WNOHANG)
            if found:
                self.code = os.waitstatus_to_exitcode(status)
            elif time.monotonic() >= end:
                return None
            else:
                time.sleep(0.005)
        return self.code

    def kill(self, number: int = signal.SIGKILL) -> int:
        """Send its whole group a signal and wait."""
        if self.code is None:
            os.killpg(self.process, number)
        code = self.wait()
        if code is None:
            raise AssertionError(f"process {self.process} does not end: {self.said()[-2000:]}")
        return code

    def said(self) -> str:
        """What it wrote to standard output and error."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


def fork(words: Sequence[str], log: Path, before: Callable[[], None] | None = None) -> Running:
    """`flamingo WORDS` in a fork of this process; `before` is called in it first."""
    sys.stdout.flush()
    sys.stderr.flush()
    log.unlink(missing_ok=True)
    process = os.fork()
    if process:
        return Running(process, log)
    code = 1
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = (open(number, "w", closefd=False) for number in (1, 2))  # noqa: SIM115
        if before is not None:
            before()
        sys.argv = ["flamingo", *words]
        from flamingo_lib.cli import main

        main()
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def spawn(words: Sequence[str], log: Path, environment: Mapping[str, str | None]) -> Running:
    """`flamingo WORDS` by a new interpreter; variables that are None in `environment` are taken away."""
    values = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    kept = {name: value for name, value in values.items() if value is not None}
    with open(log, "w") as file:
        started = subprocess.Popen(
            [sys.executable, "-m", "flamingo_lib.cli", *words],
            stdout=file,
            stderr=file,
            env=kept,
            start_new_session=True,
        )
    started.returncode = 0  # `Running.wait` waits for it, not Popen
    return Running(started.pid, log)


def run_here(words: Sequence[str]) -> int:
    """`flamingo WORDS` in this very process, which leaves its imports done and its caches warm for the forks; its code.

    What it says goes nowhere. It computes with one thread: forks of a process that had several would wait for them.
    """
    from flamingo_lib.cli import main

    before = sys.argv
    sys.argv = ["flamingo", *words, "--set=threads=1"]
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        try:
            main()
        except SystemExit as error:
            return int(error.code or 0) if not isinstance(error.code, str) else 1
        finally:
            sys.argv = before
    return 0
