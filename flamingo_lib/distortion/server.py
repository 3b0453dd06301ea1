"""Drafts from any OpenAI-compatible server: bounded concurrency, rate limits, retries with backoff, and resume."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from email.utils import parsedate_to_datetime
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ConfigError, FlamingoError
from ..seeding import generator
from .completion_cache import CompletionCache
from .prompt import Cleaned, build_messages, clean_completion, plain_prompt

if TYPE_CHECKING:
    import httpx

    from .llm import DraftRequest

KEY_VARIABLE = "FLAMINGO_SERVER_KEY"
"""The environment variable that holds the server's key, if it wants one."""

RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})


class ServerError(FlamingoError):
    """The server refused, or did not answer in spite of all retries. What was completed is kept."""


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
        url: the base address, with ``/v1`` where the server has it.
        model: the model's name on the server.
        api: ``"chat"`` sends messages of which the last, the assistant's, is to be continued (servers that begin a new
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
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"not an address of a server: {url!r}", remedy="Give one like http://localhost:8000/v1.")
        self.url, self.model, self.api = url.rstrip("/"), model, api
        self.concurrency, self.requests_per_minute = concurrency, requests_per_minute
        self.max_new_tokens, self.temperature, self.options = max_new_tokens, temperature, dict(options or {})
        self.retries, self.backoff, self.timeout = retries, backoff, timeout
        self.cache = CompletionCache(cache)

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
        """One draft a request, in order; as many requests are read ahead as keep the server busy."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=loop.run_forever, name="distortion-server", daemon=True)
        thread.start()
        session = asyncio.run_coroutine_threadsafe(self._open(), loop).result()
        under_way: deque[Future[tuple[str, bool]]] = deque()
        try:
            for request in requests:
                under_way.append(asyncio.run_coroutine_threadsafe(session.ask(request), loop))
                if len(under_way) >= 2 * self.concurrency:
                    yield self._cleaned(under_way.popleft())
            while under_way:
                yield self._cleaned(under_way.popleft())
        finally:
            for future in under_way:
                future.cancel()
            asyncio.run_coroutine_threadsafe(session.client.aclose(), loop).result()
            loop.call_soon_threadsafe(loop.stop)
            thread.join()
            loop.close()

    @staticmethod
    def _cleaned(future: Future[tuple[str, bool]]) -> Cleaned:
        text, stopped = future.result()
        return clean_completion(text, stopped=stopped)

    async def _open(self) -> _Session:
        return _Session(self)


class _Session:
    """The client, semaphore and pace of one run, all living in its event loop."""

    def __init__(self, backend: ServerBackend) -> None:
        import httpx

        key = os.environ.get(KEY_VARIABLE)
        self.backend = backend
        self.client = httpx.AsyncClient(
            timeout=backend.timeout,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            limits=httpx.Limits(max_connections=backend.concurrency),
        )
        self.free = asyncio.Semaphore(backend.concurrency)
        self.pace = _Pace(backend.requests_per_minute)

    async def ask(self, request: DraftRequest) -> tuple[str, bool]:
        """The completion, and whether the model ended by itself; from the cache if it is there."""
        body = self.backend.body(request)
        key = self.backend.cache.key(self.backend.url, body)
        known = self.backend.cache.get(key)
        if known is not None:
            return known
        async with self.free:
            text, stopped = await self._ask(body, request)
        self.backend.cache.put(key, text, stopped)
        return text, stopped

    async def _ask(self, body: dict[str, Any], request: DraftRequest) -> tuple[str, bool]:
        import httpx

        backend = self.backend
        address = backend.url + ("/chat/completions" if backend.api == "chat" else "/completions")
        jitter = generator(request.seed, "backoff")
        problem = ""
        for attempt in range(backend.retries + 1):
            if attempt:
                await asyncio.sleep(backend.backoff * 2 ** (attempt - 1) * (0.5 + jitter.random()))
            await self.pace.wait()
            try:
                answer = await self.client.post(address, json=body)
                if answer.status_code == 200:
                    return _read(answer.json())
            except httpx.TransportError as error:
                problem = f"{type(error).__name__}: {error}".rstrip(": ")
                continue
            except (ValueError, KeyError, TypeError, IndexError) as error:
                problem = f"an answer that is no completion ({type(error).__name__}: {error})"
                continue
            problem = f"status {answer.status_code}: {answer.text[:200]}"
            if answer.status_code not in RETRIED:
                raise ServerError(
                    f"the server refused: {problem}",
                    file=address,
                    record=request.id,
                    remedy=(
                        f"Check the address, the model's name, and the key in {KEY_VARIABLE}; completed drafts "
                        f"are kept."
                    ),
                )
            self.pace.pause(_retry_after(answer))
        raise ServerError(
            f"no completion after {backend.retries + 1} tries; the last: {problem}",
            file=address,
            record=request.id,
            remedy="See that the server runs and start again; completed drafts are kept.",
        )


def _read(answer: dict[str, Any]) -> tuple[str, bool]:
    choice = answer["choices"][0]
    text = choice["message"]["content"] if "message" in choice else choice["text"]
    if not isinstance(text, str):
        raise TypeError("the completion is not text")
    return text, choice.get("finish_reason") != "length"


def _retry_after(answer: httpx.Response) -> float:
    """The seconds that the ``Retry-After`` header asks for (a number or a date), 0 without one."""
    value = answer.headers.get("retry-after", "")
    try:
        return max(float(value), 0.0)
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError):
        return 0.0
