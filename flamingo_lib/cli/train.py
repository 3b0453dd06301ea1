"""`flamingo train` and `flamingo plan`: tune a stage, in a run or on chats of one's own, and what it would cost."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ..config import Preset, StageConfig
from .backend_options import System

PresetName = Annotated[str, typer.Option("--preset", help="size of the program: tiny, small or paper")]
Seed = Annotated[int, typer.Option("--seed", help="seed of every random choice")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", help="key=value; `flamingo presets show` lists the keys; may be repeated")
]
AsJson = Annotated[bool, typer.Option("--json", help="print the figures as JSON")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""

    @app.command()
    def train(
        stage: Annotated[str, typer.Argument(help="rewriter, a stage or an ablation of the preset, or all")],
        preset: PresetName = "tiny",
        seed: Seed = 0,
        settings: Settings = None,
        run: Annotated[
            str | None, typer.Option("--run", help="name of the run, kept in runs/NAME; by default PRESET-SEED")
        ] = None,
        run_dir: Annotated[Path | None, typer.Option("--run-dir", help="folder of the run, in place of a name")] = None,
        data: Annotated[
            Path | None,
            typer.Option(
                "--data",
                help="what to train on instead of a run's data: chats (JSON lines or a list), or what build-pf1m wrote",
            ),
        ] = None,
        images: Annotated[
            Path | None,
            typer.Option("--images", help="with --data: folder that image paths are relative to; by default its own"),
        ] = None,
        base: Annotated[
            str | None, typer.Option("--base", help="with --data: the model to start from; by default the preset's")
        ] = None,
        out: Annotated[Path | None, typer.Option("--out", help="with --data: folder of the trained model")] = None,
        fsdp: Annotated[
            bool, typer.Option("--fsdp", help="with --data, under torchrun: share the weights among the processes")
        ] = False,
        cache: Annotated[Path | None, typer.Option("--cache", help="with --data: folder for visual features")] = None,
        model: Annotated[
            str | None,
            typer.Option(
                "--model",
                help="train this image-text-to-text model of Transformers (its folder or hub name) as the rewriter "
                "instead of our Flamingo",
            ),
        ] = None,
        system: System = None,
        prompt: Annotated[
            str | None,
            typer.Option("--prompt", help="with --model: the user's turn, with {instruction} and {draft}"),
        ] = None,
        merge: Annotated[
            bool, typer.Option("--merge", help="with --model: write the whole model instead of the adapter alone")
        ] = False,
        pack: Annotated[
            int | None,
            typer.Option(
                "--pack",
                min=2,
                help="with --model: put whole pairs that don't see each other into windows of so many tokens; batch "
                "sizes then count windows",
            ),
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Tune the rewriter or a stage of the U.

        Without --data, the stage of a run, with the steps it needs that are not done yet. With --data, any chats: one
        {"id": ..., "turns": [{"instruction": ..., "response": ..., "images": 1}], "images": ["a.png"]} a line or all of
        them in one JSON list, or a folder of build-pf1m or its pf1m.json; also under torchrun or accelerate launch. An
        interrupted training goes on where it was.

        `train rewriter --model M --out DIR` trains LoRA on another model, on a run's pairs or on --data: pairs.jsonl of
        `flamingo distort` (--images: the folder with one subfolder a dataset), or chats with drafts.
        """
        from ..errors import ConfigError
        from ..presets import load_preset
        from ..threads import computing_threads

        chosen = load_preset(preset, settings or (), seed)
        row = None if stage == "all" else stage_row(chosen, stage, "all")
        where = str(run_dir.absolute()) if run_dir else run or f"{preset}-{seed}"
        if model is not None:
            from .train_vlm import train_other

            if stage != "rewriter" or out is None:
                raise ConfigError("--model trains a rewriter into a folder", remedy="Give `train rewriter`, and --out.")
            asked: dict[str, Any] = {"system": system, "prompt": prompt, "pack": pack}
            asked |= {"data": data, "images": images, "run": where, "merge": merge}
            with computing_threads(chosen.threads):
                figures = train_other(model, chosen, out, seed=seed, **asked)
        elif system or prompt or merge or pack:
            raise ConfigError("--system, --prompt, --merge and --pack are for other models", remedy="Give --model.")
        elif data is None:
            figures = _in_a_run(chosen, stage, where)
        else:
            if row is None or out is None:
                raise ConfigError(
                    "with --data, name one stage and the folder of the trained model", remedy="Give STAGE and --out."
                )
            from ..training.chat_files import read_examples
            from ..training.stages import train_stage

            start, examples = base or chosen.model.base, read_examples(data, images)
            options: dict[str, Any] = {"cache_folder": cache, "label": stage, "fsdp": fsdp}
            with computing_threads(chosen.threads):
                result = train_stage(start, row, examples, out, seed=seed, model_config=chosen.model, **options)
            figures = {stage: result.to_json() | {"model": str(out)}}
        if int(os.environ.get("RANK", "0")):
            return  # of several processes, the first speaks
        if as_json:
            print(json.dumps(figures, indent=2))
            return
        for name, values in figures.items():
            print(f"{name}: {values['steps']} steps, loss {values['loss']:.3f}, model in {values['model']}")

    @app.command()
    def plan(
        stage: Annotated[str, typer.Argument(help="a stage, or all")] = "all",
        preset: PresetName = "paper",
        settings: Settings = None,
        gpus: Annotated[int, typer.Option("--gpus", min=1, help="GPUs that share the work")] = 1,
        memory: Annotated[float, typer.Option("--memory", help="gigabytes of each")] = 40,
        teraflops: Annotated[
            float, typer.Option("--teraflops", help="peak of each in the preset's number format")
        ] = 312,
        utilization: Annotated[
            float, typer.Option("--utilization", help="share of the peak that training reaches")
        ] = 0.25,
        samples: Annotated[
            int | None, typer.Option("--samples", min=1, help="samples in each mixture, where the preset doesn't know")
        ] = None,
        mean_tokens: Annotated[float, typer.Option("--mean-tokens", help="tokens of an average sample")] = 150,
        as_json: AsJson = False,
    ) -> None:
        """Estimate memory a GPU, steps and hours of the preset's stages; nothing is run."""
        from ..presets import load_preset
        from ..training.resource_plan import plan_stage, plan_table

        chosen = load_preset(preset, settings or ())
        rows = {"rewriter": chosen.rewriter, **chosen.stages}
        if stage != "all":
            rows = {stage: stage_row(chosen, stage, "all")}
        options: dict[str, Any] = {
            "gpus": gpus,
            "memory": memory,
            "teraflops": teraflops,
            "utilization": utilization,
            "mean_tokens": mean_tokens,
        }
        plans = [
            plan_stage(name, row, chosen.model, samples=row.samples or samples, **options) for name, row in rows.items()
        ]
        if as_json:
            print(json.dumps({item.stage: item.to_json() for item in plans}, indent=2))
            return
        print(plan_table(plans))
        for item in plans:
            if not item.fits:
                print(
                    f"{item.stage} does not fit into {memory:g} GB: take more GPUs, or a smaller context.",
                    file=sys.stderr,
                )


