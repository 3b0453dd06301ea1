"""Faults of `flamingo serve`, which writes no folder: it starts again, clean, and answers as before."""

from __future__ import annotations

import json
import re
import time
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from threading import Thread

from tests.faults.campaign import jump
from tests.faults.processes import Running, fork, spawn
from tests.faults.report import Case, Report

ASKED = {
    "messages": [{"role": "user", "content": "What color is the large circle?"}],
    "max_tokens": 24,
    "temperature": 0.8,
    "seed": 7,
}
NAME = "serve"


class ServerCampaign:
    """Runs faults against the server.

    Args:
        model: the folder that is served.
        folder, report, seed: as of `Campaign`.
    """

    def __init__(self, model: Path, folder: Path, report: Report, seed: int = 0) -> None:
        folder.mkdir(parents=True)
        self.model, self.folder, self.report = model, folder, report
        self.random, self.log, self.port = Random(f"{seed} serve"), folder / "log", 0
        begun = time.monotonic()
        running = self.start()
        self.answer = self.ask()
        self.seconds = time.monotonic() - begun
        running.kill()

    def __call__(self, kills: int, environments: Mapping[str, Mapping[str, str | None]]) -> None:
        """Every fault."""
        self.kills(kills)
        self.full_disk()
        self.two_jobs()
        self.jumping_clock()
        self.environments(environments)

    def words(self, port: int) -> list[str]:
        """The command; after the first start always with the same port."""
        return ["serve", f"--model={self.model}", f"--port={port}", "--name=tiny"]

    def start(self, before: Callable[[], None] | None = None) -> Running:
        """The server, forked, once it answers."""
        running = fork(self.words(self.port), self.log, before)
        self.port = self.until_well(running)
        return running

    def until_well(self, running: Running) -> int:
        """Wait until it answers; its port."""
        end = time.monotonic() + 120
        while time.monotonic() < end and running.wait(0) is None:
            found = re.search(r"http://127\.0\.0\.1:(\d+)", running.said())
            if found:
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{found[1]}/health", timeout=5):
                        return int(found[1])
                except OSError:
                    pass
            time.sleep(0.02)
        raise AssertionError(f"the server does not start: {running.said()[-600:]}")

    def ask(self) -> str:
        """The answer to the one question of the campaign."""
        address = f"http://127.0.0.1:{self.port}/v1/chat/completions"
        request = urllib.request.Request(address, json.dumps(ASKED).encode(), {"content-type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as response:
            return json.load(response)["choices"][0]["message"]["content"]

    def _ask_until_gone(self) -> None:
        while True:
            try:
                self.ask()
            except (OSError, ValueError):
                return

    def judge(self, running: Running) -> str:
        """What is wrong with a running server; it is ended."""
        try:
            said = self.ask()
        except (OSError, ValueError) as error:
            said = f"{type(error).__name__}: {error}"
        running.kill()
        if said != self.answer:
            return f"it answers {said[:200]!r}, before {self.answer[:200]!r}"
        return "it says Traceback" if "Traceback" in running.said() else ""

    def kills(self, count: int) -> None:
        """kill -9 while it starts or answers; then a start on the same port."""
        for _ in range(count):
            begun, moment = time.monotonic(), self.random.uniform(0, 1.5 * self.seconds)
            running = fork(self.words(self.port), self.log)
            client = Thread(target=self._once_well, args=(running,), daemon=True)
            client.start()
            time.sleep(moment)
            running.kill()
            client.join(60)
            problem = self._again()
            seconds = time.monotonic() - begun
            self.report.add(Case("kill -9", NAME, f"after {moment:.2f} s", problem, 0, seconds))

    def _once_well(self, running: Running) -> None:
        end = time.monotonic() + 60
        while running.code is None and time.monotonic() < end:
            self._ask_until_gone()
            time.sleep(0.02)

    def _again(self) -> str:
        try:
            return self.judge(self.start())
        except AssertionError as error:
            return str(error)

    def full_disk(self) -> None:
        """Its log on a full disk: it answers all the same."""
        begun = time.monotonic()
        running = self.start(log_to_a_full_disk)
        self.report.add(Case("full disk", NAME, "under its log", self.judge(running), 0, time.monotonic() - begun))

    def two_jobs(self) -> None:
        """A second server on the same port is refused with one line; the first goes on."""
        begun, first = time.monotonic(), self.start()
        second = fork(self.words(self.port), self.folder / "second")
        code, said = second.wait(), second.said()
        problem = self.judge(first)
        if code != 2 or "can't listen at" not in said or "Traceback" in said:
            problem = problem or f"the second ends with {code}: {said[-600:]}"
        self.report.add(Case("two jobs", NAME, "on one port", problem, 0, time.monotonic() - begun))

    def jumping_clock(self) -> None:
        """A clock that jumps by days while it answers."""
        begun = time.monotonic()
        problem = self.judge(self.start(jump))
        self.report.add(Case("clock jumps", NAME, "by up to 40 days", problem, 0, time.monotonic() - begun))

    def environments(self, chosen: Mapping[str, Mapping[str, str | None]]) -> None:
        """New interpreters in odd environments."""
        for name, values in chosen.items():
            begun = time.monotonic()
            running = spawn(self.words(self.port), self.log, {"PYTHONUNBUFFERED": "1", **values})
            try:
                self.until_well(running)
                problem = self.judge(running)
            except AssertionError as error:
                problem = str(error)
                running.kill()
            self.report.add(Case("environment", NAME, name, problem, 0, time.monotonic() - begun))


def log_to_a_full_disk() -> None:
    """Standard error, where a server's log goes, takes nothing more."""
    import os

    os.dup2(os.open("/dev/full", os.O_WRONLY), 2)
