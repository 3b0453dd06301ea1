"""`flamingo rewrite`, `build-pf1m` and `explain`: raw annotations into polite, filtered responses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .backend_options import (
    Adapter,
    Backend,
    BackendSettings,
    BatchIn,
    BatchOut,
    StylePrompt,
    System,
    Url,
    backend_settings,
)
from .options import (
    INTERRUPTED,
    Json,
    Out,
    PresetName,
    Ray,
    RewriterName,
    Root,
    Seed,
    Settings,
    Source,
    Title,
    Workers,
)
from .tables import aligned

if TYPE_CHECKING:
    from ..config import Preset
    from ..rewriting.backends.settings import BackendConfig
    from ..rewriting.job import JobResult


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("rewrite")(rewrite)
    app.command("build-pf1m")(build_pf1m)
    app.command("explain")(explain)


def rewrite(
    source: Source,
    rewriter: RewriterName,
    out: Out,
    preset: PresetName = "tiny",
    seed: Seed = None,
    settings: Settings = None,
    workers: Workers = 0,
    ray: Ray = None,
    backend: Backend = "flamingo",
    url: Url = None,
    style_prompt: StylePrompt = None,
    system: System = None,
    adapter: Adapter = None,
    backend_set: BackendSettings = None,
    batch_out: BatchOut = None,
    batch_in: BatchIn = None,
    as_json: Json = False,
) -> None:
    """Rewrite raw annotations, without judging or filtering them.

    Writes JSON Lines in OUT/shards, one record a line, and OUT/quarantine.jsonl with what could not be read. A
    job that was stopped or killed continues where it was when the same command is given again.
    """
    asked = backend_settings(backend, url, style_prompt, system, adapter, backend_set, batch_in)
    if batch_out is not None:
        _write_requests(source, rewriter, out, preset, seed, settings, asked, batch_out, as_json)
        return
    result, _ = _run(source, rewriter, out, preset, seed, settings, workers, ray, asked, filtering=False)
    if as_json:
        print(json.dumps({"records": result.records, "shards": result.shards, "shards_found": result.found}))
    else:
        print(f"{result.records:,} records in {result.shards} shards below {out / 'shards'}")


def build_pf1m(
    source: Source,
    rewriter: RewriterName,
    out: Out,
    preset: PresetName = "tiny",
    seed: Seed = None,
    settings: Settings = None,
    workers: Workers = 0,
    ray: Ray = None,
    backend: Backend = "flamingo",
    url: Url = None,
    style_prompt: StylePrompt = None,
    system: System = None,
    adapter: Adapter = None,
    backend_set: BackendSettings = None,
    title: Title = "PF-1M",
    as_json: Json = False,
) -> None:
    """Build a PF-1M dataset: rewrite raw annotations, judge and filter them, write what stays.

    Writes the released JSON (pf1m.json), Parquet files that `datasets.load_dataset` reads, a card, and the funnel;
    every record, kept or dropped, stays in OUT/shards with its verdicts. The same command continues an interrupted job.
    """
    from ..filters.corpus_alarms import alarm_lines, read_alarms
    from ..filters.funnel import funnel_table, set_aside_words, why_empty
    from ..pf1m.build import ALARMS, export_pf1m
    from ..storage import read_json

    asked = backend_settings(backend, url, style_prompt, system, adapter, backend_set)
    result, chosen = _run(source, rewriter, out, preset, seed, settings, workers, ray, asked, filtering=True)
    funnel = export_pf1m(out, chosen, title=title)
    for hint in filter(None, (set_aside_words(funnel), why_empty(funnel))):
        print(f"warning: {hint}", file=sys.stderr)
    if as_json:
        print(
            json.dumps(
                {"records": result.records, "shards": result.shards, "shards_found": result.found, "funnel": funnel}
            )
        )
        return
    print(aligned(funnel_table(funnel), left=1))
    for line in alarm_lines(read_alarms(read_json(out / ALARMS))):
        print(f"alarm: {line}", file=sys.stderr)
    print(f"\n{funnel['total']['kept']:,} records in {out}")


def explain(
    record_id: Annotated[str, typer.Argument(help="the record's id, as in pf1m's Parquet files or the shards")],
    folder: Annotated[Path, typer.Option("--in", help="folder of build-pf1m or rewrite, or a run folder")],
    html: Annotated[Path | None, typer.Option("--html", help="write a page with the image to this file")] = None,
    root: Root = None,
    as_json: Json = False,
) -> None:
    """Show one record: image, instruction, raw annotation, rewrite, and every verdict with score and threshold."""
    from ..pipeline.find_record import find_record, record_pictures, record_text
    from ..records import to_json

    record = find_record(folder, record_id)
    if html is not None:
        from ..html import write_page
        from ..pipeline.record_html import record_card

        write_page(html, record_id, record_card(record, record_pictures(folder, root)))
    print(json.dumps(to_json(record), ensure_ascii=False) if as_json else record_text(record))


def _write_requests(
    source: list[str],
    rewriter: str,
    out: Path,
    preset: str,
    seed: int | None,
    settings: list[str] | None,
    backend: BackendConfig,
    path: Path,
    as_json: bool,
) -> None:
    """Write the requests as batch files and say how many there are; the answers come back by --batch-in."""
    from ..errors import ConfigError
    from ..pf1m.build import QUARANTINE, write_requests
    from ..pf1m.sources import parse_source
    from ..presets import load_preset

    if backend.kind != "server":
        raise ConfigError("batch files are of servers", remedy="Give --backend server.")
    chosen = load_preset(preset, settings or (), seed)
    sources = [parse_source(text) for text in source]
    report = write_requests(sources, rewriter, path, chosen, backend, quarantine=out / QUARANTINE)
    if as_json:
        print(json.dumps(report))
        return
    print(f"{report['requests']:,} requests in {', '.join(report['files'])}")
    for name, reason in list(report["unreadable"].items())[:5]:
        print(f"warning: no request for {name}: {reason}", file=sys.stderr)
    if report["unreadable"]:
        print(f"warning: {len(report['unreadable'])} records have images that cannot be read", file=sys.stderr)


def _run(
    source: list[str],
    rewriter: str,
    out: Path,
    preset: str,
    seed: int | None,
    settings: list[str] | None,
    workers: int,
    ray: str | None,
    backend: BackendConfig,
    *,
    filtering: bool,
) -> tuple[JobResult, Preset]:
    """The job's result and the preset; Ctrl-C keeps what is done and says how to go on."""
    from ..pf1m.build import rewrite_sources
    from ..pf1m.sources import parse_source
    from ..presets import load_preset

    chosen = load_preset(preset, settings or (), seed)
    sources = [parse_source(text) for text in source]
    try:
        options: dict[str, Any] = {"filtering": filtering, "workers": workers, "ray": ray, "backend": backend}
        return rewrite_sources(sources, rewriter, out, chosen, **options), chosen
    except KeyboardInterrupt:
        print(f"stopped; what is done stays in {out}: give the same command to continue", file=sys.stderr)
        raise typer.Exit(INTERRUPTED) from None
