"""`flamingo windows`: how each packing strategy fills the windows of a stage, in figures and as coloured strips."""

from __future__ import annotations

import json
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Annotated

import typer

from ..config import Preset
from .tables import aligned
from .train import AsJson, PresetName, Seed, Settings

STYLE = ":root{color-scheme:light}table.fl{width:auto}table.fl td,table.fl th{text-align:right;vertical-align:bottom}"
"""Figures stand right, above the strips, whose colours are made for a light page."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command()
    def windows(
        stage: Annotated[str, typer.Argument(help="rewriter, a stage or an ablation of the preset")] = "stage1",
        preset: PresetName = "tiny",
        seed: Seed = 0,
        settings: Settings = None,
        run: Annotated[
            str | None, typer.Option("--run", help="name of the run, kept in runs/NAME; by default PRESET-SEED")
        ] = None,
        run_dir: Annotated[Path | None, typer.Option("--run-dir", help="folder of the run, in place of a name")] = None,
        data: Annotated[Path | None, typer.Option("--data", help="chats, JSON lines, instead of a run's data")] = None,
        images: Annotated[
            Path | None, typer.Option("--images", help="folder that the chats' image paths are relative to")
        ] = None,
        base: Annotated[
            str | None, typer.Option("--base", help="whose tokenizer and weights; by default the preset's base")
        ] = None,
        contexts: Annotated[
            list[int] | None,
            typer.Option("--context", min=8, help="tokens in a window; may be repeated; by default the stage's"),
        ] = None,
        steps: Annotated[
            int, typer.Option("--steps", min=0, help="training steps timed for supervised tokens a second; 0: none")
        ] = 0,
        html: Annotated[
            Path | None, typer.Option("--html", help="write a page that draws the windows as strips to this file")
        ] = None,
        as_json: AsJson = False,
    ) -> None:
        """Compare packing strategies: window fill, cut responses, images a window, supervised tokens.

        The data is that of a stage of a run, with the steps it needs, or with --data any chats, as
        `flamingo train` takes them. Figures are of the first epoch. With --steps, training is timed from images as they
        are, on batches padded to their longest window.
        """
        from ..chat.template import IMAGE
        from ..html import write_page
        from ..presets import load_preset
        from ..training.chat_files import read_examples
        from ..training.packing.report import compare_strategies, strategy_html, strategy_strips, strategy_table
        from ..training.packing.strategies import STRATEGIES
        from ..training.packing.tokenized import build_table
        from ..training.stages import example_template, load_base, stage_speed
        from .train import stage_row

        chosen = load_preset(preset, settings or (), seed)
        row = stage_row(chosen, stage)
        if data is not None:
            examples = list(read_examples(data, images))
        else:
            examples = _of_a_run(chosen, row.mixture, str(run_dir.absolute()) if run_dir else run or f"{preset}-{seed}")
        model, processor = load_base(base or chosen.model.base, optimize=False)  # training is timed, not decoding
        lengths = contexts or [row.context_length]
        table = build_table(examples, example_template(processor), max_tokens=max(min(lengths) - 64, 8))
        reports = {length: compare_strategies(table, row, seed=seed, context_length=length) for length in lengths}
        rates = {}
        for length, name in product(lengths, STRATEGIES if steps else ()):
            cell = row.model_copy(update={"context_length": length, "packing": name, "max_steps": steps + 1})
            rates[length, name] = stage_speed(
                (model, processor), cell, table, chosen.model, seed=seed, steps=steps
            ).supervised_tokens
        if html is not None:
            image = processor.tokenizer.convert_tokens_to_ids(IMAGE)
            shown = [row.model_copy(update={"context_length": length}) for length in lengths]
            strips = (strategy_strips(table, cell, seed=seed, image_token_id=image) for cell in shown)
            write_page(html, f"Windows of {stage}", strategy_html(reports, rates), *strips)
        if as_json:
            cells = {
                str(length): {
                    name: asdict(report) | ({"supervised_tokens_a_second": rates[length, name]} if rates else {})
                    for name, report in by_strategy.items()
                }
                for length, by_strategy in reports.items()
            }
            print(json.dumps(cells, indent=2))
            return
        print(aligned(strategy_table(reports, rates)))


def _of_a_run(preset: Preset, mixture: str, run: str) -> list:
    """The examples of a mixture of a run."""
    from ..pipeline.environment import runs_folder
    from ..pipeline.run_folder import CACHE, SCRATCH, Workspace
    from ..pipeline.step import Job
    from ..pipeline.steps.mixtures import mixture_examples, mixture_inputs

    workspace = Workspace(runs_folder(run), preset)
    inputs = {name: workspace.step(name).folder for name in mixture_inputs(mixture)}
    folder = workspace.folder
    return mixture_examples(mixture, Job(folder, folder / SCRATCH, folder / CACHE, inputs, preset))
