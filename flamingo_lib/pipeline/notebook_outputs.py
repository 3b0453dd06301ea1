"""Committed notebooks: outputs taken over from a run, without what differs between runs or machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import FlamingoError, MissingAsset
from ..storage import atomic_write
from .environment import project_root
from .notebook_files import METADATA, notebook_paths
from .notebooks import run_notebooks
from .run_folder import Workspace

WIDGET = "application/vnd.jupyter.widget-view+json"
KEPT_METADATA = ("kernelspec", METADATA)
SOLUTIONS = "solutions"


def refresh(
    workspace: Workspace, folder: Path | None = None, *, jobs: int = 1, say: Callable[[str], None] = print
) -> list[Path]:
    """Give the committed notebooks the outputs of a run, and their solutions, which are executed in it first.

    Args:
        workspace: a run whose steps and notebooks are done.
        folder: the committed notebooks, with ``solutions`` among them; those of the checkout by default.
        jobs: solutions at the same time.
        say: gets a line of text at every solution.

    Raises:
        MissingAsset: a notebook was not executed in this run.
        FlamingoError: a step is not done, or a solution fails; no notebook was changed.
    """
    folder, executed = folder or project_root() / "notebooks", workspace.folder / "notebooks"
    _executed_copies(executed, folder)
    missing = [name for name in workspace.steps if workspace.result(name) is None]
    if missing:
        raise FlamingoError(
            f"step {missing[0]!r} is not done with today's code and settings, and the solutions may need it",
            file=workspace.folder,
            remedy="Run `make pipeline` first.",
        )
    run_notebooks(workspace, folder=folder / SOLUTIONS, out=executed / SOLUTIONS, jobs=jobs, say=say)
    return [*take_over(executed, folder), *take_over(executed / SOLUTIONS, folder / SOLUTIONS)]


def take_over(executed: Path, folder: Path) -> list[Path]:
    """Give each notebook of `folder` the outputs of its executed copy, cell by cell, and normalise it.

    Args:
        executed: the folder of the copies.
        folder: the committed notebooks.

    Raises:
        MissingAsset: an executed copy is missing.
        FlamingoError: a cell's code is not what was executed; no notebook was changed.
    """
    import nbformat

    copies = _executed_copies(executed, folder)
    notebooks = {path: nbformat.read(path, 4) for path in copies}
    for path, copy in copies.items():
        done = {cell.get("id"): cell for cell in nbformat.read(copy, 4).cells}
        for cell in notebooks[path].cells:
            if cell.cell_type != "code":
                continue
            if not _is_copy(cell, done.get(cell.get("id"))):
                raise FlamingoError(
                    f"the code of cell {cell.get('id')!r} has changed since it was executed",
                    file=path,
                    remedy="Run `make pipeline` again: it executes the notebooks that changed.",
                )
            cell.outputs = done[cell.get("id")].get("outputs", [])
    for path, notebook in notebooks.items():
        normalise(notebook)
        with atomic_write(path) as file:
            file.write(nbformat.writes(notebook, indent=1) + "\n")
    return list(copies)


def _is_copy(cell: Any, executed: Any | None) -> bool:
    """Whether `executed` is `cell` as a run executes it; the parameters are the run's own."""
    parameters = "parameters" in cell.metadata.get("tags", ())
    return executed is not None and (parameters or executed.source == cell.source)


def _executed_copies(executed: Path, folder: Path) -> dict[Path, Path]:
    """The executed copy of each notebook of `folder`."""
    copies = {path: executed / path.name for path in notebook_paths(folder)}
    for copy in copies.values():
        if not copy.is_file():
            raise MissingAsset(
                "the notebook was not executed in this run", file=copy, remedy="Run `make pipeline` first."
            )
    return copies


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
    """The committed notebooks, and their solutions, that `normalise` would change."""
    import copy

    import nbformat

    folder = folder or project_root() / "notebooks"
    solutions = folder / SOLUTIONS
    found = []
    for path in [*notebook_paths(folder), *(notebook_paths(solutions) if solutions.is_dir() else ())]:
        notebook = nbformat.read(path, 4)
        if normalise(copy.deepcopy(notebook)) != notebook:
            found.append(path)
    return found
