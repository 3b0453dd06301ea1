"""Clients that send drip by drip are cut off, whatever part of a request they never end; others don't notice them."""

from __future__ import annotations

import socket
import time

import httpx
import pytest

from flamingo_lib.serving.limits import Limits
from tests.serving.fakes import EchoBackend, running

LIMITS = Limits(head_seconds=0.5, body_seconds=0.5, connections=24)
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
BODY = {"messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture(scope="module")
def address():
    with running(EchoBackend(), LIMITS) as found:
        yield found


@pytest.fixture
def short_grace(monkeypatch):
    monkeypatch.setattr("flamingo_lib.serving.connections.BODY_GRACE", 0.5)


def drip(address, beginning, drop=b"x", seconds=10.0):
    """Send the beginning, then a drop every tenth of a second; what came back, and after how many seconds the end."""
    start, answer = time.monotonic(), b""
    with socket.create_connection(address, timeout=0.1) as client:
        client.sendall(beginning)
        while time.monotonic() - start < seconds:
            try:
                client.sendall(drop)
                received = client.recv(4096)
                if not received:
                    break
                answer += received
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                break
    return answer, time.monotonic() - start


@pytest.mark.parametrize("beginning", [b"", b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: "], ids=["nothing", "head"])
def test_a_head_that_never_ends(address, beginning):
    answer, seconds = drip(address, beginning)
    assert answer.startswith(b"HTTP/1.1 408") and 0.4 < seconds < 5


def test_a_body_that_never_ends_is_answered_and_then_cut_off(address, short_grace):
    answer, seconds = drip(address, POST)
    assert answer.startswith(b"HTTP/1.1 408") and b"took too long" in answer and 0.9 < seconds < 6


def test_a_body_that_nobody_asked_for(address, short_grace):
    answer, seconds = drip(address, POST.replace(b"POST /v1/chat/completions", b"GET /health"))
    assert answer.startswith(b"HTTP/1.1 200") and 0.9 < seconds < 6


def test_a_connection_on_which_nothing_comes(address):
    start = time.monotonic()
    with socket.create_connection(address, timeout=10) as client:
        assert client.recv(100).startswith(b"HTTP/1.1 408") and client.recv(100) == b""
    assert time.monotonic() - start < 5


def test_a_second_request_that_never_ends(address):
    whole = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    answer, seconds = drip(address, whole + b"GET /health HTTP/1.1\r\nX-Slow: ")
    assert answer.count(b"HTTP/1.1 200") == 1 and seconds < 5


def test_others_are_served_meanwhile(address):
    slow = [socket.create_connection(address) for _ in range(20)]
    for one in slow:
        one.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
    with httpx.Client() as client:  # keeps its connection
        for _ in range(3):
            answer = client.post(f"http://{address[0]}:{address[1]}/v1/chat/completions", json=BODY)
            assert answer.json()["choices"][0]["message"]["content"] == "hello"
    for one in slow:
        one.close()


def test_connections_are_bounded(address):
    many = [socket.create_connection(address, timeout=10) for _ in range(LIMITS.connections + 16)]
    answers = [one.recv(100)[:12] for one in many]  # those within the bound wait until they are cut off
    assert answers.count(b"HTTP/1.1 503") >= 8 and set(answers) == {b"HTTP/1.1 503", b"HTTP/1.1 408"}
    for one in many:
        one.close()
    end = time.monotonic() + 10
    while httpx.get(f"http://{address[0]}:{address[1]}/health").status_code != 200:
        assert time.monotonic() < end


def test_a_slow_answer_is_not_cut_off():
    with running(EchoBackend(delay=0.2), LIMITS) as (host, port):
        answer = httpx.post(f"http://{host}:{port}/v1/chat/completions", json=BODY, timeout=30)
    assert answer.json()["choices"][0]["message"]["content"] == "hello"
    assert answer.elapsed.total_seconds() > 2 * LIMITS.head_seconds - 0.1
