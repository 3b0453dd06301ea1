"""`flamingo evaluate`: ask models the questions whose answers are known, and measure what they say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..config import Preset
    from ..evaluation.model_metrics import ModelMetrics


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command()
    def evaluate(
        models: Annotated[
            list[str] | None, typer.Argument(help="folders of models, or shipped names; none: those of the run")
        ] = None,
        preset: Annotated[str, typer.Option("--preset", help="size of the program: tiny, small or paper")] = "tiny",
        seed: Annotated[int, typer.Option("--seed", help="seed of the questions")] = 0,
        settings: Annotated[
            list[str] | None, typer.Option("--set", help="key=value, such as evaluation.questions=80; may be repeated")
        ] = None,
        run: Annotated[
            str | None, typer.Option("--run", help="name of the run, kept in runs/NAME; by default PRESET-SEED")
        ] = None,
        run_dir: Annotated[Path | None, typer.Option("--run-dir", help="folder of the run, in place of a name")] = None,
        data: Annotated[
            Path | None, typer.Option("--data", help="a Scenes data root, as `flamingo scenes` writes it")
        ] = None,
        curt: Annotated[
            bool, typer.Option("--curt", help="cut answers at the first line end, as a base needs it")
        ] = False,
        out: Annotated[
            Path | None, typer.Option("--out", help="write a page with tables and pictures to this file")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON")] = False,
    ) -> None:
        """Measure right answers, false claims and politeness of models on Scenes.

        With models named, those, on the data root given or on the run's; else every model of the run.
        """
        from ..errors import ConfigError
        from ..presets import load_preset

        chosen = load_preset(preset, settings or (), seed)
        name = str(run_dir.absolute()) if run_dir else run or f"{preset}-{seed}"
        if not models:
            if data or out:
                raise ConfigError(
                    "--data and --out go with named models", remedy="Name models, or see the run's report.html."
                )
            from ..pipeline.environment import runs_folder
            from ..pipeline.run_folder import Workspace

            figures = dict(Workspace(runs_folder(name), chosen).step("evaluate").metrics)
        else:
            figures = _named(models, chosen, data or _data_of(name, chosen), seed, curt, out)
        if as_json:
            print(json.dumps(figures, indent=2))
            return
        for key, value in figures.items():
            print(f"{key:<44}{value:>10.3f}")
        if out is not None:
            print(f"page  {out}")


def _data_of(run: str, preset: Preset) -> Path:
    """The data root of a run."""
    from ..pipeline.environment import runs_folder
    from ..pipeline.run_folder import Workspace
    from ..pipeline.steps.scenes import data_root

    return data_root(Workspace(runs_folder(run), preset).step("scenes").folder, preset)


def _named(models: list[str], preset: Preset, data: Path, seed: int, curt: bool, out: Path | None) -> dict[str, float]:
    """Figures of each model under its name; the page, if one is wanted."""
    from ..evaluation.chat_generator import ChatGenerator
    from ..evaluation.model_metrics import examine, make_eval_set
    from ..evaluation.report import stage_sections, write_page
    from ..judges.panel import load_judges
    from ..scenes.index import TruthIndex
    from ..training.stages import load_base

    reward: Any = load_judges(preset.judges, only=["reward"]).reward
    config = preset.evaluation
    eval_set = make_eval_set(TruthIndex(data), config, seed=seed)
    examined: dict[str, ModelMetrics] = {}
    for model in models:
        loaded = load_base(model, optimize=preset.model.optimize_for_cpu)
        answerer = ChatGenerator(*loaded, batch_size=config.batch_size, max_new_tokens=config.max_new_tokens, curt=curt)
        name = _name(model, examined)
        examined[name] = examine(name, answerer, eval_set, reward)
    if out is not None:
        write_page(out, stage_sections(examined, eval_set), notes=f"{config.questions} questions, seed {seed}.")
    figures: dict[str, float] = {}
    for item in examined.values():
        figures |= item.metrics()
        figures |= {
            f"stages.{item.name}.exact_held_in_accuracy": item.exact_held_in.value,
            f"stages.{item.name}.exact_held_out_accuracy": item.exact_held_out.value,
        }
    return figures


def _name(model: str, taken: dict) -> str:
    """A short name: the folder's, or its parent's if that is just "model"."""
    path = Path(model)
    name = path.parent.name if path.name == "model" and path.parent.name else path.name
    return name if name not in taken else f"{name}-{len(taken)}"
