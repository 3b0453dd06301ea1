"""Options of the commands that rewrite: which kind of rewriter, and how it is asked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..rewriting.backends.settings import BackendConfig

Backend = Annotated[
    str,
    typer.Option(
        "--backend",
        help="flamingo: our own model; transformers: any image-text-to-text model's folder; server: a model behind an "
        "OpenAI-compatible server",
    ),
]
Url = Annotated[
    str | None, typer.Option("--url", help="with --backend server: its base address, with /v1 if it has it")
]
StylePrompt = Annotated[
    str | None,
    typer.Option(
        "--style-prompt",
        help="ask an untrained model with this format prompt instead: it answers by itself and reads no draft",
    ),
]
System = Annotated[str | None, typer.Option("--system", help="the system message; by default none")]
Adapter = Annotated[str | None, typer.Option("--adapter", help="folder of a PEFT adapter for the model")]
BackendSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--backend-set",
        metavar="KEY=VALUE",
        help="another setting of the backend: prompt, dtype, device, trust_remote_code; of a server concurrency, "
        "requests_per_minute, retries, timeout, image_format, answers_as, options, price; may be repeated",
    ),
]


BatchOut = Annotated[
    Path | None,
    typer.Option(
        "--batch-out",
        help="with --backend server: write the requests to this OpenAI batch file (JSON lines) instead of sending them",
    ),
]
BatchIn = Annotated[
    list[Path] | None,
    typer.Option(
        "--batch-in",
        help="with --backend server: a file of the batch's answers, read instead of asking; may be repeated",
    ),
]


def backend_settings(
    kind: str,
    url: str | None = None,
    style_prompt: str | None = None,
    system: str | None = None,
    adapter: str | None = None,
    more: list[str] | None = None,
    batch_in: list[Path] | None = None,
) -> BackendConfig:
    """The settings that the options name, checked; raises `ConfigError`."""
    from pydantic import ValidationError

    from ..errors import ConfigError
    from ..rewriting.backends.prompt import check_prompt
    from ..rewriting.backends.settings import BackendConfig

    given: dict[str, Any] = {"url": url, "style_prompt": style_prompt, "system": system, "adapter": adapter}
    values: dict[str, Any] = {"kind": kind} | {key: value for key, value in given.items() if value is not None}
    if batch_in:
        values["batch_in"] = tuple(map(str, batch_in))
    for text in more or ():
        key, separator, value = text.partition("=")
        if not separator or key not in BackendConfig.model_fields:
            known = ", ".join(sorted(BackendConfig.model_fields))
            raise ConfigError(f"not a setting of a backend: {text!r}", remedy=f"Give KEY=VALUE with one of {known}.")
        values[key] = _value(value)
    try:
        settings = BackendConfig(**values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise ConfigError(f"backend setting {where} cannot be {first['input']!r}: {first['msg']}") from None
    unused = [key for key in ("url", "adapter", "batch_in") if values.get(key) and key not in USED[settings.kind]]
    if settings.kind == "flamingo":
        unused += [key for key in ("style_prompt", "system") if values.get(key)]
    if unused:
        raise ConfigError(
            f"the backend {settings.kind} has no {unused[0].replace('_', ' ')}", remedy="Give another --backend."
        )
    check_prompt(settings.template)
    return settings


USED: dict[str, tuple[str, ...]] = {"flamingo": (), "transformers": ("adapter",), "server": ("url", "batch_in")}
"""Options that only some backends have."""


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
