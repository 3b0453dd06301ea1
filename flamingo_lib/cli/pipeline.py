"""`flamingo pipeline` and `flamingo notebooks`: the whole method, and what the notebooks show of it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import Jobs

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
        root: Annotated[
            Path | None, typer.Option("--root", help="folder of datasets, one subfolder each: the setting sources.root")
        ] = None,
        weights: Annotated[
            Path | None,
            typer.Option(
                "--weights", help="folder of released weights, one subfolder each, for base, judges, distorter"
            ),
        ] = None,
        jobs: Jobs = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="say what is there, what is missing and what the run costs, and end")
        ] = False,
        count: Annotated[
            bool, typer.Option("--count/--no-count", help="with --dry-run: count the samples of every dataset")
        ] = True,
        gpus: Annotated[int, typer.Option("--gpus", min=1, help="with --dry-run: GPUs to plan for")] = 8,
        memory: Annotated[float, typer.Option("--memory", min=1, help="with --dry-run: gigabytes of each")] = 40,
        as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON")] = False,
    ) -> None:
        """Take raw annotations all the way to a chatting model.

        What is already done is not done again; an interrupted run goes on where it was. A run on datasets of one's own
        begins only when all of them, and all weights, are there.
        """
        from ..pipeline.environment import runs_folder
        from ..pipeline.metrics import as_table
        from ..pipeline.run import run_pipeline, steps_until
        from ..pipeline.run_folder import Workspace
        from ..pipeline.schedule import default_jobs
        from ..pipeline.steps import build_steps
        from ..presets import load_preset

        def say(line: str) -> None:
            print(line, file=sys.stderr if as_json else sys.stdout, flush=True)

        chosen = load_preset(preset, settings or (), seed)
        if root is not None:
            sources = chosen.sources.model_copy(update={"root": str(root.expanduser().absolute())})
            chosen = chosen.model_copy(update={"sources": sources})
        if weights is not None:
            from ..pipeline.requirements import with_weights

            chosen = with_weights(chosen, weights)
        folder = runs_folder(run_dir.absolute() if run_dir else run or f"{preset}-{seed}")
        names = steps_until([step.name for step in build_steps(chosen)], until)
        if dry_run:
            from ..pipeline.dry_run import dry_run as look

            found = look(chosen, names, folder, count=count, gpus=gpus, memory=memory)
            print(json.dumps(found.to_json(), indent=2) if as_json else "\n".join(found.lines()))
            return
        if chosen.sources.root or not chosen.sources.scenes:
            from ..pipeline.requirements import require_all

            require_all(chosen, names)
            if not chosen.sources.scenes and notebooks and until is None:
                say("the notebooks tell of the rendered Scenes and are left out")
                notebooks = False
        workspace = Workspace(folder, chosen)
        try:
            values = run_pipeline(
                workspace, notebooks=notebooks, until=until, jobs=jobs or default_jobs(chosen), say=say
            )
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
        """Take the outputs of a run over into notebooks/, without times, paths and machine-specific remains.

        The solutions are executed in the run first, each once for the same code and settings.
        """
        from ..pipeline.notebook_outputs import refresh
        from ..pipeline.run_folder import Workspace
        from ..pipeline.schedule import MOST
        from ..pipeline.stored_run import stored_preset, stored_run
        from ..threads import cores

        folder = stored_run(run_dir.absolute() if run_dir else run or "tiny-0")
        workspace = Workspace(folder, stored_preset(folder))
        for path in refresh(workspace, jobs=min(MOST, cores()), say=lambda line: print(line, file=sys.stderr)):
            print(path)
