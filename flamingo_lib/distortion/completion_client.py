"""Client of OpenAI-compatible servers: bounded concurrency, rate limits, retries with backoff, resume by a cache.

A server that refuses one record (too long for its context, filtered, an answer without text) sets that record aside and
the others go on; a server that refuses everything ends the work at once.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from os import PathLike
from typing import Any

from ..errors import ConfigError, FlamingoError
from ..seeding import generator
from .completion_cache import CompletionCache
from .server_answers import NoText, excerpt, is_address, read_completion, retry_after, token_usage

KEY_VARIABLE = "FLAMINGO_SERVER_KEY"
"""The environment variable that holds the server's key, if it wants one."""

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
"""Statuses that say "not now"."""

RECORD_REFUSED = frozenset({400, 413, 414, 422, 431, 451})
"""Statuses that may concern one record alone, such as a prompt longer than the model's context."""

REFUSED_AT_START = 8
"""Refusals in a row, before any request is accepted, that stop the run."""

REFUSED_IN_A_ROW = 100
"""Refusals in a row, after a request was accepted, that stop the run."""

MAX_PAUSE = 20.0
"""Seconds that one ``Retry-After`` may hold up all requests; a server that wants more is asked again."""

MALFORMED_TRIES = 3
"""Attempts at a request whose response is no JSON completion."""


class ServerError(FlamingoError):
    """The server refused everything, or did not answer in spite of all retries. What was completed is kept."""


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """One request.

    Attributes:
        id: the record's id.
        body: the JSON body.
        key: what its answer is cached under.
        seed: of the jitter of repetitions.
    """

    id: str
    body: Mapping[str, Any]
    key: str
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer.

    Attributes:
        text: what the model wrote.
        stopped: whether it ended by itself.
        usage: tokens that the server counted, ``(read, written)``; None if it did not say.
        cached: it was known from an earlier run.
    """

    text: str
    stopped: bool
    usage: tuple[int, int] | None = None
    cached: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The server's refusal of one record.

    Attributes:
        record: the record's id.
        reason: what the server said.
    """

    record: str
    reason: str


class _Pace:
    """Lets one request start every `interval` seconds, and none before `pause_until`."""

    def __init__(self, requests_per_minute: float | None) -> None:
        self.interval = 60 / requests_per_minute if requests_per_minute else 0.0
        self._next = 0.0

    def pause(self, seconds: float) -> None:
        self._next = max(self._next, time.monotonic() + seconds)

    async def wait(self) -> None:
        now = time.monotonic()
        start = max(self._next, now)
        self._next = start + self.interval if self.interval else self._next
        if start > now:
            await asyncio.sleep(start - now)


