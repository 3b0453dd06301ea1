"""Notebook files: the ordered ones of the project, their cells, parameters, and the steps they say they read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..errors import ConfigError, DataError, MissingAsset
from ..storage import read_json
from .environment import project_root

_ASSIGNED = re.compile(r"^([A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE)

PARAMETERS = ("run", "preset", "seed", "settings")
"""The names that every notebook's parameters cell assigns."""

METADATA = "flamingo"
"""Where a notebook's metadata says which steps it reads: ``{"flamingo": {"steps": ["scenes", "sources"]}}``."""


def notebook_paths(folder: Path | None = None) -> list[Path]:
    """The ordered notebooks, ``00_...ipynb`` and on."""
    folder = folder or project_root() / "notebooks"
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise MissingAsset(
            "there are no notebooks", file=folder, remedy="Run from a checkout of the project, or give --no-notebooks."
        )
    return found


def steps_read(path: Path) -> list[str] | None:
    """The steps that a notebook reads, as its metadata names them (`METADATA`); None if it names none."""
    ours = (read_notebook(path).get("metadata") or {}).get(METADATA)
    steps = ours.get("steps") if isinstance(ours, dict) else None
    return steps if isinstance(steps, list) and all(isinstance(name, str) for name in steps) else None


def cells_of(path: Path) -> list[tuple[str, str]]:
    """The cells of a notebook as type and source, without outputs."""
    return [(cell["cell_type"], "".join(cell["source"])) for cell in read_notebook(path)["cells"]]


def read_notebook(path: Path) -> dict[str, Any]:
    """A notebook's JSON value: format 4, cells of text, and Python.

    Raises:
        DataError: it is no such notebook.
        ConfigError: it was written for a kernel of another language.
    """
    notebook = read_json(path)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(_is_cell(cell) for cell in cells):
        raise DataError("not a notebook of format 4", file=path, remedy="Open it in JupyterLab and save it again.")
    metadata = notebook.get("metadata")
    for part, key in (("kernelspec", "language"), ("language_info", "name")):
        values = metadata.get(part) if isinstance(metadata, dict) else None
        language = values.get(key) if isinstance(values, dict) else None
        if isinstance(language, str) and "python" not in language.lower():
            kernel = (metadata.get("kernelspec") or {}).get("name", "unnamed")
            raise ConfigError(
                f"the notebook's kernel {kernel!r} is for {language}, and notebooks here are Python",
                file=path,
                remedy="Choose a Python kernel and save it again.",
            )
    return notebook


def _is_cell(cell: Any) -> bool:
    source = cell.get("source") if isinstance(cell, dict) else None
    lines = source if isinstance(source, list) else [source]
    return isinstance(cell, dict) and isinstance(cell.get("cell_type"), str) and all(isinstance(s, str) for s in lines)


def check_parameters(path: Path, names: Iterable[str]) -> None:
    """Raise a `ConfigError` if the cell tagged ``parameters`` does not assign one of `names`."""
    tagged = [
        cell for cell in read_notebook(path)["cells"] if "parameters" in (cell.get("metadata") or {}).get("tags", ())
    ]
    known = set(_ASSIGNED.findall("".join(tagged[0]["source"]))) if tagged else set()
    missing = [name for name in names if name not in known]
    if missing:
        raise ConfigError(
            f"the notebook has no parameter {missing[0]!r}",
            file=path,
            remedy=f"Assign {', '.join(PARAMETERS)} in the cell tagged 'parameters'.",
        )
