"""`flamingo import`: a released Flamingo into a model folder, by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command("import")
    def import_released(
        weights: Annotated[Path, typer.Argument(help="folder of released weights, one subfolder a release")],
        name: Annotated[
            str,
            typer.Option("--as", help="openflamingo-9b, clever-flamingo, polite-flamingo or polite-flamingo-gen2"),
        ],
        out: Annotated[Path, typer.Option("--out", help="folder of the model; every command that takes one reads it")],
        adapter: Annotated[
            str | None, typer.Option("--adapter", help="with openflamingo-9b: begin with this LoRA, guanaco-7b")
        ] = None,
        dtype: Annotated[
            Literal["bfloat16", "float32"], typer.Option("--dtype", help="number format of the weights")
        ] = "bfloat16",
        as_json: Annotated[bool, typer.Option("--json", help="print the report as JSON")] = False,
    ) -> None:
        """Make a model folder of a released Flamingo, and say what was loaded and what was left out.

        The language model (llama-7b), the tower (ViT-L-14-336/openai) and the checkpoint each lie in a subfolder, under
        their repository's name on the hub; docs/full_size.md lists them. Nothing is fetched.
        """
        import torch

        from ..released import check_weights_root
        from ..training.released import import_released as make

        numbers = torch.bfloat16 if dtype == "bfloat16" else torch.float32
        imported = make(name, check_weights_root(weights), out, adapter=adapter, dtype=numbers)
        if as_json:
            print(json.dumps(imported.to_json() | {"model": str(out)}, indent=2))
            return
        print("\n".join(imported.lines()))
        print(f"model in {out}")
