"""`flamingo pipeline` and `flamingo notebooks`: the whole method, and what the notebooks show of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

Run = Annotated[str | None, typer.Option("--run", help="name of the run, kept in runs/NAME; by default PRESET-SEED")]
RunDir = Annotated[Path | None, typer.Option("--run-dir", help="folder of the run, in place of a name")]
PresetName = Annotated[str, typer.Option("--preset", help="size of the program: tiny, small or paper")]
Seed = Annotated[int, typer.Option("--seed", help="seed of every random choice")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="key=value; `flamingo presets show` lists the keys; may be repeated")
]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""

    @app.command()
    def pipeline(
        preset: PresetName = "tiny",
        seed: Seed = 0,
        run: Run = None,
        run_dir: RunDir = None,
        settings: Settings = None,
        notebooks: Annotated[
            bool, typer.Option("--notebooks/--no-notebooks", help="execute the notebooks, or only the steps")
        ] = True,
        until: Annotated[str | None, typer.Option("--until", help="the last step to do, without notebooks")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON")] = False,
    ) -> None:
        """Take raw annotations all the way to a chatting model.

        What is already done is not done again; an interrupted run goes on where it was.
        """
        from ..pipeline.metrics import as_table
        from ..pipeline.run import run_pipeline
        from ..pipeline.run_folder import Workspace

        def say(line: str) -> None:
            print(line, file=sys.stderr if as_json else sys.stdout, flush=True)

        workspace = Workspace.open(
            run_dir.absolute() if run_dir else run or f"{preset}-{seed}", preset, seed, settings or ()
        )
        try:
            values = run_pipeline(workspace, notebooks=notebooks, until=until, say=say)
        except KeyboardInterrupt:
            print("interrupted: the same command goes on from here", file=sys.stderr)
            raise typer.Exit(130) from None
        if as_json:
            print(json.dumps(values, indent=2))
        else:
            print(as_table(values))
            print(f"\nfigures  {workspace.folder / 'metrics.json'}")
            if until is None:
                print(f"report   {workspace.folder / 'report.html'}")

    @app.command()
    def notebooks(
        run: Run = None,
        run_dir: RunDir = None,
    ) -> None:
        """Take the outputs of a run over into notebooks/, without times, paths and machine-specific remains."""
        from ..pipeline.environment import runs_folder
        from ..pipeline.notebook_outputs import take_over

        for path in take_over(runs_folder(run_dir.absolute() if run_dir else run or "tiny-0") / "notebooks"):
            print(path)
