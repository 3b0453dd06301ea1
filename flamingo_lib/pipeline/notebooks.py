"""Runs the ordered notebooks into a run folder, each once for the same code and settings, with papermill."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..code_hash import library_fingerprint
from ..errors import ConfigError, DataError, FlamingoError, MissingAsset
from ..storage import fingerprint, read_json, storage_errors, write_json
from ..threads import cores
from .environment import project_root
from .progress_relay import relayed_progress
from .run_folder import Workspace
from .workers import Workers

_ASSIGNED = re.compile(r"^([A-Za-z_]\w*)[ \t]*(?::[^=\n]+)?=(?!=)", re.MULTILINE)

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
    workspace: Workspace,
    *,
    folder: Path | None = None,
    out: Path | None = None,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> dict[str, float]:
    """Execute the notebooks of `folder` in order into `out`; seconds by name, of those executed now.

    By default the main ones, into ``notebooks/`` of the run folder.

    A notebook is left alone if its copy was made by the same cells, settings and library. The first that fails ends the
    run with a `FlamingoError` that names it and its cell; what it had printed is kept in ``NAME.failed.ipynb``. With
    more than one of `jobs`, so many run at the same time, each in a process of its own: the steps should be done then,
    or they wait for each other.
    """
    out = out or workspace.folder / "notebooks"
    paths, values = notebook_paths(folder), parameters(workspace)
    for path in paths:
        _check_parameters(path, values)
    done = _read_done(out)
    library = library_fingerprint()
    steps = {name: workspace.key(name) for name in workspace.steps}
    keys = {path: fingerprint(_cells(path), values, steps, library) for path in paths}
    left = [path for path in paths if done.get(path.name) != keys[path] or not (out / path.name).is_file()]
    seconds: dict[str, float] = {}

    def finished(path: Path, took: float) -> None:
        seconds[path.name], done[path.name] = took, keys[path]
        write_json(out / "manifest.json", done)

    def begin(path: Path) -> tuple[Path, Path, dict[str, Any]]:
        say(f"notebook {paths.index(path) + 1} of {len(paths)}: {path.name}")
        return path, out / path.name, values

    if jobs == 1 or len(left) < 2:
        for path in left:
            finished(path, _execute(*begin(path)))
        return seconds
    with Workers(jobs, max(1, cores() // jobs)) as workers:
        waiting = {path.name: path for path in left}
        for path in left:
            while not workers.free:
                name, took = workers.next_done()
                finished(waiting.pop(name), took)
            workers.call(path.name, _execute, *begin(path))
        while waiting:
            name, took = workers.next_done()
            finished(waiting.pop(name), took)
    return seconds


def _read_done(out: Path) -> dict[str, str]:
    try:
        found = read_json(out / "manifest.json")
    except DataError:
        return {}
    return found if isinstance(found, dict) else {}


def _cells(path: Path) -> list[tuple[str, str]]:
    """The cells of a notebook as type and source, without outputs."""
    return [(cell["cell_type"], "".join(cell["source"])) for cell in _notebook(path)["cells"]]


def _notebook(path: Path) -> dict[str, Any]:
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


def _check_parameters(path: Path, values: Mapping[str, Any]) -> None:
    tagged = [cell for cell in _notebook(path)["cells"] if "parameters" in (cell.get("metadata") or {}).get("tags", ())]
    known = set(_ASSIGNED.findall("".join(tagged[0]["source"]))) if tagged else set()
    missing = [name for name in values if name not in known]
    if missing:
        raise ConfigError(
            f"the notebook has no parameter {missing[0]!r}",
            file=path,
            remedy=f"Assign {', '.join(PARAMETERS)} in the cell tagged 'parameters'.",
        )


def _execute(path: Path, target: Path, values: Mapping[str, Any]) -> float:
    """Execute one notebook with this environment's Python, whatever kernel it names; the seconds it took.

    `target` appears only when all of it went well.
    """
    from nbclient.exceptions import DeadKernelError
    from papermill import PapermillExecutionError, execute_notebook

    started = time.monotonic()
    _register_engine()
    with storage_errors(target):
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
                kernel_name="python3",
                language="python",
                progress_bar=False,
                start_timeout=180,
                cwd=str(path.parent),
                environment=environment,
            )
        os.replace(partial, target)
        return round(time.monotonic() - started, 1)
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
    except (FlamingoError, MemoryError):
        raise
    except Exception as error:  # papermill, nbformat, nbclient, jupyter_client, zmq
        raise FlamingoError(
            f"notebook {path.name} could not be run with the kernel of {sys.executable}: {error}",
            remedy="See that ipykernel is installed there: python -m pip install ipykernel.",
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _our_errors() -> set[str]:
    from .. import errors

    return {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, FlamingoError)
    }


def _register_engine() -> None:
    """Tell papermill of an engine that starts this interpreter as the kernel, with environment variables of its own.

    A kernel is found by its name in the user's folders first, where ``python3`` may be another environment's.
    """
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NBClientEngine, papermill_engines
    from papermill.log import logger

    class OwnKernelManager(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            command = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=command, display_name="Python 3", language="python", metadata={"debugger": True})

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
                kernel_manager_class=OwnKernelManager,
                kernel_name=kernel_name,
                log=logger,
                extra_arguments=["--IPKernelApp.log_level=40"],
            )
            return client.execute(env=os.environ | (environment or {}))

    papermill_engines.register("flamingo", FlamingoEngine)
