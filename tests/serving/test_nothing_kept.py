"""A server keeps nothing of the requests that it has answered."""

from __future__ import annotations

import gc
import sys

import httpx

from flamingo_lib.serving.limits import Limits

from .conftest import asking
from .fakes import EchoBackend, running

ROUNDS = 100
KEPT = 5.0
"""Blocks of Python's memory a round that do not count: caches that are still filling. A kept ticket takes more."""


def test_answered_requests_leave_nothing_behind():
    def ask(client, count):
        for number in range(count):
            body = asking(f"What is it, {number % 7}?", stream=number % 2 == 0)
            assert client.post("/v1/chat/completions", json=body | {"model": "echo"}).status_code == 200
            assert client.post("/v1/chat/completions", content="{").status_code == 400
        gc.collect()
        return sys.getallocatedblocks()

    with running(EchoBackend(), Limits()) as (host, port), httpx.Client(base_url=f"http://{host}:{port}") as client:
        ask(client, ROUNDS)
        before = ask(client, ROUNDS)
        after = ask(client, ROUNDS)
    assert after - before < KEPT * ROUNDS
