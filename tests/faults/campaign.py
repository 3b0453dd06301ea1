"""Faults that commands which write a folder have to stand: each ends as if nothing had happened, or says what to do."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from random import Random

from tests.faults.commands import Command, fingerprint, left_over
from tests.faults.processes import Running, fork, run_here, spawn
from tests.faults.report import Case, Report

ENVIRONMENTS: dict[str, Mapping[str, str | None]] = {
    "HOME missing, locale tr_TR, hash seed 1": {
        "HOME": None,
        "LC_ALL": "tr_TR.UTF-8",
        "LANG": "tr_TR.UTF-8",
        "PYTHONHASHSEED": "1",
    },
    "HOME is no folder, locale C, hash seed 2": {
        "HOME": "/nowhere/at/all",
        "LC_ALL": "C",
        "PYTHONCOERCECLOCALE": "0",
        "PYTHONUTF8": "0",
        "PYTHONHASHSEED": "2",
    },
    "2 threads": {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"},
}
"""Environments that change no result."""

PAGE = 4096
"""Bytes in which a file system in memory counts."""

FULL = ("No space left", "disk is full", "MB are free")


class Campaign:
    """Runs faults against one command.

    Args:
        command: under test.
        folder: to work in.
        report: takes the cases.
        seed: of the moments.
    """

    def __init__(self, command: Command, folder: Path, report: Report, seed: int = 0) -> None:
        self.command, self.folder, self.report = command, folder, report
        self.random = Random(f"{seed} {command.name}")
        folder.mkdir(parents=True)
        self.log, out = folder / "log", folder / "whole"
        code = run_here(command.words(folder / "warm"))
        assert code == 0, f"{command.name} ends with {code}"
        assert self.start(out).wait() == 0, self.log.read_text()
        self.whole, self.records = fingerprint(out), command.records(out)
        begun = time.monotonic()
        again = folder / "again"
        assert self.start(again).wait() == 0, self.log.read_text()
        self.seconds = time.monotonic() - begun
        assert fingerprint(again) == self.whole, f"{command.name} gives other bytes each time"
        sizes = [path.stat().st_size for path in again.rglob("*") if path.is_file()]
        self.pages = sum(-(-size // PAGE) for size in sizes)
        shutil.rmtree(again)

    def start(self, out: Path, before: Callable[[], None] | None = None) -> Running:
        """The command into `out`, forked."""
        return fork(self.command.words(out), self.log, before)

    def judge(self, out: Path, running: Running) -> tuple[str, int]:
        """What is wrong with a finished command, and how many records it lost."""
        code = running.wait()
        if code != 0:
            running.kill() if code is None else None
            return f"ends with {code}: {running.said()[-600:]}", len(self.records)
        found = fingerprint(out)
        lost = len(set(self.records) - set(self.command.records(out)))
        differing = sorted(name for name in {*found, *self.whole} if found.get(name) != self.whole.get(name))
        remains = [*left_over(out), *sorted(path.name for path in out.parent.iterdir() if path != out)]
        if differing:
            return f"other bytes in {', '.join(differing[:5])}", lost
        return (f"left {', '.join(remains[:3])} behind" if remains else ""), lost

    def kills(self, count: int) -> None:
        """`count` times kill -9, one to three in a row on one folder, and then a run to the end."""
        done = 0
        while done < count:
            out = self._fresh()
            chain: list[Case] = []
            for _ in range(min(self.random.choice((1, 1, 2, 3)), count - done)):
                moment = self.random.uniform(0, self.seconds)
                begun = time.monotonic()
                running = self.start(out)
                running.wait(moment)
                running.kill()
                chain.append(Case("kill -9", self.command.name, f"after {moment:.2f} s"))
                chain[-1].seconds = time.monotonic() - begun
                done += 1
                if running.code == 0:
                    chain[-1].detail += ", it had ended"
            begun = time.monotonic()
            problem, lost = self.judge(out, self.start(out))
            chain[-1].seconds += time.monotonic() - begun
            for case in chain:
                case.problem, case.records_lost = problem, lost
                self.report.add(case)

    def full_disks(self, shares: tuple[float, ...]) -> None:
        """A disk that fills up after a share of the output: a clear message, nothing lost once there is space."""
        for share in shares:
            with small_disk(self.folder / "disk", max(1, int(self.pages * share)) * PAGE) as disk:
                if disk is None:
                    self.report.add(Case("full disk", self.command.name, "not tried: no right to mount"))
                    return
                out, begun = disk / "out", time.monotonic()
                running = self.start(out, big_enough)
                code, said = running.wait(), running.said()
                case = Case("full disk", self.command.name, f"at {share:.0%} of the output")
                if code == 0:
                    case.problem = "it did not notice"
                elif "Traceback" in said or not any(words in said for words in FULL):
                    case.problem = f"no clear message ({code}): {said[-600:]}"
                else:
                    subprocess.run(["mount", "-o", "remount,size=1g", str(disk)], check=True)
                    case.problem, case.records_lost = self.judge(out, self.start(out))
                case.seconds = time.monotonic() - begun
                self.report.add(case)

    def __call__(self, kills: int, shares: tuple[float, ...], environments: Mapping[str, Mapping]) -> None:
        """Every fault."""
        self.kills(kills)
        self.full_disks(shares)
        self.two_jobs()
        self.jumping_clock()
        self.environments(environments)

    def two_jobs(self) -> None:
        """A second job on the same folder: it waits or is refused, and the first ends as if it had been alone."""
        out, begun = self._fresh(), time.monotonic()
        first = self.start(out)
        while not any(out.parent.rglob(".lock")) and first.wait(0.01) is None:
            pass
        second = fork(self.command.words(out), self.folder / "second")
        code = second.wait()
        problem, lost = self.judge(out, first)
        if code == 2 and self.command.lock_words not in second.said():
            problem = problem or f"the second says: {second.said()[-600:]}"
        elif code not in (0, 2):
            problem = problem or f"the second ends with {code}: {second.said()[-600:]}"
        detail = "the second is refused" if code == 2 else "the second waits and finds all done"
        self.report.add(Case("two jobs", self.command.name, detail, problem, lost, time.monotonic() - begun))

    def jumping_clock(self) -> None:
        """A clock that jumps to and fro by days, and stands before the files' own times."""
        out, begun = self._fresh(), time.monotonic()
        running = self.start(out, jump)
        problem, lost = self.judge(out, running)
        seconds = time.monotonic() - begun
        self.report.add(Case("clock jumps", self.command.name, "by up to 40 days", problem, lost, seconds))

    def environments(self, chosen: Mapping[str, Mapping[str, str | None]]) -> None:
        """New interpreters in odd environments."""
        for name, values in chosen.items():
            out, begun = self._fresh(), time.monotonic()
            problem, lost = self.judge(out, spawn(self.command.words(out), self.log, values))
            seconds = time.monotonic() - begun
            self.report.add(Case("environment", self.command.name, name, problem, lost, seconds))

    def _fresh(self) -> Path:
        out = self.folder / "runs" / "out"
        shutil.rmtree(out.parent, ignore_errors=True)
        out.parent.mkdir()
        return out


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path | None]:
    """A file system in memory of some bytes; None where this process may not mount one."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    mounted = (
        shutil.which("mount") is not None and subprocess.run(["mount", *options], capture_output=True).returncode == 0
    )
    try:
        yield folder if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", str(folder)], check=True)
        folder.rmdir()


def turkish(folder: Path) -> dict[str, str]:
    """The variable that names a folder with the locale tr_TR, made there; nothing where the system can't make it."""
    maker = shutil.which("localedef")
    folder.mkdir()
    words = ["-i", "tr_TR", "-f", "UTF-8", str(folder / "tr_TR.UTF-8")]
    made = maker is not None and subprocess.run([maker, *words], capture_output=True).returncode == 0
    return {"LOCPATH": str(folder)} if made else {}


def big_enough() -> None:
    """Let a run begin on a small disk: it is the middle of the work that is to meet the full disk."""
    import flamingo_lib.pipeline.run

    flamingo_lib.pipeline.run.FREE_BYTES = 0


def jump() -> None:
    """Let this process's clock jump at each look."""
    real, random = time.time, Random(0)

    def jumped() -> float:
        return real() + random.uniform(-40, 40) * 86_400

    time.time = jumped
    time.time_ns = lambda: int(jumped() * 1e9)
