"""`flamingo export`: rewritten data in the formats of training frameworks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("export")(export)


def export(
    folder: Annotated[Path, typer.Argument(help="what `build-pf1m` or `rewrite` wrote")],
    to: Annotated[
        str,
        typer.Option("--to", help="llava, llama-factory, ms-swift, trl, axolotl, finevision, parquet or webdataset"),
    ],
    out: Annotated[Path, typer.Option("--out", help="folder of the export; an older one is replaced")],
    preference: Annotated[
        bool,
        typer.Option("--preference", help="pairs: the rewrite preferred to the annotation, where they say the same"),
    ] = False,
    licence: Annotated[
        str, typer.Option("--licence", help="any, or commercial: licences that clearly allow commercial use")
    ] = "any",
    nli: Annotated[str, typer.Option("--nli", help="NLI judge of preference pairs: tiny, a folder or a name")] = "tiny",
    max_length_difference: Annotated[
        int | None,
        typer.Option("--max-length-difference", min=0, help="words by which the responses of a pair may differ"),
    ] = None,
    root: Annotated[
        Path | None, typer.Option("--root", help="where the images are: a folder with one subfolder a dataset")
    ] = None,
    title: Annotated[str, typer.Option("--title", help="the dataset's name on its card")] = "PF-1M",
    as_json: Annotated[bool, typer.Option("--json", help="print the summary as JSON")] = False,
) -> None:
    """Export rewritten data for LLaVA, LLaMA-Factory, ms-swift, TRL, axolotl, FineVision, the hub, or WebDataset.

    Each record carries its licence, scores, and history from raw annotation to response; a card sums up the licences.
    docs/exports.md shows the formats.
    """
    from ..exports.run import export_dataset

    summary = export_dataset(
        folder,
        to,
        out,
        preference=preference,
        licence=licence,
        nli=nli,
        max_length_difference=max_length_difference,
        roots=root,
        title=title,
    )
    if as_json:
        print(json.dumps(summary))
        return
    for reason, count in sorted(summary["left_out"].items()):
        print(f"left out  {count:,}  {reason}")
    print(f"{summary['records']:,} records in {out}")
