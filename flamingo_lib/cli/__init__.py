"""The `flamingo` command line.

Each module of this package adds its commands with `register(app)`; heavy imports wait inside them.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from io import TextIOWrapper
from typing import NoReturn

import typer

from ..errors import FlamingoError
from ..storage import storage_error

app = typer.Typer(
    name="flamingo",
    help="Response rewriting for visual instruction tuning.",
    no_args_is_help=True,
    add_completion=False,
)

COMMANDS = (
    "pipeline",
    "study",
    "pretrain",
    "assemble",
    "import_released",
    "train",
    "windows",
    "evaluate",
    "lmms_eval",
    "presets",
    "chat",
    "serve",
    "parity",
    "scenes",
    "sources",
    "distort",
    "judges",
    "rewrite",
    "export",
    "own_data",
    "human",
)
"""Modules of this package, in the order of `flamingo --help`."""

for _name in COMMANDS:
    import_module(f"{__name__}.{_name}").register(app)


def main() -> None:
    r"""Run the command line; a `FlamingoError`, or a file that cannot be used, is one clear message and exit code 2.

    What the terminal's encoding lacks is printed as an escape, such as ``\u2014``.
    """
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:
                sys.stdout.flush()
    except FlamingoError as error:
        _stop(error)
    except BrokenPipeError:  # whoever read the output wants no more of it, as `head`
        _discard_output()
        raise SystemExit(1) from None
    except OSError as error:
        known = storage_error(error)
        if known is None:
            raise
        if error.filename is None:
            _discard_output()
        _stop(known)


def _stop(error: FlamingoError) -> NoReturn:
    print(f"error: {error}", file=sys.stderr)
    raise SystemExit(2) from None


def _discard_output() -> None:
    """Send the rest of the output nowhere, so that the interpreter's last flush doesn't fail again."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
