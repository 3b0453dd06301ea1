"""`flamingo serve`: an OpenAI-compatible endpoint with a chat page."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from types import FrameType

    import uvicorn
    from fastapi import FastAPI

TOKEN_VARIABLE = "FLAMINGO_SERVE_TOKEN"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("serve")(serve)
    app.command("chat-page")(write_chat_page)


def serve(
    model: Annotated[
        str,
        typer.Option(
            help="folder of a Flamingo or of any image-text-to-text model of Transformers, or the name of a shipped "
            "checkpoint"
        ),
    ],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one")] = 8000,
    host: Annotated[str, typer.Option(help="address to listen on; anything but this machine's own needs a token")] = (
        "127.0.0.1"
    ),
    name: Annotated[str | None, typer.Option(help="the model's name for clients; by default its folder's")] = None,
    images: Annotated[
        Path | None, typer.Option(help="folder whose image files requests may name; without it data URIs only")
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(help="bearer token that requests need", envvar=TOKEN_VARIABLE, show_default=False),
    ] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="tokens of an answer whose request doesn't say")] = 160,
    batch_rows: Annotated[int, typer.Option(min=1, help="requests answered together")] = 16,
    in_flight: Annotated[int, typer.Option(min=1, help="requests answered or waiting; more get 429")] = 64,
    device: Annotated[str, typer.Option(help="where the model computes: cpu, cuda, cuda:1, ...")] = "cpu",
    dtype: Annotated[str, typer.Option(help="of the weights: float32, bfloat16 or float16")] = "float32",
    optimize: Annotated[bool, typer.Option(help="make a small Flamingo fast on a CPU")] = True,
) -> None:
    """Serve a model: chat completions as OpenAI's clients know them, and a chat page at /.

    Made for small models and single machines. A large model belongs on vLLM or SGLang; the same clients work there.
    """
    import logging

    from ..errors import ConfigError
    from ..serving.limits import Limits
    from ..serving.load import DTYPES, load_backend

    try:
        import uvicorn

        from ..serving.app import ServerSettings, create_app
        from ..serving.connections import bounded_protocol
    except ImportError as error:
        raise ConfigError(
            f"the server's packages are not installed: {error.name}", remedy="pip install 'flamingo-lib[serve]'"
        ) from error

    if images is not None and not images.is_dir():
        raise ConfigError("there is no such folder of images", file=images, remedy="Give a folder, or leave it out.")
    if dtype not in DTYPES:
        raise ConfigError(f"unknown number format {dtype!r}", remedy=f"Give one of {', '.join(DTYPES)}.")
    listener = listen(host, port)
    if host not in ("127.0.0.1", "::1", "localhost"):
        open_to = "with a token" if token else "WITHOUT a token"
        print(f"warning: {host} can be reached from other machines, {open_to}", file=sys.stderr)
    limits = Limits(batch_rows=batch_rows, in_flight=in_flight, new_tokens=max(1024, max_new_tokens))
    backend = load_backend(model, name=name, device=device, dtype=dtype, optimize=optimize)  # type: ignore[arg-type]
    app = create_app(backend, ServerSettings(limits, token, images, max_new_tokens))
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    address = listener.getsockname()
    print(f"{backend.name} at http://{address[0]}:{address[1]} (chat page), /v1 (clients); Ctrl-C stops", flush=True)
    config = uvicorn.Config(
        app,
        http=bounded_protocol(limits),
        ws="none",
        log_level="error",
        access_log=False,
        timeout_keep_alive=5,
        h11_max_incomplete_event_size=65_536,
        server_header=False,
    )
    run_until_done(uvicorn.Server(config), app, listener)


def write_chat_page(
    url: Annotated[str, typer.Option(help="base address of an OpenAI-compatible server, with /v1 if it has it")],
    model: Annotated[str, typer.Option(help="the model's name there")],
    out: Annotated[Path, typer.Option(help="the page")] = Path("chat.html"),
) -> None:
    """Write the chat page as a file for a model on another server, such as vLLM or SGLang.

    The page asks that server alone, which has to allow requests from pages of other origins, as vLLM does by default.
    """
    from ..errors import ConfigError
    from ..html import chat_page
    from ..storage import atomic_write

    try:
        page = chat_page(model, url)
    except ValueError as error:
        raise ConfigError(str(error), remedy="Give it as http://localhost:8000/v1.") from error
    with atomic_write(out) as file:
        file.write(page)
    print(f"wrote {out}; open it in a browser")


def run_until_done(server: uvicorn.Server, app: FastAPI, listener: socket.socket) -> None:
    """Run a server; a first signal lets the requests in flight end and refuses new ones, a second one ends at once."""
    import threading
    import time

    from ..serving.app import STOP_SECONDS

    leave = server.handle_exit

    def handle_exit(signal: int, frame: FrameType | None) -> None:
        if app.state.draining:
            leave(signal, frame)
            return
        app.state.draining = True

        def wait() -> None:
            end = time.monotonic() + STOP_SECONDS
            while app.state.engine.in_flight and time.monotonic() < end:
                time.sleep(0.05)
            leave(signal, frame)

        threading.Thread(target=wait, daemon=True).start()

    server.handle_exit = handle_exit  # type: ignore[method-assign, assignment]
    with suppress(KeyboardInterrupt):  # uvicorn raises the signal again when everything has ended well
        server.run(sockets=[listener])


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens at an address.

    Raises:
        ConfigError: the port is in use, or the address is none of this machine.
    """
    from ..errors import ConfigError

    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        raise ConfigError(
            f"can't listen at {host}:{port}: {error.strerror or error}", remedy="Give another --port or --host."
        ) from error
    return listener
