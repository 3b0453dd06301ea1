"""`flamingo presets`: which sizes there are, and every setting of one."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    presets = typer.Typer(help="List the presets, or show every setting of one.", no_args_is_help=True)
    app.add_typer(presets, name="presets")

    @presets.command("list")
    def list_presets(as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
        """Name the presets and say what each is for."""
        from ..presets import NAMES, describe

        rows = {name: describe(name) for name in NAMES}
        if as_json:
            print(json.dumps(rows, indent=2))
        else:
            for name, text in rows.items():
                print(f"{name:<8}{text}")

    @presets.command("show")
    def show(
        name: Annotated[str, typer.Argument(help="the preset's name")] = "tiny",
        settings: Annotated[list[str] | None, typer.Option("--set", help="key=value, as for the pipeline")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    ) -> None:
        """Print every setting of a preset as key = value; each key can be given to --set."""
        from ..presets import load_preset
        from ..presets.overrides import rows

        preset = load_preset(name, settings or ())
        if as_json:
            print(preset.model_dump_json(indent=2))
            return
        for key, value, text in rows(preset):
            print(f"{key} = {json.dumps(value)}" + (f"    # {text}" if text else ""))
