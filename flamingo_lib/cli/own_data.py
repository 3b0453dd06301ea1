"""`flamingo rewrite-data`: a dataset of one's own, rewritten and filtered, in the format it came in."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .backend_options import Adapter, Backend, BackendSettings, StylePrompt, System, Url, backend_settings
from .options import INTERRUPTED, Json, Out, PresetName, RewriterName, Seed, Settings, Workers
from .tables import aligned

if TYPE_CHECKING:
    from ..own_data.outcome import Forecast, Outcome
    from ..own_data.samples import OwnData

DRY_RUN = 10


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rewrite-data")(rewrite_data)


def rewrite_data(
    data: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="CSV, TSV, JSON, JSON lines, Parquet, a folder of `datasets`, or of images with a .txt file each",
        ),
    ],
    rewriter: RewriterName,
    out: Out,
    columns: Annotated[
        str | None, typer.Option(metavar="image=...,instruction=...,response=...", help="names of the columns")
    ] = None,
    schema: Annotated[
        str | None,
        typer.Option(help="columns, llava, sharegpt, messages, alpaca or prompt-completion; found by itself"),
    ] = None,
    container: Annotated[
        str | None,
        typer.Option("--format", help="csv, tsv, jsonl, json, parquet, datasets or image-folder; found by itself"),
    ] = None,
    dataset_info: Annotated[
        Path | None, typer.Option(help="LLaMA-Factory's dataset_info.json; by default the one beside INPUT")
    ] = None,
    images: Annotated[Path | None, typer.Option(help="folder that image paths are relative to")] = None,
    turns: Annotated[
        str | None, typer.Option(metavar="0,2", help="which responses of a dialogue to rewrite, from 0; all of them")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="read at most so many rows")] = None,
    dry: Annotated[bool, typer.Option("--dry-run", help=f"rewrite {DRY_RUN} records, show them, and forecast")] = False,
    keep_dropped: Annotated[
        bool, typer.Option(help="keep rows that a filter dropped, with their old response")
    ] = False,
    filtering: Annotated[bool, typer.Option("--filters/--no-filters", help="judge and filter the rewrites")] = True,
    preset: PresetName = "tiny",
    seed: Seed = None,
    settings: Settings = None,
    workers: Workers = 0,
    backend: Backend = "flamingo",
    url: Url = None,
    style_prompt: StylePrompt = None,
    system: System = None,
    adapter: Adapter = None,
    backend_set: BackendSettings = None,
    as_json: Json = False,
) -> None:
    """Rewrite the responses of a dataset, filter them, and write it back in the format it came in.

    Beside the dataset stand history.jsonl (every response before and after, with the filters' verdicts), summary.json,
    report.html and set_aside.jsonl. The same command continues a job that was stopped.
    """
    from ..own_data.job import dry_run
    from ..own_data.job import rewrite_data as run
    from ..presets import load_preset

    chosen = load_preset(preset, settings or (), seed)
    asked = backend_settings(backend, url, style_prompt, system, adapter, backend_set)
    opened = open_data(data, out, columns, schema, container, dataset_info, images, turns, limit)
    print(f"{data}: {opened.container.kind}, {opened.schema.name} ({opened.schema.words})", file=sys.stderr)
    try:
        if dry:
            show_forecast(dry_run(opened, rewriter, chosen, asked, count=DRY_RUN, filtering=filtering), asked.price)
            return
        keep = {"filtering": filtering, "drop": not keep_dropped}
        outcome = run(opened, rewriter, out, chosen, asked, workers=workers, **keep)
    except KeyboardInterrupt:
        print(f"stopped; what is done stays in {out}: give the same command to continue", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
    if as_json:
        print(json.dumps({"rows": outcome.rows, "written": outcome.kept, "funnel": outcome.funnel}))
        return
    show_outcome(outcome, out)


def open_data(
    path: Path,
    out: Path,
    columns: str | None = None,
    schema: str | None = None,
    container: str | None = None,
    dataset_info: Path | None = None,
    images: Path | None = None,
    turns: str | None = None,
    limit: int | None = None,
) -> OwnData:
    """The dataset as the options describe it; `ConfigError` or `DataError` for options that don't fit it."""
    from ..errors import ConfigError
    from ..own_data.containers import open_container
    from ..own_data.dataset_info import find_info
    from ..own_data.samples import OwnData
    from ..own_data.schemas import Columns, find_schema

    found = open_container(path, container)
    wanted = None
    if turns is not None:
        try:
            wanted = {int(number) for number in turns.split(",")}
        except ValueError:
            raise ConfigError(f"not turns: {turns!r}", remedy="Give numbers from 0, such as --turns 0,2.") from None
    info = None if columns or schema else find_info(found.path, dataset_info)
    layout = find_schema(found, Columns.parse(columns) if columns else None, schema, info)
    return OwnData(found, layout, out / "images", wanted, images, limit)


def show_forecast(forecast: Forecast, price: tuple[float, float] | None) -> None:
    """Print the records tried, and what the whole dataset would take and give."""
    from ..filters.verdict import missing_output

    for rewrite in forecast.rewrites:
        drop = next((verdict for verdict in rewrite.verdicts if not verdict.keep), None)
        fate = missing_output(rewrite) or ("kept" if drop is None else f"dropped by {drop.filter}: {drop.reason}")
        print(f"\n{rewrite.sample.id}  {fate}")
        print(f"  instruction  {rewrite.sample.instruction}")
        print(f"  before       {rewrite.sample.raw}")
        print(f"  after        {rewrite.final}")
    tried = len(forecast.rewrites)
    print(f"\nof {tried} records tried, {forecast.kept} are kept by all filters", end="")
    drops = {name: count for name, count in forecast.funnel.get("total", {}).get("dropped", {}).items() if count}
    print("; dropped: " + ", ".join(f"{name} {count}" for name, count in drops.items()) if drops else "")
    print(
        f"all {forecast.records:,} responses: about {forecast.total_seconds / 60:,.1f} minutes at this pace, "
        + (f"{forecast.total_tokens_read:,} tokens read and " if forecast.tokens_read else "")
        + f"{forecast.total_tokens:,} tokens written, {round(forecast.records * forecast.kept / max(1, tried)):,} kept"
    )
    if price is not None:
        print(f"they cost about {forecast.cost(price):,.2f}")


def show_outcome(outcome: Outcome, out: Path) -> None:
    """Print what was written, the funnel, and the alarms that ring."""
    from ..filters.corpus_alarms import alarm_lines
    from ..filters.funnel import funnel_table, set_aside_words, why_empty
    from ..own_data.job import HISTORY, REPORT

    for hint in filter(None, (set_aside_words(outcome.funnel), why_empty(outcome.funnel))):
        print(f"warning: {hint}", file=sys.stderr)
    print(aligned(funnel_table(outcome.funnel), left=1))
    for line in alarm_lines(outcome.alarms):
        print(f"alarm: {line}", file=sys.stderr)
    print(f"\n{outcome.kept:,} of {outcome.rows:,} rows in {outcome.dataset}")
    print(f"every response before and after: {out / HISTORY}; report: {out / REPORT}")
