"""`flamingo pretrain`: make the tiny base model, and the CLIP model behind CLIPScore, from nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command()
    def pretrain(
        out: Annotated[Path, typer.Option(help="Folder of the base model.")] = Path("runs/pretrain/openflamingo-tiny"),
        clip_out: Annotated[Path | None, typer.Option(help="Folder of the CLIP model; left out if not given.")] = None,
        preset: Annotated[str, typer.Option(help="tiny, small or paper.")] = "tiny",
        seed: Annotated[int, typer.Option(help="Seed of every random choice.")] = 0,
        set_: Annotated[list[str] | None, typer.Option("--set", help="key.path=value overrides of the preset.")] = None,
        threads: Annotated[int, typer.Option(min=0, help="Threads to compute with; 0 leaves the choice to torch.")] = 2,
        json_: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
    ) -> None:
        """Pretrain the tiny base from nothing; run again after a stop, it goes on behind the last finished phase."""
        import json

        from ..presets import load_preset
        from ..pretraining.run import pretrain_base
        from ..threads import computing_threads

        chosen = load_preset(preset, set_ or ())
        with computing_threads(threads or None):
            figures = pretrain_base(chosen, out, clip_out=clip_out, seed=seed)
        last = figures["phases"]["copying"]["result"][-1]
        if json_:
            print(json.dumps(figures))
        else:
            print(f"{out}: exact answers held-in {last['mean']:.3f}, held-out {last['held_out_mean']:.3f}")
