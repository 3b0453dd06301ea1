"""`flamingo study`: every claim of the method on several seeds, with intervals and verdicts."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from .options import Jobs


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command()
    def study(
        seeds: Annotated[int, typer.Option("--seeds", min=1, help="number of seeds")] = 5,
        first_seed: Annotated[int, typer.Option("--first-seed", min=0, help="the first of them")] = 0,
        seed: Annotated[
            list[int] | None, typer.Option("--seed", min=0, help="a seed by itself, in place of both; may be repeated")
        ] = None,
        only: Annotated[
            list[str] | None, typer.Option("--only", help="a model to make; may be repeated; by default all")
        ] = None,
        preset: Annotated[str, typer.Option("--preset", help="size of the program: tiny, small or paper")] = "tiny",
        settings: Annotated[
            list[str] | None,
            typer.Option("--set", help="key=value; `flamingo presets show` lists the keys; may be repeated"),
        ] = None,
        run_root: Annotated[
            Path | None,
            typer.Option(
                "--run-root",
                help="folder of the seeds' runs; by default runs/study, of seeds from 10 runs/study-development",
            ),
        ] = None,
        minutes: Annotated[
            float | None, typer.Option("--minutes", min=0, help="begin no step after so many minutes")
        ] = None,
        jobs: Jobs = None,
        out: Annotated[
            Path | None,
            typer.Option(
                "--out",
                help="file of the result; by default data_samples/study/study.json, of seeds from 10 "
                "study-development.json in the folder of the runs",
            ),
        ] = None,
        generations: Annotated[
            Path | None,
            typer.Option(
                "--generations",
                help="also write both rewriters of the first seed beside each other to this file, for notebook 09",
            ),
        ] = None,
        collect: Annotated[
            bool, typer.Option("--collect", help="only compute the claims again from the stored predictions")
        ] = False,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="only say what would be made, and how long it may take")
        ] = False,
    ) -> None:
        """Measure every claim of the method on several seeds: paper, ours, interval, verdict.

        What is done is not done again: a study can be run in parts, by seed, by model, by minutes, and on several
        machines, since the predictions of each seed are kept beside the result. Seeds 0 to 4 are reported; development
        is on seeds from 10, whose result goes to another file.
        """
        from ..pipeline.environment import runs_folder
        from ..pipeline.schedule import default_jobs
        from ..presets import load_preset
        from ..study import record, run, stored

        chosen = run.chosen_seeds(seeds, first_seed, seed or ())
        development = run.is_development(chosen)
        root = (run_root or runs_folder("study-development" if development else "study")).absolute()
        target = record.target_file(out, root, chosen)
        plan = run.StudyPlan(root, load_preset(preset, settings or ()), chosen, tuple(only or ()))
        recorded = record.recorded_seeds(chosen, target)  # of other settings, refused now rather than after hours
        archives = stored.read_archives(target, recorded, run.settings_of(plan.preset))
        archived = frozenset((number, model) for number, archive in archives.items() for model in archive.predictions)
        plan = replace(plan, archived=archived)
        plan.check()
        jobs = jobs or default_jobs(plan.preset)
        if dry_run:
            run.dry_run(plan, jobs=jobs)
            return
        if development:
            print(f"seeds {', '.join(map(str, chosen))} are for development: the result goes to {target}", flush=True)
        if collect:
            run.note_settings(plan)
        else:
            try:
                left = run.run_study(plan, jobs=jobs, minutes=minutes, say=lambda line: print(line, flush=True))
            except KeyboardInterrupt:
                print("interrupted: the same command goes on from here", file=sys.stderr)
                raise typer.Exit(130) from None
        try:
            found, data = record.store_study(plan, target)
        except stored.NothingStored:
            if collect:
                raise
            print(_left(left))
            return
        print(record.as_table(found))
        if found["left"]:
            print(f"\n{_left(found['left'])}")
        print(f"\nresult  {target}")
        if generations is not None:
            from ..study.generations import collect_generations, write_generations

            first = chosen[0]
            compared = collect_generations(data, plan.root / f"seed-{first}", plan.preset, first)
            write_generations(generations.absolute(), compared)
            print(f"both generations of seed {first}  {generations}")


def _left(models: Iterable[Sequence]) -> str:
    """What is left of a study, as (seed, model), in words."""
    named = ", ".join(f"{model} of seed {number}" for number, model in models)
    return f"left: {named}\nThe same command goes on from here."
