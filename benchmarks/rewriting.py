"""What a rewriting job costs beside the model's own generation, and how well a server is kept busy.

Run `python benchmarks/rewriting.py [--quick] [--json FILE]`. The model has SmolVLM's architecture at reduced width and
random weights; rows that divide one time by another measure both side by side, in one process, on one thread.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import threading
import time
from dataclasses import replace
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import torch
from eight_pictures import COLORS, data_root
from harness import ROOT, Row, main
from PIL import Image

from flamingo_lib.config import RewritingConfig
from flamingo_lib.records import Sample
from flamingo_lib.rewriting.backends.chat_format import ChatFormat
from flamingo_lib.rewriting.backends.server import ServerRewriter
from flamingo_lib.rewriting.backends.settings import BackendConfig
from flamingo_lib.rewriting.backends.transformers import TransformersRewriter
from flamingo_lib.rewriting.job import run_job
from flamingo_lib.rewriting.pictures import Pictures

sys.path.insert(0, str(ROOT))

WIDTH = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 6, "num_attention_heads": 4}
LATENCY, IN_FLIGHT = 0.05, 16
"""The server's seconds for an answer, and how many it works on at once."""


def samples(count: int) -> list[Sample]:
    """Questions of several lengths, in drawn order."""
    made = []
    for index in range(count):
        question = "What color is the circle" + " on the left of the picture" * (index * 7 % 4) + "?"
        made.append(Sample(f"vqa/{index}", "vqa", "vqa", (f"{index * 5 % 8}.png",), question, COLORS[index * 5 % 8]))
    return made


@cache
def parts() -> tuple[Any, ChatFormat]:
    """The model and its chat format."""
    from tests.tiny_vlms import idefics3

    torch.set_num_threads(1)
    torch.manual_seed(0)
    model, processor = idefics3(**WIDTH)
    return model.eval(), ChatFormat(processor)


def rewriter(quick: bool, batch_size: int = 32) -> TransformersRewriter:
    """A rewriter that writes its full length."""
    config = RewritingConfig(batch_size=batch_size, max_new_tokens=16 if quick else 48)
    made = TransformersRewriter(*parts(), Pictures(data_root()), config)
    made.ends = frozenset([len(made.chat.tokenizer)])  # none: random weights would end where they like
    return made


def job_seconds(made: Any, given: list[Sample]) -> float:
    """Seconds of a whole job: reading, rewriting, writing shards."""
    with tempfile.TemporaryDirectory() as out:
        start = time.perf_counter()
        run_job(lambda: given, lambda: lambda some, tick: made.rewrite(some, tick), Path(out), identity={})
        return time.perf_counter() - start


def job_vs_generate(quick: bool) -> float:
    """Seconds of bare `generate` on the job's batches, by seconds of the job."""
    made, given = rewriter(quick), samples(32 if quick else 64)
    spent = 0.0
    generate = made.model.generate

    def timed(**inputs: Any) -> Any:
        nonlocal spent
        start = time.perf_counter()
        ids = generate(**inputs)
        spent += time.perf_counter() - start
        return ids

    made.model.generate = timed
    try:
        return 1 / (job_seconds(made, given) / spent)
    finally:
        del made.model.generate


def job_vs_loop(quick: bool) -> float:
    """Seconds of a loop over single records, by seconds of the job on the same records."""
    made, given = rewriter(quick), samples(32 if quick else 128)
    job = job_seconds(made, given)
    alone = rewriter(quick, batch_size=1)
    start = time.perf_counter()
    for sample in given:
        alone.rewrite([sample])
    return (time.perf_counter() - start) / job


def images_sorted_vs_not(quick: bool) -> float:
    """Pictures decoded in drawn order, by those decoded in the job's order; five records show each of 100 pictures."""
    shown = [f"{index * 37 % 100}.png" for index in range(500)]
    given = [replace(sample, images=(name,)) for sample, name in zip(samples(500), shown, strict=True)]
    picture = Image.new("RGB", (64, 64), "white")
    decoded = []
    for in_order in (False, True):
        made, opened = rewriter(True), []
        made.pictures = lambda sample, opened=opened: opened.append(sample.id) or [picture]
        prompts = {index: made.chat.prompt(sample.instruction, 1) for index, sample in enumerate(given)}
        batches = made._batches(given, prompts) if in_order else [list(prompts)]
        for batch in batches:
            for index in batch:
                made._open(given[index])
        decoded.append(len(opened))
    return decoded[0] / decoded[1]


async def bare_requests(made: ServerRewriter, bodies: list[dict[str, Any]]) -> float:
    """Seconds in which a plain client, kept at the bound, has ready-made bodies answered: the server's best."""
    free = asyncio.Semaphore(IN_FLIGHT)
    async with httpx.AsyncClient(limits=httpx.Limits(max_connections=IN_FLIGHT)) as client:

        async def ask(body: dict[str, Any]) -> None:
            async with free:
                (await client.post(made.client.address, json=body)).raise_for_status()

        start = time.perf_counter()
        await asyncio.gather(*map(ask, bodies))
        return time.perf_counter() - start


def server_concurrency(quick: bool) -> float:
    """Records in a second with the bound in flight, by the best that the server could give."""
    free = threading.Semaphore(IN_FLIGHT)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            with free:
                time.sleep(LATENCY)
            choice = {"message": {"content": "It is red."}, "finish_reason": "stop"}
            text = json.dumps({"model": "m", "choices": [choice]}).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def do_GET(self) -> None:
            self.send_error(404)

        def log_message(self, *arguments: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        settings = BackendConfig(
            kind="server", url=f"http://127.0.0.1:{server.server_address[1]}/v1", concurrency=IN_FLIGHT
        )
        given = samples(160 if quick else 640)
        made = ServerRewriter("m", Pictures(data_root()), RewritingConfig(), settings)
        job = job_seconds(made, given)
        return asyncio.run(bare_requests(made, [made.requests.body(sample) for sample in given])) / job
    finally:
        server.shutdown()
        server.server_close()


ROWS = [
    Row("job_vs_generate", "share of a job's time that bare generate takes on its batches", job_vs_generate, 0.9),
    Row("job_vs_loop", "a job's speed, by that of a loop over single records", job_vs_loop, 4),
    Row("images_sorted_vs_not", "pictures decoded in drawn order, by those in the job's order", images_sorted_vs_not),
    Row("server_concurrency", "records a second from a server, by its best", server_concurrency, 0.8),
]

if __name__ == "__main__":
    main(ROWS)
