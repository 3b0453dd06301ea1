"""Committed notebooks: outputs taken over from a run, without what differs between runs or machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..errors import MissingAsset
from ..storage import atomic_write
from .environment import project_root
from .notebooks import notebook_paths

WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT_METADATA = ("kernelspec",)


def take_over(executed: Path, folder: Path | None = None) -> list[Path]:
    """Give each notebook of `folder` the outputs of its executed copy, cell by cell, and normalise it.

    Args:
        executed: the ``notebooks`` folder of a run.
        folder: the committed notebooks; those of the checkout by default.

    Raises:
        MissingAsset: an executed copy is missing.
    """
    import nbformat

    written = []
    for path in notebook_paths(folder):
        copy = executed / path.name
        if not copy.is_file():
            raise MissingAsset(
                "the notebook was not executed in this run", file=copy, remedy="Run `make pipeline` first."
            )
        outputs = {cell.get("id"): cell.get("outputs", []) for cell in nbformat.read(copy, 4).cells}
        notebook = nbformat.read(path, 4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs = outputs.get(cell.get("id"), [])
        normalise(notebook)
        with atomic_write(path) as file:
            file.write(nbformat.writes(notebook, indent=1) + "\n")
        written.append(path)
    return written


def normalise(notebook: Any) -> Any:
    """Remove the outputs and metadata that vary between runs; changes the notebook in place and returns it.

    Counts run from 1; warnings and progress (stderr), widget states, timings and language details go. Of a widget its
    static first frame stays, where it has one.
    """
    notebook.metadata = type(notebook.metadata)(
        {key: value for key, value in notebook.metadata.items() if key in KEPT_METADATA}
    )
    count = 0
    for cell in notebook.cells:
        tags = cell.metadata.get("tags")
        cell.metadata = type(cell.metadata)({"tags": tags} if tags else {})
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = [output for output in map(_stable, cell.outputs) if output is not None]
        for output in cell.outputs:
            if "execution_count" in output:
                output.execution_count = count
    return notebook


def _stable(output: Any) -> Any | None:
    if output.output_type == "stream":
        return output if output.name == "stdout" else None
    if "data" in output:
        if output.data.pop(WIDGET, None) is not None and "text/html" not in output.data:
            return None
        output.metadata = type(output.metadata)()
    return output


def unnormalised(folder: Path | None = None) -> list[Path]:
    """The committed notebooks that `normalise` would change."""
    import copy

    import nbformat

    found = []
    for path in notebook_paths(folder or project_root() / "notebooks"):
        notebook = nbformat.read(path, 4)
        if normalise(copy.deepcopy(notebook)) != notebook:
            found.append(path)
    return found
