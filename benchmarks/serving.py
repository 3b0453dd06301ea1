"""Load on `flamingo serve`: many clients on this machine, their latencies, and the server's memory over time.

    python benchmarks/serving.py                                  # 32 clients, five minutes, the shipped tiny base
    python benchmarks/serving.py --clients 8 --seconds 20 --out load.json

Each client asks one question after another, every other answer streamed, with an image of Scenes, a seed of its own and
a temperature; every eighth request brings a draft. Requests go to this machine alone and are bounded in number and
time. Exit code 1 if any request failed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np

from flamingo_lib.images import data_uri
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.render import render

QUESTIONS = ("What is shown in the image?", "What color is the largest object?", "How many objects are there?")
WARM_UP = 0.2
"""Fraction of the time after which memory is measured: caches fill and allocators grow before."""


@dataclass
class Load:
    """What the clients saw.

    Attributes:
        first, whole: seconds to the first text and to the end of each answer.
        tokens: written by the model.
        failed: failures by kind.
        memory: (seconds, bytes) of the server's resident memory.
    """

    first: list[float] = field(default_factory=list)
    whole: list[float] = field(default_factory=list)
    tokens: int = 0
    failed: Counter = field(default_factory=Counter)
    memory: list[tuple[float, float]] = field(default_factory=list)
    seconds: float = 0.0

    def slope(self, begin: float) -> float:
        """Megabytes a minute by which memory grew after a fraction of the time, by least squares."""
        samples = [(at, size) for at, size in self.memory if at >= begin * self.seconds]
        at, size = np.array(samples).T
        return float(np.polyfit(at / 60, size / 1e6, 1)[0])

    def figures(self) -> dict[str, float | int]:
        """The table."""
        late = [size / 1e6 for at, size in self.memory if at >= WARM_UP * self.seconds]
        shown: dict[str, float | int] = {
            "requests": len(self.whole),
            "failed": sum(self.failed.values()),
            "seconds": round(self.seconds, 1),
            "requests_per_second": round(len(self.whole) / self.seconds, 2),
            "tokens_per_second": round(self.tokens / self.seconds, 1),
        }
        for name, values in (("first_text", self.first), ("answer", self.whole)):
            for percent in (50, 95):
                shown[f"{name}_seconds_p{percent}"] = round(float(np.percentile(values, percent)), 3)
        shown |= {
            "memory_mb_after_warm_up": round(late[0], 1),
            "memory_mb_at_the_end": round(late[-1], 1),
            "memory_mb_most": round(max(late), 1),
            "memory_slope_mb_per_minute": round(self.slope(WARM_UP), 3),
            "memory_slope_of_the_last_half_mb_per_minute": round(self.slope(0.5), 3),
        }
        return shown


def request(number: int, images: list[str], max_tokens: int) -> dict:
    """The body of the number-th request."""
    content = [
        {"type": "image_url", "image_url": {"url": images[number % len(images)]}},
        {"type": "text", "text": QUESTIONS[number % len(QUESTIONS)]},
    ]
    body = {
        "messages": [{"role": "user", "content": content}],
        "max_tokens": max_tokens,
        "temperature": (0.0, 0.7)[number % 2],
        "seed": number,
        "stream": number % 4 < 2,
    }
    if body["stream"]:
        body["stream_options"] = {"include_usage": True}
    return body | ({"draft": "red"} if number % 8 == 0 else {})


async def ask(client: httpx.AsyncClient, body: dict, load: Load) -> None:
    """One request; its times and tokens, or its failure, go to `load`."""
    start, first, usage = time.monotonic(), None, None
    try:
        async with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            if answer.status_code != 200:
                load.failed[f"status {answer.status_code}"] += 1
                return
            if not body["stream"]:
                usage = json.loads(await answer.aread())["usage"]
            async for line in answer.aiter_lines() if body["stream"] else _none():
                if not line.startswith("data: {"):
                    continue
                event = json.loads(line[6:])
                if first is None and event.get("choices") and event["choices"][0]["delta"].get("content"):
                    first = time.monotonic() - start
                usage = event.get("usage") or usage
    except httpx.HTTPError as error:
        load.failed[type(error).__name__] += 1
        return
    if usage is None:
        load.failed["no end"] += 1
        return
    load.whole.append(time.monotonic() - start)
    load.tokens += usage["completion_tokens"]
    if first is not None:
        load.first.append(first)


async def _none():
    for line in ():
        yield line


async def drive(url: str, pid: int, *, clients: int, seconds: float, requests: int, max_tokens: int) -> Load:
    """Clients that ask until the time or the requests are used up."""
    load, images = Load(), [data_uri(render(draw_scene(0, f"s{number}"), 72)) for number in range(16)]
    start, numbers = time.monotonic(), iter(range(requests))
    end = start + seconds

    async def work(client: httpx.AsyncClient) -> None:
        while time.monotonic() < end and (number := next(numbers, None)) is not None:
            await ask(client, request(number, images, max_tokens), load)

    async def watch() -> None:
        while time.monotonic() < end:
            load.memory.append((time.monotonic() - start, resident(pid)))
            await asyncio.sleep(1)

    limits = httpx.Limits(max_connections=clients)
    async with httpx.AsyncClient(base_url=url, timeout=120, limits=limits, trust_env=False) as client:
        watching = asyncio.create_task(watch())
        await asyncio.gather(*(work(client) for _ in range(clients)))
        watching.cancel()
    load.seconds = time.monotonic() - start
    load.memory.append((load.seconds, resident(pid)))
    return load


def resident(pid: int) -> float:
    """Bytes of a process's memory that are resident."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def start_server(model: str, log: Path) -> tuple[subprocess.Popen, str]:
    """A server of the model on a free port of this machine, and its address."""
    command = [sys.executable, "-u", "-m", "flamingo_lib.cli", "serve", "--model", model, "--port", "0"]
    with open(log, "w") as file:
        server = subprocess.Popen(command, stdout=file, stderr=file)
    end = time.monotonic() + 300
    while not (found := re.search(r"at (http://127\.0\.0\.1:\d+)", log.read_text())):
        if server.poll() is not None or time.monotonic() > end:
            server.kill()
            raise SystemExit(f"the server did not start:\n{log.read_text()}")
        time.sleep(0.2)
    while True:
        try:
            httpx.get(f"{found[1]}/health", trust_env=False).raise_for_status()
            return server, found[1]
        except httpx.HTTPError:
            time.sleep(0.2)


def main() -> int:
    """Run the benchmark; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="openflamingo-tiny")
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--requests", type=int, default=100_000, help="the most that are sent")
    parser.add_argument("--max-tokens", type=int, default=24)
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        server, url = start_server(given.model, log)
        try:
            load = asyncio.run(
                drive(
                    url,
                    server.pid,
                    clients=given.clients,
                    seconds=given.seconds,
                    requests=given.requests,
                    max_tokens=given.max_tokens,
                )
            )
            server.send_signal(signal.SIGINT)
            stopped = server.wait(timeout=300)
        finally:
            server.kill()
        told = log.read_text()
    if not load.whole:
        raise SystemExit(f"no request was answered: {dict(load.failed)}")
    figures = {"clients": given.clients, **load.figures(), "exit_code": stopped, "tracebacks": told.count("Traceback")}
    for kind, count in load.failed.items():
        print(f"failed: {kind}: {count}", file=sys.stderr)
    print("\n".join(f"| {name.replace('_', ' ')} | {value:,} |" for name, value in figures.items()))
    if given.out is not None:
        given.out.write_text(json.dumps(figures, indent=2))
    return int(bool(load.failed) or stopped != 0)


if __name__ == "__main__":
    raise SystemExit(main())
