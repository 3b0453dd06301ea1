"""`flamingo train-judges` and `calibrate-filters`: the tiny judges, and filter thresholds for any judges."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

PresetName = Annotated[str, typer.Option("--preset", help="tiny, small or paper")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change a setting of the preset")
]
Json = Annotated[bool, typer.Option("--json", help="print the figures as JSON")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("train-judges")(train_judges)
    app.command("calibrate-filters")(calibrate_filters)


def train_judges(
    out: Annotated[Path, typer.Option("--out", help="folder that receives nli-tiny/ and reward-tiny/")],
    only: Annotated[list[str] | None, typer.Option("--only", help="nli or reward; both by default")] = None,
    seed: Annotated[int, typer.Option("--seed", help="of examples and weights")] = 0,
    examples: Annotated[
        int | None, typer.Option("--examples", min=64, help="training examples of each; minutes by default")
    ] = None,
    threads: Annotated[
        int, typer.Option("--threads", min=0, help="threads to compute with; 0 leaves the choice to torch")
    ] = 2,
    as_json: Json = False,
) -> None:
    """Train the tiny NLI and reward judges on Scenes' known truth, and print how they do on unseen examples.

    The figures are also kept in metrics.json beside the weights. The examples come from seeds that no pool of scenes
    uses.
    """
    from dataclasses import replace

    from ..errors import ConfigError
    from ..judges.judge_card import NAMES
    from ..judges.train import NLI_TRAINING, REWARD_TRAINING, train_nli, train_reward
    from ..threads import computing_threads

    chosen = only or list(NAMES)
    if unknown := [name for name in chosen if name not in NAMES]:
        raise ConfigError(f"there is no judge {unknown[0]!r} to train", remedy=f"Choose {' or '.join(NAMES)}.")
    figures = {}
    for name, train, training in (("nli", train_nli, NLI_TRAINING), ("reward", train_reward, REWARD_TRAINING)):
        if name in chosen:
            if examples is not None:
                training = replace(training, examples=examples)
            with computing_threads(threads or None):
                figures[name] = train(out / NAMES[name], seed=seed, training=training)
    if as_json:
        print(json.dumps(figures))
        return
    for name, values in figures.items():
        print(f"{NAMES[name]} in {out / NAMES[name]}")
        for key, value in values.items():
            if isinstance(value, list):
                continue
            if isinstance(value, dict):
                value = ", ".join(f"{part} {number}" for part, number in value.items())
            print(f"  {key.replace('_', ' '):<26} {value}")


def calibrate_filters(
    data: Annotated[Path, typer.Option("--data", help="a Scenes data root, as `flamingo scenes` writes it")],
    rewriter: Annotated[str, typer.Option("--rewriter", help="the rewriter's folder, or a shipped checkpoint's name")],
    out: Annotated[Path | None, typer.Option("--out", help="write the report to this JSON file")] = None,
    target: Annotated[
        float, typer.Option("--target", min=0.5, max=1.0, help="share of the faithful rewrites each judge keeps")
    ] = 0.95,
    limit: Annotated[int, typer.Option("--limit", min=1, help="samples of each dataset in each pool")] = 150,
    check: Annotated[bool, typer.Option("--check/--no-check", help="measure the result on the evaluation pool")] = True,
    preset: PresetName = "tiny",
    seed: Annotated[int | None, typer.Option("--seed", help="instead of the preset's")] = None,
    settings: Settings = None,
    as_json: Json = False,
) -> None:
    """Choose the thresholds of STS, NLI and CLIPScore so that a stated share of the faithful rewrites is kept.

    The calibration pool of Scenes is rewritten and judged; its truth is known. With --check the whole chain is then
    measured on the evaluation pool: precision and recall of every filter, and each fault before and after.
    """
    from ..filters.filter_metrics import percent
    from ..pf1m.worker import best_device
    from ..pipeline.calibration import calibrate_filters as run
    from ..presets import load_preset
    from ..rewriting.backends.flamingo import FlamingoRewriter
    from ..rewriting.pictures import Pictures
    from ..storage import write_json
    from ..threads import computing_threads

    chosen = load_preset(preset, settings or (), seed)
    with computing_threads(chosen.threads):
        loaded = FlamingoRewriter.load(
            rewriter,
            Pictures(data),
            chosen.rewriting,
            seed=chosen.seed,
            device=best_device(),
            optimize=chosen.model.optimize_for_cpu,
        )
        report = run(data, loaded, chosen, target=target, limit=limit, check=check)
    if out is not None:
        write_json(out, report)
    if as_json:
        print(json.dumps(report))
        return
    for name, row in report["judges"].items():
        kept, dropped = percent(row["faithful_kept"]), percent(row["faulty_dropped"])
        print(
            f"{name:<5} threshold {row['threshold']} (was {row['before']}): keeps {kept} of {row['faithful']} "
            f"faithful rewrites,"
        )
        print(f"      drops {dropped} of {row['faulty']} faulty ones; AUC {row['auc']}")
        for task, own in row.get("by_task", {}).items():
            counts = f"{own['faithful']} faithful, {own['faulty']} faulty"
            print(
                f"      {task}: {own['threshold']}, drops {percent(own['faulty_dropped'])} ({counts}; AUC {own['auc']})"
            )
    chosen_settings = [f"--set 'filters.{key}={json.dumps(value)}'" for key, value in report["settings"].items()]
    print("\nuse them with " + " ".join(chosen_settings))
    if check:
        print("\n" + quality_text(report["quality"]))


def quality_text(quality: dict[str, Any]) -> str:
    """The figures of `filter_quality` as a table of text."""
    from ..filters.filter_metrics import percent

    lines = [
        f"{'filter':<12}{'is there for':<16}{'seen':>7}{'faulty':>8}{'dropped':>9}"
        f"{'precision':>11}{'recall':>9}{'F1':>9}"
    ]
    for name, row in quality["filters"].items():
        ratios = f"{percent(row['precision']):>11}{percent(row['recall']):>9}{percent(row['f1']):>9}"
        lines.append(f"{name:<12}{row['aims_at']:<16}{row['seen']:>7}{row['faulty']:>8}{row['dropped']:>9}{ratios}")
    lines.append("")
    lines += [
        f"{name:<16}{percent(row['before']):>9} before, {percent(row['after']):>7} after"
        for name, row in quality["faults"].items()
    ]
    lines.append(f"kept: {percent(quality['kept'])} of all, {percent(quality['faithful_kept'])} of the faithful")
    return "\n".join(lines)
