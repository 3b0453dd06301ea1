"""Answers on their way to the client: whole, or streamed as server-sent events; a client that leaves frees its row."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

from fastapi import Request

from .engine import Piece, Ticket
from .metrics import ServerMetrics
from .protocol import RequestError, chunk, usage

CLIENT_LEFT = 499
"""Status in logs and metrics of requests whose client did not wait; nobody reads it."""

PRESENCE_SECONDS = 0.5
"""How often it is checked that the client of a whole answer still waits."""


async def whole_answer(
    request: Request, ticket: Ticket, pieces: asyncio.Queue[Piece], metrics: ServerMetrics
) -> tuple[str, str, int]:
    """The answer's text, how it ended, and its tokens; a client that leaves frees its row."""
    text = ""
    first = True
    asked_at = time.monotonic()
    while True:
        if time.monotonic() - asked_at > PRESENCE_SECONDS:
            asked_at = time.monotonic()
            if await request.is_disconnected():
                ticket.cancelled.set()
                raise RequestError("the client has left", status=CLIENT_LEFT)
        try:
            async with asyncio.timeout(PRESENCE_SECONDS):
                piece = await pieces.get()
        except TimeoutError:
            continue
        if first:
            metrics.first(time.monotonic() - ticket.since)
            first = False
        if piece.reason == "error":
            raise RequestError("the server failed on this request", status=500)
        text += piece.text
        if piece.reason is not None:
            metrics.answered(ticket.prompt.prompt_tokens, piece.tokens)
            return text, piece.reason, piece.tokens


async def stream_answer(
    ticket: Ticket,
    pieces: asyncio.Queue[Piece],
    metrics: ServerMetrics,
    name: str,
    model: str,
    created: int,
    used: bool,
) -> AsyncIterator[str]:
    """Server-sent events; when the client leaves, the generator is closed and the row freed."""
    finished = False
    try:
        yield _event(chunk(name, model, created, {"role": "assistant", "content": ""}))
        first = True
        while not finished:
            piece = await pieces.get()
            if first:
                metrics.first(time.monotonic() - ticket.since)
                first = False
            if piece.reason == "error":
                finished = True
                yield _event({"error": {"message": "the server failed on this request", "type": "server_error"}})
                return
            if piece.text:
                yield _event(chunk(name, model, created, {"content": piece.text}))
            if piece.reason is not None:
                finished = True
                metrics.answered(ticket.prompt.prompt_tokens, piece.tokens)
                yield _event(chunk(name, model, created, {}, piece.reason))
                if used:
                    numbers = usage(ticket.prompt.prompt_tokens, piece.tokens)
                    yield _event(chunk(name, model, created, {}, used=numbers))
        yield "data: [DONE]\n\n"
    finally:
        if not finished:
            ticket.cancelled.set()


def _event(value: dict[str, Any]) -> str:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n"