@dataclass
class CompletionClient:
    """Sends requests to one address and gives their answers in order.

    Attributes:
        address: of the endpoint.
        concurrency: requests under way at once.
        requests_per_minute: None for no limit of our own; the server's ``Retry-After`` is obeyed in any case.
        cache: a JSON lines file of completions; the next run asks only for what is not there. None keeps nothing.
        retries: how often a failed request is repeated.
        backoff: seconds before the first repetition, doubled each time, with jitter.
        timeout: seconds for one request.
        check: looks at each answer's JSON and raises a `FlamingoError` to end the work.
        remedy: what to look at when the server refuses.
    """

    address: str
    concurrency: int = 16
    requests_per_minute: float | None = None
    cache: CompletionCache | str | PathLike | None = None
    retries: int = 6
    backoff: float = 1.0
    timeout: float = 120.0
    check: Callable[[Any], None] | None = None
    remedy: str = "Check the address and the model's name; what was completed is kept."
    accepted: int = field(default=0, init=False)
    refused_in_a_row: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        if not is_address(self.address):
            raise ConfigError(
                f"not an address of a server: {self.address!r}", remedy="Give one like http://localhost:8000/v1."
            )
        self.known = self.cache if isinstance(self.cache, CompletionCache) else CompletionCache(self.cache)

    def complete(self, requests: Iterable[CompletionRequest]) -> Iterator[Completion | Refused]:
        """One answer a request, in order; as many requests are read ahead as keep the server busy.

        Raises:
            ServerError: the server refuses everything, or does not answer.
        """
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="completion-client", daemon=True)
        thread.start()
        under_way: deque[Future[Completion | Refused]] = deque()
        session = None
        try:
            session = asyncio.run_coroutine_threadsafe(self._open(), loop).result()
            for request in requests:
                under_way.append(asyncio.run_coroutine_threadsafe(session.ask(request), loop))
                if len(under_way) >= 2 * self.concurrency:
                    yield self._counted(under_way.popleft())
            while under_way:
                yield self._counted(under_way.popleft())
        finally:
            for future in under_way:
                future.cancel()
            if session is not None:
                asyncio.run_coroutine_threadsafe(session.client.aclose(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _counted(self, future: Future[Completion | Refused]) -> Completion | Refused:
        """The answer; refusals are counted, and too many in a row are a server that refuses everything."""
        answer = future.result()
        if not isinstance(answer, Refused):
            self.accepted, self.refused_in_a_row = self.accepted + 1, 0
            return answer
        self.refused_in_a_row += 1
        if self.refused_in_a_row >= (REFUSED_IN_A_ROW if self.accepted else REFUSED_AT_START):
            raise ServerError(
                f"the server refused {self.refused_in_a_row} records in a row, the last: {answer.reason}",
                file=self.address,
                record=answer.record,
                remedy=self.remedy,
            )
        return answer

    async def _open(self) -> _Session:
        return _Session(self)


def authorization() -> dict[str, str]:
    """The headers that carry the key in `KEY_VARIABLE`, if there is one; a `ConfigError` if no header may hold it."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise ConfigError(f"the key in {KEY_VARIABLE} holds characters that no header may hold")
    return {"Authorization": f"Bearer {key}"} if key else {}


class _Session:
    """The HTTP client, semaphore and pace of one run, all living in its event loop."""

    def __init__(self, owner: CompletionClient) -> None:
        import httpx

        self.owner = owner
        self.client = httpx.AsyncClient(
            timeout=owner.timeout,
            headers=authorization(),
            limits=httpx.Limits(max_connections=owner.concurrency),
        )
        self.free = asyncio.Semaphore(owner.concurrency)
        self.pace = _Pace(owner.requests_per_minute)

    async def ask(self, request: CompletionRequest) -> Completion | Refused:
        """The completion, or the refusal; from the cache if it is there."""
        known = self.owner.known.completion(request.key)
        if known is not None:
            return Completion(*known, cached=True)
        async with self.free:
            answer = await self._ask(request)
        if not isinstance(answer, Refused):
            self.owner.known.put(request.key, answer.text, answer.stopped, answer.usage)
        return answer

    async def _ask(self, request: CompletionRequest) -> Completion | Refused:
        import httpx

        owner = self.owner
        jitter = generator(request.seed, "backoff")
        problem, malformed, of_record = "", 0, False
        for attempt in range(owner.retries + 1):
            if attempt:
                await asyncio.sleep(owner.backoff * 2 ** (attempt - 1) * (0.5 + jitter.random()))
            await self.pace.wait()
            try:
                answer = await self.client.post(owner.address, json=request.body)
            except httpx.RequestError as error:
                problem = f"{type(error).__name__}: {error}".rstrip(": ")
                of_record = isinstance(error, httpx.ReadTimeout)
                continue
            if answer.status_code == 200:
                try:
                    values = answer.json()
                    if owner.check is not None:
                        owner.check(values)
                    return Completion(*read_completion(values), token_usage(values))
                except NoText as error:
                    return Refused(request.id, str(error))
                except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
                    problem, malformed = f"an answer that is no completion: {excerpt(answer)}", malformed + 1
                if malformed >= MALFORMED_TRIES:
                    return Refused(request.id, problem)
                continue
            problem, of_record = f"status {answer.status_code}: {excerpt(answer)}", answer.status_code == 500
            if answer.status_code in RECORD_REFUSED:
                return Refused(request.id, problem)
            if answer.status_code not in RETRIED:
                raise ServerError(
                    f"the server refused: {problem}",
                    file=owner.address,
                    record=request.id,
                    remedy=f"{owner.remedy} The key is read from {KEY_VARIABLE}.",
                )
            self.pace.pause(min(retry_after(answer), MAX_PAUSE))
        problem = f"no completion after {owner.retries + 1} tries; the last: {problem}"
        if of_record and owner.accepted and owner.refused_in_a_row < MALFORMED_TRIES:
            return Refused(request.id, problem)  # others get their answer
        raise ServerError(
            problem,
            file=owner.address,
            record=request.id,
            remedy="See that the server runs and start again; what was completed is kept.",
        )
