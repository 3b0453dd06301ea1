"""The `flamingo` command line.

Each module of this package adds its commands with `register(app)`; heavy imports wait inside them.
"""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from ..errors import FlamingoError

app = typer.Typer(
    name="flamingo",
    help="Response rewriting for visual instruction tuning.",
    no_args_is_help=True,
    add_completion=False,
)

COMMANDS = (
    "pipeline",
    "pretrain",
    "assemble",
    "train",
    "windows",
    "evaluate",
    "presets",
    "chat",
    "parity",
    "scenes",
    "sources",
    "distort",
    "judges",
    "rewrite",
)
"""Modules of this package, in the order of `flamingo --help`."""

for _name in COMMANDS:
    import_module(f"{__name__}.{_name}").register(app)


def main() -> None:
    """Run the command line; a `FlamingoError` is one clear message and exit code 2."""
    try:
        app()
    except FlamingoError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
