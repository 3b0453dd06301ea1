"""Calls in other processes: results, errors, a death, and what is left when this process dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from flamingo_lib.errors import DataError, FlamingoError
from flamingo_lib.pipeline.workers import Workers


def add(one: int, other: int) -> int:
    return one + other


def meet(folder, name: str, other: str) -> str:
    """Returns only while the other call is being made, too."""
    (folder / name).touch()
    end = time.monotonic() + 120
    while not (folder / other).exists():
        if time.monotonic() > end:
            raise TimeoutError(other)
        time.sleep(0.01)
    return os.environ["OMP_NUM_THREADS"]


def refuse() -> None:
    raise DataError("too salty", file="soup.json", record=3, remedy="Add water.")


def divide() -> float:
    return 1 / 0


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def unpicklable() -> object:
    return lambda: None


def test_calls_are_made_at_the_same_time_by_processes_that_share_the_cores(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    with Workers(2, threads=3) as workers:
        workers.call("one", meet, tmp_path, "a", "b")
        assert (workers.busy, workers.free) == (1, 1)
        workers.call("two", meet, tmp_path, "b", "a")
        assert workers.free == 0
        assert dict([workers.next_done(), workers.next_done()]) == {"one": "3", "two": "3"}
        workers.call("three", add, 1, 2)
        assert workers.next_done() == ("three", 3)


def test_our_errors_arrive_whole():
    with Workers(1, threads=1) as workers:
        workers.call("soup", refuse)
        with pytest.raises(DataError) as caught:
            workers.next_done()
        assert (caught.value.file, caught.value.record, caught.value.remedy) == ("soup.json", 3, "Add water.")
        workers.call("again", add, 2, 2)
        assert workers.next_done() == ("again", 4), "an error does not cost the process"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (divide, "ZeroDivisionError: division by zero"),
        (unpicklable, "pickle"),
        (die, r"its process died \(exit code -9"),
    ],
)
def test_what_else_goes_wrong_is_one_clear_error(call, words, capfd):
    with Workers(1, threads=1) as workers:
        workers.call("call", call)
        with pytest.raises(FlamingoError, match=words):
            workers.next_done()
    assert ("Traceback" in capfd.readouterr().err) == (call is not die)


def test_a_call_in_flight_is_stopped_at_the_end_of_the_block(tmp_path):
    started = time.monotonic()
    with Workers(1, threads=1) as workers:
        workers.call("sleep", time.sleep, 60)
    assert time.monotonic() - started < 50


@pytest.mark.parametrize("bad", [(0, 1), (1, 0)])
def test_none_is_no_number_of_processes(bad):
    with pytest.raises(ValueError, match="1 or more"):
        Workers(*bad)


def test_they_die_with_the_process_that_started_them(tmp_path):
    script = tmp_path / "parent.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, sys, time
            from pathlib import Path
            from flamingo_lib.pipeline.workers import Workers

            def work(path):
                Path(path).write_text(str(os.getpid()))
                time.sleep(60)

            if __name__ == "__main__":
                with Workers(1, threads=1) as workers:
                    workers.call("work", work, sys.argv[1])
                    workers.next_done()
            """
        )
    )
    said = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, script, said])
    while not (said.exists() and said.read_text()):
        assert parent.poll() is None
        time.sleep(0.02)
    parent.kill()
    parent.wait()
    child, end = int(said.read_text()), time.monotonic() + 60
    while _runs(child):
        assert time.monotonic() < end, "the process outlived its parent"
        time.sleep(0.02)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def test_idle_processes_leave_with_what_they_made(tmp_path):
    """A semaphore of a process that was killed is reported as leaked when the program ends."""
    script = tmp_path / "locks.py"
    script.write_text(
        textwrap.dedent(
            """
            import multiprocessing
            from flamingo_lib.pipeline.workers import Workers

            def lock():
                global kept
                kept = multiprocessing.get_context("spawn").RLock()

            if __name__ == "__main__":
                with Workers(1, threads=1) as workers:
                    workers.call("lock", lock)
                    workers.next_done()
            """
        )
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
