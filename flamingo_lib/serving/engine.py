"""The engine of the endpoint: requests that wait when a batch ends make up the next one, by length, within a bound.

One thread works with the model; requests come in and answers go out through queues. Every answer depends on its own
chat and seed alone, not on its batch mates (`model.generation.generate_batch`). Large models belong on a server of
their own, such as vLLM or SGLang.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from .answer_text import AnswerText
from .limits import Limits
from .protocol import RequestError

if TYPE_CHECKING:
    from PIL.Image import Image

    from .protocol import Asked


class Prepared(Protocol):
    """A request as a backend has prepared it."""

    @property
    def prompt_tokens(self) -> int:
        """Tokens of the prompt."""
        ...


class Backend(Protocol):
    """A model that answers batches."""

    name: str

    def prepare(self, asked: Asked, images: Sequence[Image]) -> Prepared:
        """Render a request; `RequestError` if it does not fit the model."""
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of an answer's tokens so far."""
        ...

    def answer(
        self,
        batch: Sequence[Any],
        asked: Sequence[Asked],
        watch: Callable[[list[int], list[int]], Sequence[int]],
    ) -> list[list[int]]:
        """The tokens of each answer; `watch` sees every token and names the rows that end. One temperature a batch."""
        ...


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
        asked, prepared: the request.
        push: takes the pieces of its answer; called from the engine's thread.
        cancelled: set when the client has left; its row ends at the next token.
    """

    asked: Asked
    prepared: Prepared
    push: Callable[[Piece], None]
    cancelled: threading.Event = field(default_factory=threading.Event)
    since: float = field(default_factory=monotonic)


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

    def _work(self) -> None:
        while True:
            with self._condition:
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
        """The oldest ticket and those of its temperature that are nearest to it in length, within the bounds."""
        oldest = self._waiting[0]
        others = [ticket for ticket in self._waiting[1:] if ticket.asked.temperature == oldest.asked.temperature]
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
        texts = [AnswerText(self.backend.decode, ticket.asked.stop) for ticket in batch]
        ended: set[int] = set()

        def watch(rows: list[int], tokens: list[int]) -> list[int]:
            stop = []
            for row, token in zip(rows, tokens, strict=True):
                ticket, text = batch[row], texts[row]
                if ticket.cancelled.is_set():
                    stop.append(row)
                    ended.add(row)
                    continue
                if added := text.add(token):
                    ticket.push(Piece(added, tokens=text.tokens))
                if text.stopped:
                    ticket.push(Piece("", "stop", text.tokens))
                    stop.append(row)
                    ended.add(row)
                elif text.tokens >= ticket.asked.max_new_tokens:
                    ticket.push(Piece(text.rest(), "length", text.tokens))
                    stop.append(row)
                    ended.add(row)
            return stop

        try:
            self.backend.answer([ticket.prepared for ticket in batch], [ticket.asked for ticket in batch], watch)
        except Exception as error:
            for row, ticket in enumerate(batch):
                if row not in ended:
                    ticket.push(Piece(f"{type(error).__name__}", "error", texts[row].tokens))
            return
        for row, ticket in enumerate(batch):
            if row not in ended:
                ticket.push(Piece(texts[row].rest(), "stop", texts[row].tokens))


def _length(ticket: Ticket) -> int:
    return ticket.prepared.prompt_tokens + ticket.asked.max_new_tokens
