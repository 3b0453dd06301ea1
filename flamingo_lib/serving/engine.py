"""The engine of the endpoint: requests that wait when a batch ends make up the next one, by length, within a bound.

One thread works with the model; requests come in and answers go out through queues. Every answer depends on its own
chat and seed alone, not on its batch mates. Large models belong on a server of their own, such as vLLM or SGLang.
"""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from .answer_text import AnswerText
from .backend import Backend, Prompt
from .limits import Limits
from .protocol import Asked, RequestError

log = logging.getLogger("flamingo.serve")


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of an answer: text, or how it ended.

    Attributes:
        text: that has been added.
        reason: None while it goes on; else ``"stop"``, ``"length"`` or ``"error"``.
        tokens: generated so far.
    """

    text: str
    reason: str | None = None
    tokens: int = 0


@dataclass
class Ticket:
    """A request on its way.

    Attributes:
        asked, prompt: the request.
        push: takes the pieces of its answer; called from the engine's thread.
        cancelled: set when the client has left; its row ends at the next token.
        since: when it came, on the monotonic clock.
        tokens: generated so far.
        ended: whether its last piece has been pushed, or nobody waits for it.
    """

    asked: Asked
    prompt: Prompt
    push: Callable[[Piece], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    since: float = field(default_factory=monotonic)
    tokens: int = 0
    ended: bool = False

    def end(self, text: str, reason: str) -> None:
        """Push the last piece."""
        self.ended = True
        self.push(Piece(text, reason, self.tokens))


class Engine:
    """Answers tickets in batches, in a thread of its own.

    Args:
        backend: the model.
        limits: bounds on batches and on how many may wait.
        observe: called with the number of rows of each batch and its seconds.
    """

    def __init__(
        self, backend: Backend, limits: Limits, observe: Callable[[int, float], None] = lambda _rows, _seconds: None
    ) -> None:
        self.backend, self.limits, self.observe = backend, limits, observe
        self._waiting: list[Ticket] = []
        self._running = 0
        self._condition = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    @property
    def in_flight(self) -> int:
        """Requests that wait or are being answered."""
        with self._condition:
            self._forget_those_who_left()
            return len(self._waiting) + self._running

    @property
    def alive(self) -> bool:
        """Whether the thread works and takes requests."""
        return self._thread.is_alive() and not self._closing

    def submit(self, ticket: Ticket) -> None:
        """Put a ticket in the queue.

        Raises:
            RequestError: 503 while the server stops, 429 if too many are in flight.
        """
        with self._condition:
            if self._closing:
                raise RequestError("the server is stopping", status=503)
            self._forget_those_who_left()
            if len(self._waiting) + self._running >= self.limits.in_flight:
                raise RequestError("too many requests are in flight", status=429)
            self._waiting.append(ticket)
            self._condition.notify()

    def close(self, timeout: float | None = None) -> bool:
        """Take no more requests and end those in flight; returns whether all ended within `timeout` seconds."""
        with self._condition:
            self._closing = True
            self._condition.notify()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _forget_those_who_left(self) -> None:
        self._waiting = [ticket for ticket in self._waiting if not ticket.cancelled.is_set()]

    def _work(self) -> None:
        while True:
            with self._condition:
                self._forget_those_who_left()
                while not self._waiting and not self._closing:
                    self._condition.wait()
                if not self._waiting:
                    return
                batch = self._next_batch()
                self._running = len(batch)
            start = monotonic()
            try:
                self._answer([ticket for ticket in batch if not ticket.cancelled.is_set()])
            finally:
                with self._condition:
                    self._running = 0
                self.observe(len(batch), monotonic() - start)

    def _next_batch(self) -> list[Ticket]:
        """The oldest ticket and those of its kind that are nearest to it in length, within the bounds."""
        oldest = self._waiting[0]
        others = [ticket for ticket in self._waiting[1:] if _kind(ticket) == _kind(oldest)]
        others.sort(key=lambda ticket: abs(_length(ticket) - _length(oldest)))
        batch, longest = [oldest], _length(oldest)
        for ticket in others:
            most = max(longest, _length(ticket))
            if len(batch) == self.limits.batch_rows or most * (len(batch) + 1) > self.limits.batch_tokens:
                break
            batch.append(ticket)
            longest = most
        chosen = set(map(id, batch))
        self._waiting = [ticket for ticket in self._waiting if id(ticket) not in chosen]
        return batch

    def _answer(self, batch: list[Ticket]) -> None:
        if not batch:
            return
        try:
            answer_batch(self.backend, batch)
        except Exception as error:
            _log_failure(error, len(batch))
            for ticket in batch:
                if ticket.ended:
                    continue
                if ticket.tokens == 0 and len(batch) > 1:  # the others need not suffer for one
                    self._answer([ticket])
                else:
                    ticket.end("", "error")


def answer_batch(backend: Backend, batch: list[Ticket]) -> None:
    """Answer tickets of one group and temperature, piece by piece; whatever the model raises is raised."""
    texts = [AnswerText(backend.decode, ticket.asked.stop) for ticket in batch]

    def watch(rows: list[int], tokens: list[int]) -> list[int]:
        for row, token in zip(rows, tokens, strict=True):
            ticket, text = batch[row], texts[row]
            if ticket.cancelled.is_set():
                ticket.ended = True
                continue
            added, ticket.tokens = text.add(token), text.tokens
            if text.stopped:
                ticket.end(added, "stop")
            elif text.tokens >= ticket.asked.max_new_tokens:
                ticket.end(added + text.rest(), "length")
            elif added:
                ticket.push(Piece(added, tokens=text.tokens))
        return [row for row in rows if batch[row].ended]

    backend.answer([ticket.prompt for ticket in batch], [ticket.asked for ticket in batch], watch)
    for ticket, text in zip(batch, texts, strict=True):
        if not ticket.ended:
            ticket.end(text.rest(), "stop")


def _kind(ticket: Ticket) -> tuple[float, int]:
    """What tickets of one batch share."""
    return ticket.asked.temperature, ticket.prompt.group


def _length(ticket: Ticket) -> int:
    return ticket.prompt.prompt_tokens + ticket.asked.max_new_tokens


def _log_failure(error: Exception, rows: int) -> None:
    """Note what failed and where; the error's words may hold what people wrote, and are left out."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{Path(last.filename).name}:{last.lineno}"
    log.error(json.dumps({"error": type(error).__name__, "at": where, "rows": rows}))
