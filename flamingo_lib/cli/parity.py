"""`flamingo parity`: recompute a reference's values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..evaluation.parity import ParityRow


def parity(
    folder: Annotated[
        Path, typer.Argument(help="fixture folder: config.json, weights, inputs and expected .safetensors")
    ],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON instead of a table")] = False,
) -> None:
    """Compare our model's outputs with the reference implementation's, from a parity fixture.

    The fixture's model is built, its weights are loaded by their original names, and every tensor is compared.
    """
    import torch

    from ..evaluation.parity import check_folder

    torch.set_num_threads(1)
    rows = check_folder(folder)
    good = all(row.ok for row in rows)
    if as_json:
        print(json.dumps({"ok": good, "rows": [_values(row) for row in rows]}, indent=2))
    else:
        width = max(len(row.quantity) for row in rows)
        print(f"{'vision tokens':<16}{'quantity':<{width + 2}}{'max abs error':>14}{'tolerance':>12}")
        for row in rows:
            print(
                f"{row.variant:<16}{row.quantity:<{width + 2}}{row.error:>14.2e}{row.tolerance:>12.0e}  "
                f"{'ok' if row.ok else 'FAIL'}"
            )
        print(f"{sum(row.ok for row in rows)} of {len(rows)} inside the tolerances")
    if not good:
        raise typer.Exit(1)


def _values(row: ParityRow) -> dict:
    error = row.error if row.error == row.error else None  # JSON has no NaN
    return {"variant": row.variant, "quantity": row.quantity, "error": error, "tolerance": row.tolerance, "ok": row.ok}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(parity)
