"""The endpoint: chat completions and models as OpenAI's clients know them, a health check, metrics and a chat page.

Everything that comes in is checked before it costs anything: the body's size and time, the bearer token, the request's
fields, the images' sizes. What is wrong with a request is an error of the 400s in OpenAI's form; the contents of
requests are never logged.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from ..errors import DataError
from ..html import chat_page, page_policy
from .answers import CLIENT_LEFT, stream_answer, whole_answer
from .backend import Backend, Prompt, PromptTooLong
from .engine import Engine, Piece, Ticket
from .limits import Limits
from .metrics import ServerMetrics
from .protocol import Asked, ChatRequest, RequestError, completion, read_request
from .request_images import load_request_image

log = logging.getLogger("flamingo.serve")

DEFAULT_TOKENS = 160
STOP_SECONDS = 30.0
"""How long a stopping server waits for the requests in flight."""


@dataclass(frozen=True)
class ServerSettings:
    """How a server answers.

    Attributes:
        limits: of requests.
        token: the bearer token that every request but ``/health`` needs; None for none.
        image_root: the folder whose image files requests may name; None: data URIs only.
        default_tokens: tokens of an answer whose request doesn't say.
    """

    limits: Limits = field(default_factory=Limits)
    token: str | None = None
    image_root: Path | None = None
    default_tokens: int = DEFAULT_TOKENS


def create_app(backend: Backend, settings: ServerSettings | None = None) -> FastAPI:
    """The application for a model.

    Args:
        backend: answers; `flamingo_backend.FlamingoBackend` or another.
        settings: limits, token and image folder.
    """
    settings = settings or ServerSettings()
    metrics = ServerMetrics()
    engine = Engine(backend, settings.limits, metrics.batch)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(engine.close, STOP_SECONDS)

    app = FastAPI(title="flamingo serve", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    app.state.engine, app.state.metrics, app.state.draining = engine, metrics, False
    started = int(time.time())

    @app.middleware("http")
    async def guard(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        begin = time.monotonic()
        try:
            _authorize(request, settings.token)
            if app.state.draining and request.method == "POST":
                raise RequestError("the server is stopping", status=503)
            response = await call_next(request)
        except RequestError as error:
            response = _error(error, settings.limits)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        metrics.request(request.url.path, response.status_code)
        seconds = round(time.monotonic() - begin, 4)
        log.info(
            json.dumps(
                {
                    "method": request.method,
                    "path": request.url.path[:80],
                    "status": response.status_code,
                    "seconds": seconds,
                }
            )
        )
        return response

    @app.exception_handler(RequestError)
    async def refused(_request: Request, error: RequestError) -> Response:
        return _error(error, settings.limits)

    @app.exception_handler(Exception)
    async def failed(_request: Request, error: Exception) -> Response:
        log.error(json.dumps({"error": type(error).__name__}))
        return _error(RequestError("the server failed on this request", status=500), settings.limits)

    @app.get("/health")
    async def health() -> Response:
        """Whether the engine works."""
        return JSONResponse({"status": "ok" if engine.alive else "stopping"}, 200 if engine.alive else 503)

    @app.get("/metrics")
    async def shown_metrics() -> Response:
        """Prometheus' text format."""
        metrics.in_flight.set(engine.in_flight)
        return PlainTextResponse(metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        """The one model that is served."""
        entry = {"id": backend.name, "object": "model", "created": started, "owned_by": "flamingo"}
        return {"object": "list", "data": [entry]}

    @app.get("/v1/models/{name:path}")
    async def model(name: str) -> dict[str, Any]:
        """A model by name."""
        if name != backend.name:
            raise RequestError(f"there is no model {name[:80]!r}; this server has {backend.name}", status=404)
        return {"id": backend.name, "object": "model", "created": started, "owned_by": "flamingo"}

    @app.get("/")
    async def page() -> Response:
        """The chat page."""
        return HTMLResponse(chat_page(backend.name), headers={"Content-Security-Policy": page_policy()})

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        """A chat completion, whole or streamed."""
        asked, wanted, images = await _read(request, backend, settings)
        prompt = await asyncio.to_thread(_prepare, backend, asked, images)
        loop, pieces = asyncio.get_running_loop(), asyncio.Queue[Piece]()

        def push(piece: Piece) -> None:
            loop.call_soon_threadsafe(pieces.put_nowait, piece)

        ticket = Ticket(asked, prompt, push)
        engine.submit(ticket)
        name, created = f"chatcmpl-{uuid.uuid4().hex}", int(time.time())
        if wanted.stream:
            used = wanted.stream_options is not None and wanted.stream_options.include_usage
            lines = stream_answer(ticket, pieces, metrics, name, backend.name, created, used)
            return StreamingResponse(lines, media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        text, reason, tokens = await whole_answer(request, ticket, pieces, metrics)
        return JSONResponse(completion(name, backend.name, created, text, reason, prompt.prompt_tokens, tokens))

    return app


def _authorize(request: Request, token: str | None) -> None:
    if token is None or request.url.path in ("/health", "/"):
        return
    given = request.headers.get("authorization", "")
    kind, _, value = given.partition(" ")
    if kind.lower() != "bearer" or not secrets.compare_digest(value.strip().encode(), token.encode()):
        raise RequestError("the bearer token is missing or wrong", status=401)


async def _read(request: Request, backend: Backend, settings: ServerSettings) -> tuple[Asked, ChatRequest, list[Any]]:
    """The request's chat and images, checked."""
    body = await _body(request, settings.limits)
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError("the body is not JSON") from None
    if not isinstance(values, dict):
        raise RequestError("the body is not a JSON object")
    try:
        wanted = ChatRequest.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise RequestError(f"{where}: {first['msg']}", param=where) from None
    if wanted.model not in (None, "", backend.name):
        raise RequestError(f"there is no model {wanted.model[:80]!r}; this server has {backend.name}", status=404)
    asked = read_request(wanted, settings.limits, default_tokens=settings.default_tokens)
    images = [
        await asyncio.to_thread(
            load_request_image, address, root=settings.image_root, max_pixels=settings.limits.image_pixels
        )
        for address in asked.images
    ]
    return asked, wanted, images


def _prepare(backend: Backend, asked: Asked, images: list[Any]) -> Prompt:
    try:
        return backend.prepare(asked, backend.read_images(images))
    except PromptTooLong as error:
        raise RequestError(error.what, param="messages") from None
    except DataError as error:
        raise RequestError(error.what) from None


async def _body(request: Request, limits: Limits) -> bytes:
    """The body, read no further than the limit, and no longer."""
    declared = request.headers.get("content-length", "")
    too_long = RequestError(f"the body is larger than {limits.body_bytes:,} bytes", status=413)
    if declared.isdigit() and int(declared) > limits.body_bytes:
        raise too_long
    body = bytearray()
    try:
        async with asyncio.timeout(limits.body_seconds):
            async for part in request.stream():
                body += part
                if len(body) > limits.body_bytes:
                    raise too_long
    except TimeoutError:
        raise RequestError("the body took too long to arrive", status=408) from None
    except ClientDisconnect:
        raise RequestError("the client has left", status=CLIENT_LEFT) from None
    return bytes(body)


def _error(error: RequestError, limits: Limits) -> JSONResponse:
    kind = "server_error" if error.status >= 500 else "invalid_request_error"
    headers = {"Retry-After": str(limits.retry_after)} if error.status in (429, 503) else {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    content = {"error": {"message": str(error), "type": kind, "param": error.param, "code": None}}
    return JSONResponse(content, error.status, headers=headers)
