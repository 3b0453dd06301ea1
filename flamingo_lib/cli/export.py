"""`flamingo export`: rewritten data in the formats of training frameworks."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from .options import Json


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("export")(export)


def export(
    folder: Annotated[Path, typer.Argument(help="what `build-pf1m`, `rewrite` or `rewrite-data` wrote")],
    to: Annotated[
        str,
        typer.Option("--to", help="llava, llama-factory, ms-swift, trl, axolotl, finevision, parquet or webdataset"),
    ],
    out: Annotated[Path, typer.Option("--out", help="folder of the export; an older one is replaced")],
    preference: Annotated[
        bool,
        typer.Option("--preference", help="pairs: the rewrite preferred to the annotation, where they say the same"),
    ] = False,
    styles: Annotated[
        bool,
        typer.Option(
            "--both-styles", help="the raw annotation under a format prompt as well, where it fits one: same fact, curt"
        ),
    ] = False,
    licence: Annotated[
        str, typer.Option("--licence", help="any, or commercial: licences that clearly allow commercial use")
    ] = "any",
    own_licence: Annotated[
        str | None,
        typer.Option("--own-licence", help="licence of data that is in no catalogue, where its rows state none"),
    ] = None,
    nli: Annotated[str, typer.Option("--nli", help="NLI judge of preference pairs: tiny, a folder or a name")] = "tiny",
    max_length_difference: Annotated[
        int | None,
        typer.Option("--max-length-difference", min=0, help="words by which the responses of a pair may differ"),
    ] = None,
    root: Annotated[
        Path | None,
        typer.Option(
            "--root", help="where the images are: a folder with one subfolder a dataset; of your own data, their folder"
        ),
    ] = None,
    title: Annotated[
        str | None, typer.Option("--title", help="the dataset's name on its card; PF-1M or Rewritten data")
    ] = None,
    as_json: Json = False,
) -> None:
    """Export rewritten data for LLaVA, LLaMA-Factory, ms-swift, TRL, axolotl, FineVision, the hub, or WebDataset.

    Each record carries its licence, scores, and history from raw annotation to response; a card sums up the licences,
    and report.html shows alarms about the whole.
    docs/exports.md shows the formats.
    """
    from ..exports.run import export_dataset
    from ..filters.corpus_alarms import alarm_lines, read_alarms

    summary = export_dataset(
        folder,
        to,
        out,
        preference=preference,
        styles=styles,
        licence=licence,
        own_licence=own_licence,
        nli=nli,
        max_length_difference=max_length_difference,
        roots=root,
        title=title,
    )
    if as_json:
        print(json.dumps(summary))
        return
    for line in alarm_lines(read_alarms(summary["alarms"])):
        print(f"alarm: {line}", file=sys.stderr)
    for reason, count in sorted(summary["left_out"].items()):
        print(f"left out  {count:,}  {reason}")
    print(f"{summary['records']:,} records in {out}")