def stage_row(preset: Preset, name: str, *others: str) -> StageConfig:
    """A stage's config by name, among a preset's stages and ablations.

    Raises:
        ConfigError: there is none; the known names, and `others`, are listed.
    """
    from ..errors import ConfigError

    rows = {"rewriter": preset.rewriter, **preset.stages, **preset.ablations}
    if name not in rows:
        raise ConfigError(f"there is no stage {name!r}", remedy=f"Choose one of {', '.join([*rows, *others])}.")
    return rows[name]


def _in_a_run(preset: Preset, stage: str, run: str) -> dict[str, dict]:
    """Train stages of a run by its steps; an ablation becomes a stage of the run."""
    from ..pipeline.environment import runs_folder
    from ..pipeline.run_folder import Workspace
    from ..pipeline.steps.training import MODEL

    if stage in preset.ablations:
        preset = preset.model_copy(update={"stages": {**preset.stages, stage: preset.ablations[stage]}})
    workspace = Workspace(runs_folder(run), preset)
    figures = {}
    for name in ("rewriter", *preset.stages) if stage == "all" else (stage,):
        result = workspace.step(name)
        values = {key.removeprefix(f"train.{name}."): value for key, value in result.metrics.items()}
        figures[name] = values | {"model": str(result.folder / MODEL)}
    return figures
