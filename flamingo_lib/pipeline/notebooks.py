"""Runs the ordered notebooks into a run folder, each once for the same code and settings, with papermill."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ..code_hash import library_fingerprint
from ..errors import DataError, FlamingoError
from ..storage import fingerprint, read_json, storage_errors, write_json
from ..threads import cores
from .notebook_files import cells_of, check_parameters, notebook_paths, steps_read
from .progress_relay import relayed_progress
from .run_folder import Workspace
from .schedule import Call
from .workers import Workers


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
    plan = _Plan(workspace, folder, out, say)
    if jobs == 1 or len(plan.left) < 2:
        for path in plan.left:
            plan.begun(path)
            plan.finished(path, _execute(*plan.arguments(path)))
        return plan.seconds
    with Workers(jobs, max(1, cores() // jobs)) as workers:
        paths = {path.name: path for path in plan.left}
        for name, path in paths.items():
            while not workers.free:
                done, took = workers.next_done()
                plan.finished(paths[done], took)
            plan.begun(path)
            workers.call(name, _execute, *plan.arguments(path))
        while workers.busy:
            done, took = workers.next_done()
            plan.finished(paths[done], took)
    return plan.seconds


def early_notebooks(
    workspace: Workspace, *, folder: Path | None = None, say: Callable[[str], None] = print
) -> list[Call]:
    """Calls that execute notebooks into the run folder, each as soon as the steps are done that its metadata names.

    A notebook that names none may read any of them; it is left to `run_notebooks`, and so is one that fails: steps
    don't wait until its cause is mended.

    Args:
        folder: by default that of the main ones.
    """
    plan = _Plan(workspace, folder, None, say)
    named = {path: steps_read(path) for path in plan.left}
    return [
        Call(
            path.name,
            [(workspace, name) for name in steps],
            _execute_if_possible,
            plan.arguments(path),
            partial(plan.begun, path),
            partial(plan.tried, path),
        )
        for path, steps in named.items()
        if steps is not None and all(name in workspace.steps for name in steps)
    ]


class _Plan:
    """The notebooks of a folder that are to be executed into another, and what is noted when one is.

    Attributes:
        left: those whose copy was not made by the same cells, settings and library.
        seconds: by name, of those that are finished.
    """

    def __init__(self, workspace: Workspace, folder: Path | None, out: Path | None, say: Callable[[str], None]) -> None:
        self._out, self._say = out or workspace.folder / "notebooks", say
        self._paths, self._values = notebook_paths(folder), parameters(workspace)
        for path in self._paths:
            check_parameters(path, self._values)
        self._done = _read_done(self._out)
        library, steps = library_fingerprint(), {name: workspace.key(name) for name in workspace.steps}
        self._keys = {path: fingerprint(cells_of(path), self._values, steps, library) for path in self._paths}
        self.left = [path for path in self._paths if not self._is_done(path)]
        self.seconds: dict[str, float] = {}

    def _is_done(self, path: Path) -> bool:
        return self._done.get(path.name) == self._keys[path] and (self._out / path.name).is_file()

    def arguments(self, path: Path) -> tuple[Path, Path, dict[str, Any]]:
        """What `_execute` gets."""
        return path, self._out / path.name, self._values

    def begun(self, path: Path) -> None:
        """Say that one is begun."""
        self._say(f"notebook {self._paths.index(path) + 1} of {len(self._paths)}: {path.name}")

    def tried(self, path: Path, took: float | None) -> None:
        """Note that one is done, or, without seconds, say that it failed."""
        if took is None:
            self._say(f"{path.name} failed, and is executed again behind all steps")
        else:
            self.finished(path, took)

    def finished(self, path: Path, took: float) -> None:
        """Note that one is done, and the seconds it took."""
        self.seconds[path.name], self._done[path.name] = took, self._keys[path]
        write_json(self._out / "manifest.json", self._done)


def _read_done(out: Path) -> dict[str, str]:
    try:
        found = read_json(out / "manifest.json")
    except DataError:
        return {}
    return found if isinstance(found, dict) else {}


def _execute_if_possible(path: Path, target: Path, values: Mapping[str, Any]) -> float | None:
    """The same as `_execute`; None if the notebook fails."""
    try:
        return _execute(path, target, values)
    except FlamingoError:
        return None


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
