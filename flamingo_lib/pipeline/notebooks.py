"""Runs the ordered notebooks into a run folder, each once for the same code and settings, with papermill."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..code_hash import library_fingerprint
from ..errors import ConfigError, DataError, FlamingoError, MissingAsset
from ..storage import fingerprint, read_json, write_json
from .environment import project_root
from .progress_relay import relayed_progress
from .run_folder import Workspace

PARAMETERS = ("run", "preset", "seed", "settings")
"""The names that every notebook's parameters cell assigns."""


def notebook_paths(folder: Path | None = None) -> list[Path]:
    """The ordered notebooks, ``00_...ipynb`` and on."""
    folder = folder or project_root() / "notebooks"
    found = sorted(folder.glob("[0-9][0-9]_*.ipynb"))
    if not found:
        raise MissingAsset(
            "there are no notebooks", file=folder, remedy="Run from a checkout of the project, or give --no-notebooks."
        )
    return found


def parameters(workspace: Workspace) -> dict[str, Any]:
    """The values that make a notebook work in `workspace`."""
    from ..presets.overrides import changes

    preset = workspace.preset
    return {"run": str(workspace.folder), "preset": preset.name, "seed": preset.seed, "settings": changes(preset)}


def run_notebooks(
    workspace: Workspace, *, folder: Path | None = None, say: Callable[[str], None] = print
) -> dict[str, float]:
    """Execute the notebooks in order into ``notebooks/`` of the run folder; seconds by name, of those executed now.

    A notebook is left alone if its copy was made by the same cells, settings and library. The first that fails ends the
    run with a `FlamingoError` that names it and its cell; what it had printed is kept in ``NAME.failed.ipynb``.
    """
    out = workspace.folder / "notebooks"
    paths, values = notebook_paths(folder), parameters(workspace)
    for path in paths:
        _check_parameters(path, values)
    done = _read_done(out)
    library = library_fingerprint()
    steps = {name: workspace.key(name) for name in workspace.steps}
    seconds: dict[str, float] = {}
    for number, path in enumerate(paths, start=1):
        key = fingerprint(_cells(path), values, steps, library)
        if done.get(path.name) == key and (out / path.name).is_file():
            continue
        say(f"notebook {number} of {len(paths)}: {path.name}")
        started = time.monotonic()
        _execute(path, out / path.name, values)
        seconds[path.name] = round(time.monotonic() - started, 1)
        done[path.name] = key
        write_json(out / "manifest.json", done)
    return seconds


def _read_done(out: Path) -> dict[str, str]:
    try:
        found = read_json(out / "manifest.json")
    except DataError:
        return {}
    return found if isinstance(found, dict) else {}


def _cells(path: Path) -> list[tuple[str, str]]:
    """What counts of a notebook: its cells' sources, not what they once printed."""
    try:
        cells = read_json(path)["cells"]
        return [(cell["cell_type"], "".join(cell["source"])) for cell in cells]
    except (KeyError, TypeError) as error:
        raise DataError(f"not a notebook: {error}", file=path) from error


def _check_parameters(path: Path, values: Mapping[str, Any]) -> None:
    from papermill import inspect_notebook

    _cells(path)
    known = set(inspect_notebook(str(path)))
    missing = [name for name in values if name not in known]
    if missing:
        raise ConfigError(
            f"the notebook has no parameter {missing[0]!r}",
            file=path,
            remedy=f"Assign {', '.join(PARAMETERS)} in the cell tagged 'parameters'.",
        )


def _execute(path: Path, target: Path, values: Mapping[str, Any]) -> None:
    """Execute one notebook; `target` appears only when all of it went well."""
    from nbclient.exceptions import DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook

    _register_engine()
    target.parent.mkdir(parents=True, exist_ok=True)
    partial, failed = target.with_suffix(".part.ipynb"), target.with_suffix(".failed.ipynb")
    failed.unlink(missing_ok=True)
    remedy = f"See {failed}; after mending the cause, run the same command again: finished work is kept."
    try:
        with relayed_progress() as environment:
            execute_notebook(
                str(path),
                str(partial),
                dict(values),
                engine_name="flamingo",
                progress_bar=False,
                start_timeout=180,
                cwd=str(path.parent),
                environment=environment,
            )
        os.replace(partial, target)
    except PapermillExecutionError as error:
        os.replace(partial, failed)
        if error.ename == "KeyboardInterrupt":
            raise KeyboardInterrupt from None
        what = f"{error.evalue}" if error.ename in _our_errors() else f"{error.ename}: {error.evalue}"
        raise FlamingoError(f"notebook {path.name} failed in cell {error.cell_index}: {what}", remedy=remedy) from error
    except DeadKernelError as error:
        shutil.move(partial, failed)
        what = f"notebook {path.name} failed: its kernel died, perhaps for want of memory"
        raise FlamingoError(what, remedy=remedy) from error
    except OSError as error:
        raise FlamingoError(
            f"notebook {path.name} could not be run: {error.strerror or error}",
            file=error.filename or target,
            remedy="If the disk is full, free some space; then run the same command again.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _our_errors() -> set[str]:
    from .. import errors

    return {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, FlamingoError)
    }


def _register_engine() -> None:
    """Tell papermill of an engine that starts kernels with environment variables of their own."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.log import logger

    class FlamingoEngine(NBClientEngine):
        @classmethod
        def execute_managed_notebook(
            cls,
            nb_man: Any,
            kernel_name: str,
            *,
            environment: dict[str, str] | None = None,
            start_timeout: int = 60,
            **ignored: object,
        ) -> Any:
            client = PapermillNotebookClient(
                nb_man,
                timeout=None,
                startup_timeout=start_timeout,
                kernel_name=kernel_name,
                log=logger,
                extra_arguments=["--IPKernelApp.log_level=40"],
            )
            return client.execute(env=os.environ | (environment or {}))

    papermill_engines.register("flamingo", FlamingoEngine)
