"""`flamingo lmms-eval`: score a model on tasks of the lmms-eval harness."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("lmms-eval")(lmms_eval)


def lmms_eval(
    model: Annotated[str, typer.Argument(help="folder of a model, or a shipped name")],
    tasks: Annotated[list[str], typer.Option("--task", help="a task or group of lmms-eval; may be repeated")],
    adapter: Annotated[Path | None, typer.Option("--adapter", help="folder of a LoRA adapter for the model")] = None,
    include_path: Annotated[
        Path | None, typer.Option("--include-path", help="folder with task files of your own")
    ] = None,
    nli: Annotated[
        str | None, typer.Option("--nli", help="NLI judge that reads every answer as well: tiny, a folder or a name")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="documents of each task; by default all")] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="requests decoded together")] = 32,
    max_new_tokens: Annotated[
        int, typer.Option("--max-new-tokens", min=1, help="longest answer where a task sets none")
    ] = 256,
    curt: Annotated[bool, typer.Option("--curt", help="cut answers at the first line end, as a base needs it")] = False,
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, ...")] = "cpu",
    out: Annotated[Path | None, typer.Option("--out", help="JSON file that receives the scores")] = None,
) -> None:
    """Score a model on tasks of lmms-eval; every score comes with its judge and the versions behind it.

    lmms-eval has to be installed beside this library; docs/lmms_eval.md tells how.
    """
    from ..integrations.lmms_results import run_lmms_eval

    result = run_lmms_eval(
        model,
        tasks,
        adapter=adapter,
        include_path=include_path,
        nli=nli,
        limit=limit,
        batch_size=batch_size,
        max_new_tokens=max_new_tokens,
        curt=curt,
        device=device,
        out=out,
    )
    print(f"model {result['model']['model_hash']}  lmms-eval {result['lmms_eval']}")
    for score in result["scores"]:
        error = "" if score["stderr"] is None else f" +- {score['stderr']:.3f}"
        name = f"{score['task']} {score['metric']}"
        print(f"{name:<44}{score['value']:>8.3f}{error}  of {score['samples']}  judge: {score['judge']}")
    if out is not None:
        print(f"scores in {out}")
