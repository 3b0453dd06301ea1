"""Drafts from any OpenAI-compatible server: bounded concurrency, rate limits, retries with backoff, and resume.

A server that refuses one record (too long for its context, filtered, an answer without text) sets that record aside and
the others go on; a server that refuses everything ends the job at once.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ConfigError, FlamingoError
from ..seeding import generator
from .completion_cache import CompletionCache
from .prompt import Cleaned, build_messages, clean_completion, plain_prompt
from .server_answers import NoText, excerpt, is_address, read_completion, retry_after

if TYPE_CHECKING:
    from ..storage import Quarantine
    from .llm import DraftRequest

log = logging.getLogger(__name__)

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


class ServerBackend:
    """Writes drafts with a model behind an OpenAI-compatible server.

    Args:
        url: the base address, with ``/v1`` if the server has it.
        model: the model's name on the server.
        api: ``"chat"`` sends messages, the last of them the assistant's, to be continued (servers that begin a new
            message instead are understood, too); ``"completions"`` sends one text in Guanaco's format.
        concurrency: requests under way at once.
        requests_per_minute: None for no limit of our own; the server's ``Retry-After`` is obeyed in any case.
        max_new_tokens: at most; a draft never needs more than its response is long.
        temperature: 0 is greedy.
        options: more fields of the request body, e.g. ``{"continue_final_message": True, "add_generation_prompt":
            False}`` for vLLM.
        cache: a JSON lines file of completions; the next run asks only for what is not there.
        retries: how often a failed request is repeated.
        backoff: seconds before the first repetition, doubled each time, with jitter.
        timeout: seconds for one request.
        quarantine: told each record that the server refuses, and why.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        api: Literal["chat", "completions"] = "chat",
        concurrency: int = 16,
        requests_per_minute: float | None = None,
        max_new_tokens: int = 256,
        temperature: float = 0.7,
        options: Mapping[str, Any] | None = None,
        cache: str | PathLike | None = None,
        retries: int = 6,
        backoff: float = 1.0,
        timeout: float = 120.0,
        quarantine: Quarantine | None = None,
    ) -> None:
        if not is_address(url):
            raise ConfigError(f"not an address of a server: {url!r}", remedy="Give one like http://localhost:8000/v1.")
        self.url, self.model, self.api = url.rstrip("/"), model, api
        self.concurrency, self.requests_per_minute = concurrency, requests_per_minute
        self.max_new_tokens, self.temperature, self.options = max_new_tokens, temperature, dict(options or {})
        self.retries, self.backoff, self.timeout = retries, backoff, timeout
        self.cache = CompletionCache(cache)
        self.quarantine = quarantine
        self.accepted, self.refused_in_a_row = 0, 0

    @property
    def address(self) -> str:
        """The address that requests are sent to."""
        return self.url + ("/chat/completions" if self.api == "chat" else "/completions")

    def body(self, request: DraftRequest) -> dict[str, Any]:
        """The request's JSON body."""
        messages = build_messages(request.instruction, request.response, request.command)
        body: dict[str, Any] = {
            "model": self.model,
            "max_tokens": min(self.max_new_tokens, len(request.response) // 2 + 16),
            "temperature": self.temperature,
            "seed": request.seed % 2**31,
        }
        if self.api == "chat":
            body["messages"] = messages
        else:
            body |= {"prompt": plain_prompt(messages), "stop": ['"', "### Human"]}
        return body | self.options

    def complete(self, requests: Iterable[DraftRequest]) -> Iterator[Cleaned]:
        """One draft a request, in order; as many requests are read ahead as keep the server busy.

        A record that the server refuses has no draft, and ``"refused"`` as its reason.

        Raises:
            ServerError: the server refuses everything, or does not answer.
        """
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="distortion-server", daemon=True)
        thread.start()
        under_way: deque[Future[tuple[str, bool] | Refused]] = deque()
        session = None
        try:
            session = asyncio.run_coroutine_threadsafe(self._open(), loop).result()
            for request in requests:
                under_way.append(asyncio.run_coroutine_threadsafe(session.ask(request), loop))
                if len(under_way) >= 2 * self.concurrency:
                    yield self._cleaned(under_way.popleft())
            while under_way:
                yield self._cleaned(under_way.popleft())
        finally:
            for future in under_way:
                future.cancel()
            if session is not None:
                asyncio.run_coroutine_threadsafe(session.client.aclose(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    def _cleaned(self, future: Future[tuple[str, bool] | Refused]) -> Cleaned:
        answer = future.result()
        if isinstance(answer, Refused):
            self._refused(answer)
            return Cleaned("", True, "refused")
        self.accepted, self.refused_in_a_row = self.accepted + 1, 0
        text, stopped = answer
        return clean_completion(text, stopped=stopped)

    def _refused(self, refusal: Refused) -> None:
        """Set one record aside, or give up on a server that refuses everything."""
        self.refused_in_a_row += 1
        if self.refused_in_a_row >= (REFUSED_IN_A_ROW if self.accepted else REFUSED_AT_START):
            raise ServerError(
                f"the server refused {self.refused_in_a_row} records in a row, the last: {refusal.reason}",
                file=self.address,
                record=refusal.record,
                remedy="Check the address, the model's name and distortion.backend_options; completed drafts are kept.",
            )
        log.warning("the server refused record %s, which is set aside: %s", refusal.record, refusal.reason)
        if self.quarantine is not None:
            self.quarantine.add(
                file=self.address, record=refusal.record, reason=f"the server refused the record: {refusal.reason}"
            )

    async def _open(self) -> _Session:
        return _Session(self)


class _Session:
    """The client, semaphore and pace of one run, all living in its event loop."""

    def __init__(self, backend: ServerBackend) -> None:
        import httpx

        key = os.environ.get(KEY_VARIABLE, "").strip()
        if not (key.isascii() and key.isprintable()):
            raise ConfigError(f"the key in {KEY_VARIABLE} holds characters that no header may hold")
        self.backend = backend
        self.client = httpx.AsyncClient(
            timeout=backend.timeout,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_connections=backend.concurrency),
        )
        self.free = asyncio.Semaphore(backend.concurrency)
        self.pace = _Pace(backend.requests_per_minute)

    async def ask(self, request: DraftRequest) -> tuple[str, bool] | Refused:
        """The completion, and whether the model ended by itself, or the refusal; from the cache if it is there."""
        body = self.backend.body(request)
        key = self.backend.cache.key(self.backend.url, body)
        known = self.backend.cache.get(key)
        if known is not None:
            return known
        async with self.free:
            answer = await self._ask(body, request)
        if not isinstance(answer, Refused):
            self.backend.cache.put(key, *answer)
        return answer

    async def _ask(self, body: dict[str, Any], request: DraftRequest) -> tuple[str, bool] | Refused:
        import httpx

        backend = self.backend
        jitter = generator(request.seed, "backoff")
        problem, malformed, of_record = "", 0, False
        for attempt in range(backend.retries + 1):
            if attempt:
                await asyncio.sleep(backend.backoff * 2 ** (attempt - 1) * (0.5 + jitter.random()))
            await self.pace.wait()
            try:
                answer = await self.client.post(backend.address, json=body)
            except httpx.RequestError as error:
                problem = f"{type(error).__name__}: {error}".rstrip(": ")
                of_record = isinstance(error, httpx.ReadTimeout)
                continue
            if answer.status_code == 200:
                try:
                    return read_completion(answer.json())
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
                    file=backend.address,
                    record=request.id,
                    remedy=(
                        f"Check the address, the model's name, and the key in {KEY_VARIABLE}; completed drafts "
                        f"are kept."
                    ),
                )
            self.pace.pause(min(retry_after(answer), MAX_PAUSE))
        problem = f"no completion after {backend.retries + 1} tries; the last: {problem}"
        if of_record and backend.accepted and backend.refused_in_a_row < MALFORMED_TRIES:
            return Refused(request.id, problem)  # others get their answer
        raise ServerError(
            problem,
            file=backend.address,
            record=request.id,
            remedy="See that the server runs and start again; completed drafts are kept.",
        )
