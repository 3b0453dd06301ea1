"""HTTP connections with a deadline: a client that sends its request drip by drip is cut off.

uvicorn bounds the size of an incomplete request and the time between two requests, but not the time that one may take
to arrive.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from .limits import Limits

TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
TOO_MANY = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\nRetry-After: 2\r\n\r\n"

BODY_GRACE = 5.0
"""Seconds that a request's body may take beyond its limit, at which the application itself answers."""


def bounded_protocol(limits: Limits) -> type[H11Protocol]:
    """Uvicorn's protocol class (``http=``) under these limits."""
    return type("BoundedProtocol", (BoundedProtocol,), {"limits": limits})


class BoundedProtocol(H11Protocol):
    """A connection that is closed if a request's head, or its body, does not arrive in time, or if there are too many.

    Attributes:
        limits: `head_seconds`, `body_seconds` and `connections` hold here.
    """

    limits = Limits()

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._awaited: Any = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for the first request, unless there are too many connections."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.connections:
            transport.write(TOO_MANY)
            transport.close()
            return
        self._wait_for(h11.IDLE)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._wait_for(None)
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Take what has come, and see what is still to come of the request."""
        super().handle_events()
        state = self.conn.their_state
        self._wait_for(None if self.transport.is_closing() else state)

    def _wait_for(self, part: Any) -> None:
        """Set the deadline of a part of the request, unless it is being waited for already."""
        if part is self._awaited:
            return
        self._awaited = part
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        if part is h11.IDLE:
            self._deadline = self.loop.call_later(self.limits.head_seconds, self._too_slow)
        elif part is h11.SEND_BODY:
            self._deadline = self.loop.call_later(self.limits.body_seconds + BODY_GRACE, self._too_slow)

    def _too_slow(self) -> None:
        if self.transport.is_closing():
            return
        if self.conn.our_state is h11.IDLE:  # no answer has begun
            self.transport.write(TOO_SLOW)
        self.transport.close()
