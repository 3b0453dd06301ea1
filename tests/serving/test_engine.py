"""Batches: what is answered together, what one failure costs, and how clients that leave are noticed."""

from __future__ import annotations

import json
import logging
import queue
import threading

import pytest

from flamingo_lib.records import Turn
from flamingo_lib.serving.engine import Engine, Ticket
from flamingo_lib.serving.limits import Limits
from flamingo_lib.serving.protocol import Asked, RequestError
from tests.serving.fakes import EchoBackend


def ticket(backend, text, images=(), **asked):
    pieces = queue.Queue()
    request = Asked((Turn(text),), **asked)
    made = Ticket(request, backend.prepare(request, images), pieces.put)
    made.pieces = pieces
    return made


def result(made):
    """Text and reason of an answer."""
    text = ""
    while True:
        piece = made.pieces.get(timeout=10)
        text += piece.text
        if piece.reason is not None:
            return text, piece.reason


def held_back(limits=None):
    """A backend, an engine whose first batch is still on its way, and what lets it end."""
    backend = EchoBackend()
    gate, answer = threading.Event(), backend.answer

    def wait(*given):
        gate.wait(10)
        answer(*given)

    backend.answer = wait
    engine = Engine(backend, limits or Limits())
    first = ticket(backend, "first")
    engine.submit(first)
    while engine._waiting:
        pass
    return backend, engine, gate


def test_those_who_wait_are_answered_together_by_kind():
    backend, engine, gate = held_back()
    kinds = [{}, {}, {"temperature": 1.0}, {"images": ("i",)}, {}]
    tickets = [ticket(backend, f"text {n}", **kind) for n, kind in enumerate(kinds)]
    for one in tickets:
        engine.submit(one)
    gate.set()
    assert [result(one) for one in tickets] == [(f"text {n}", "stop") for n in range(5)]
    engine.close(10)
    assert sorted(backend.batches) == [1, 1, 1, 3]


def test_rows_and_tokens_of_a_batch_are_bounded():
    backend, engine, gate = held_back(Limits(batch_rows=3, batch_tokens=64, in_flight=9))
    short = [ticket(backend, "a" * 4, max_new_tokens=4) for _ in range(4)]
    long = [ticket(backend, "b" * 40, max_new_tokens=20) for _ in range(2)]
    for one in (*short, *long):
        engine.submit(one)
    with pytest.raises(RequestError, match="too many"):
        for _ in range(9):
            engine.submit(ticket(backend, "more"))
    gate.set()
    for one in (*short, *long):
        assert result(one)[1] in ("stop", "length")
    engine.close(10)
    assert backend.batches[:5] == [1, 3, 1, 1, 1]


def test_a_failure_costs_one_request_alone_and_the_log_holds_no_words(caplog):
    backend, engine, gate = held_back()
    tickets = [ticket(backend, text) for text in ("one", "fail", "two")]
    for one in tickets:
        engine.submit(one)
    with caplog.at_level(logging.ERROR, logger="flamingo.serve"):
        gate.set()
        assert [result(one) for one in tickets] == [("one", "stop"), ("", "error"), ("two", "stop")]
    assert engine.alive
    engine.close(10)
    lines = [json.loads(record.message) for record in caplog.records]
    assert [(line["error"], line["rows"]) for line in lines] == [("RuntimeError", 3), ("RuntimeError", 1)]
    assert "what people wrote" not in caplog.text


def test_a_client_that_leaves_while_it_waits_frees_its_place():
    backend, engine, gate = held_back(Limits(in_flight=2))
    waiting = ticket(backend, "waiting")
    engine.submit(waiting)
    with pytest.raises(RequestError, match="too many"):
        engine.submit(ticket(backend, "third"))
    waiting.cancelled.set()
    assert engine.in_flight == 1
    third = ticket(backend, "third")
    engine.submit(third)
    gate.set()
    assert result(third) == ("third", "stop") and engine.close(10)
    assert backend.batches == [1, 1] and waiting.pieces.empty()


def test_limits_of_tokens_stop_texts_and_clients_who_left_end_rows():
    backend, engine, gate = held_back()
    cut, stopped, gone = (
        ticket(backend, "abcdef", max_new_tokens=3),
        ticket(backend, "abcdef", stop=("de",)),
        ticket(backend, "x" * 500),
    )
    for one in (cut, stopped, gone):
        engine.submit(one)
    gone.cancelled.set()
    gate.set()
    assert result(cut) == ("abc", "length") and result(stopped) == ("abc", "stop")
    assert engine.close(10) and gone.pieces.empty() and gone.tokens == 0
    with pytest.raises(RequestError, match="stopping"):
        engine.submit(ticket(backend, "late"))
