"""`flamingo evaluate`: ask models questions, of Scenes or of any source of the catalogue, and measure what they say."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from ..config import Preset
    from ..evaluation.model_metrics import ModelMetrics
    from ..evaluation.run_settings import RunSettings, SourceRequest

OF_SOURCES = ("name", "split", "limit", "shots", "prompt", "judges", "device")
"""Options that say nothing without --source."""
OF_NAMED = ("data", "curt", "out", "settings")
"""Options that say nothing about the figures that a run has stored."""


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""

    @app.command()
    def evaluate(
        context: typer.Context,
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
            Path | None,
            typer.Option(
                "--out",
                help="write a page with tables and pictures to this file; with --source, the folder of the results",
            ),
        ] = None,
        model: Annotated[
            str | None, typer.Option("--model", help="with --source: a model's folder, or a shipped name")
        ] = None,
        source: Annotated[
            list[str] | None,
            typer.Option("--source", help="NAME=ROOT: a source of the catalogue and its folder; may be repeated"),
        ] = None,
        name: Annotated[
            str | None, typer.Option("--name", help="with --source: what to call the model; by default its folder")
        ] = None,
        split: Annotated[
            str | None, typer.Option("--split", help="with --source: the split; by default all with answers")
        ] = None,
        limit: Annotated[
            int | None, typer.Option("--limit", min=1, help="with --source: at most so many questions of each")
        ] = None,
        shots: Annotated[
            int, typer.Option("--shots", min=0, help="with --source: examples shown before each question")
        ] = 0,
        prompt: Annotated[
            str,
            typer.Option("--prompt", help="with --source: chat; openflamingo or page for a base that can't chat"),
        ] = "chat",
        judges: Annotated[
            str,
            typer.Option(
                "--judges", help="with --source: of sts,nli,reward,clip, joined by commas; or none. --set names models"
            ),
        ] = "sts,nli,reward,clip",
        device: Annotated[str, typer.Option("--device", help="with --source: where model and judges run")] = "cpu",
        as_json: Annotated[bool, typer.Option("--json", help="print the figures as JSON")] = False,
    ) -> None:
        """Measure models on Scenes, or one model on sources of the catalogue.

        With --model and --source: right answers, captions, yes or no, reward and more, as fits each source's task,
        with guess lines; predictions.jsonl and metrics.json are written to the folder --out, and a run that was
        stopped goes on. Without: right answers, false claims and politeness on Scenes, of the models named, on the
        data root given or on the run's; with no model named, what the run has stored of all of its own.
        """
        from ..errors import ConfigError
        from ..presets import load_preset
        from ..threads import computing_threads

        chosen = load_preset(preset, settings or (), seed)
        if source or model:
            if models or data or run or run_dir:
                raise ConfigError(
                    "--model and --source go without named models, --data and --run",
                    remedy="Give --model MODEL --source NAME=ROOT --out FOLDER.",
                )
            if not source or not model or out is None:
                missing = "--source" if not source else "--model" if not model else "--out"
                raise ConfigError(f"{missing} is missing", remedy="Give --model MODEL --source NAME=ROOT --out FOLDER.")
            requests = [_request(text) for text in source]
            roles = [role.strip() for role in judges.split(",") if role.strip() not in ("", "none")]
            asked = (name, requests, out, roles, split, limit, shots, prompt, seed)
            with computing_threads(chosen.threads):
                summary = _on_sources(chosen, model, *asked, curt=curt, device=device)
            if as_json:
                print(json.dumps(summary, indent=2, ensure_ascii=False))
                return
            from ..evaluation.run_summary import summary_lines

            print("\n".join(summary_lines(summary)))
            print(f"written to {out}")
            return
        _refuse(context, OF_SOURCES, "with --source", "Add --model MODEL --source NAME=ROOT --out FOLDER.")
        run_name = str(run_dir.absolute()) if run_dir else run or f"{preset}-{seed}"
        if not models:
            _refuse(context, OF_NAMED, "with named models", "Name models, or see the run's report.html.")
            if run or run_dir:
                _refuse(context, ("preset", "seed"), "without --run and --run-dir", "A run has its own.")
            from ..pipeline.stored_run import stored_result

            figures = dict(stored_result(run_name, "evaluate")[0].metrics)
        else:
            root = data or _data_of(run_name)
            with computing_threads(chosen.threads):
                figures = _named(models, chosen, root, seed, curt, out)
        if as_json:
            print(json.dumps(figures, indent=2))
            return
        for key, value in figures.items():
            print(f"{key:<44}{value:>10.3f}")
        if out is not None:
            print(f"page  {out}")


def _refuse(context: typer.Context, names: Iterable[str], where: str, remedy: str) -> None:
    """Refuse the options `names`, which go elsewhere, if the user gave one."""
    from ..errors import ConfigError

    options = {parameter.name: parameter.opts[-1] for parameter in context.command.params}
    sources = {name: context.get_parameter_source(name) for name in names}
    given = [options[name] for name, source in sources.items() if source is not None and source.name != "DEFAULT"]
    if given:
        raise ConfigError(f"{', '.join(given)} {'goes' if len(given) == 1 else 'go'} {where}", remedy=remedy)


def _request(text: str) -> SourceRequest:
    """A source from ``NAME=ROOT``."""
    from ..errors import ConfigError, DataError
    from ..evaluation.run_settings import SourceRequest
    from ..sources.catalog import find_row

    name, equals, root = text.partition("=")
    if not equals or not name or not root:
        raise ConfigError(f"--source {text!r} is not NAME=ROOT", remedy="`flamingo sources list` prints all names.")
    find_row(name)
    if not Path(root).is_dir():
        raise DataError("there is no such folder", file=root, record=name, remedy=f"Give the folder of {name}.")
    return SourceRequest(name, Path(root))


def _on_sources(
    preset: Preset,
    model: str,
    name: str | None,
    sources: list[SourceRequest],
    out: Path,
    roles: list[str],
    split: str | None,
    limit: int | None,
    shots: int,
    prompt: str,
    seed: int,
    *,
    curt: bool,
    device: str,
) -> dict[str, Any]:
    """Evaluate one model on sources; what is stored already is not asked again. Returns ``metrics.json``'s content."""
    from ..errors import ConfigError
    from ..evaluation.few_shot import CHAT, FORMATS
    from ..evaluation.run_settings import METRICS, RunSettings, prepare, stored_facts
    from ..evaluation.run_summary import summarize_run
    from ..hub import resolve
    from ..judges.panel import find_judges
    from ..rewriting.lock import only_job
    from ..storage import fingerprint_files, write_json

    if prompt != CHAT and prompt not in FORMATS:
        known = ", ".join((CHAT, *FORMATS))
        raise ConfigError(f"unknown prompt format {prompt!r}", remedy=f"Use one of {known}.")
    folder = resolve(model, role="the model to evaluate")
    find_judges(preset.judges, roles)
    settings = RunSettings(
        model=name or _name(model, {}),
        weights=fingerprint_files(
            path for path in folder.iterdir() if path.suffix in {".json", ".safetensors", ".txt", ".model"}
        ),
        sources=tuple(sources),
        split=split,
        limit=limit,
        shots=shots,
        prompt=prompt,
        seed=seed,
        judges={role: getattr(preset.judges, role) for role in roles},
        batch=preset.evaluation.batch_size,
        max_new_tokens=preset.evaluation.max_new_tokens,
        curt=curt,
    )
    if out.exists() and not out.is_dir():
        raise ConfigError("--out is a file, and the results are a folder", file=out, remedy="Give a folder.")
    with only_job(out):
        if prepare(out, settings):
            facts = stored_facts(out, settings)
        else:
            facts = _ask(out, settings, folder, preset, roles, device)
        summary = summarize_run(out, settings, facts)
        write_json(out / METRICS, summary)
    return summary


def _ask(
    out: Path, settings: RunSettings, folder: Path, preset: Preset, roles: list[str], device: str
) -> dict[str, dict[str, Any]]:
    """Load model and judges, and ask what is not stored yet."""
    from ..evaluation.chat_generator import ChatGenerator
    from ..evaluation.runner import run
    from ..judges.panel import load_judges
    from ..loading import load_model

    panel = load_judges(preset.judges, only=roles, device=device)
    loaded = load_model(folder, role="the model to evaluate", device=device, optimize=preset.model.optimize_for_cpu)
    generator = ChatGenerator(
        *loaded, batch_size=settings.batch, max_new_tokens=settings.max_new_tokens, curt=settings.curt
    )
    return run(out, settings, generator, panel)


def _data_of(run: str) -> Path:
    """The data root of a run."""
    from ..pipeline.steps.scenes import data_root
    from ..pipeline.stored_run import stored_result

    scenes, preset = stored_result(run, "scenes")
    return data_root(scenes.folder, preset)


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
