"""Options that several commands on rewritten data share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Source = Annotated[
    list[str],
    typer.Option(
        "--source", metavar="NAME=ROOT[:SPLIT][:LIMIT]", help="a dataset by its catalogue name; repeat for several"
    ),
]
RewriterName = Annotated[
    str,
    typer.Option(
        "--rewriter", help="the rewriter's folder, or a shipped checkpoint's name; the model's name on a server"
    ),
]
Out = Annotated[Path, typer.Option("--out", help="folder of the job; the same command continues an interrupted one")]
PresetName = Annotated[str, typer.Option("--preset", help="tiny, small or paper")]
Seed = Annotated[int | None, typer.Option("--seed", help="instead of the preset's")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change a setting, e.g. rewriting.batch_size=32")
]
Workers = Annotated[int, typer.Option("--workers", min=0, help="processes on this machine; 0 works in this one")]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray", metavar="ADDRESS", help="work on this Ray cluster (extra `scale`); `local` starts one on this machine"
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs",
        min=1,
        help="steps at the same time, each in a process of its own; by default as many as the cores hold if the preset "
        "says how many threads a step computes with, else 1",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="print the figures as JSON")]

Root = Annotated[
    Path | None, typer.Option("--root", help="where the images are: a folder with one subfolder a dataset")
]
Title = Annotated[str, typer.Option("--title", help="the dataset's name on its card")]

INTERRUPTED = 130
"""Exit code of a job that Ctrl-C stopped."""
