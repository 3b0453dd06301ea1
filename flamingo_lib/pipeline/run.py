"""The whole pipeline in one call: steps, notebooks, figures, report."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import FlamingoError
from ..threads import cores
from .metrics import write_metrics
from .notebooks import early_notebooks, run_notebooks
from .run_folder import Workspace
from .schedule import MOST, Task, run_steps
from .steps import build_steps

FREE_BYTES = 500 << 20
"""Space a run wants before it begins."""


def run_pipeline(
    workspace: Workspace,
    *,
    notebooks: bool = True,
    until: str | None = None,
    jobs: int = 1,
    say: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Do all that is not yet done in `workspace` and return the figures, which are also in its ``metrics.json``.

    Args:
        notebooks: execute the notebooks as well, on every core: those that say which steps they read beside later
            steps, the others behind all.
        until: the last step to do; notebooks and the report are left out then.
        jobs: steps at the same time, each in a process of its own. More than one needs a workspace of the pipeline's
            own steps.
        say: gets a line of text at every stretch of work.

    Raises:
        FlamingoError: too little disk, a failing notebook or step; what was finished is kept.
    """
    started = time.monotonic()
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")  # ours say what is being done
    free = shutil.disk_usage(workspace.folder).free
    if free < FREE_BYTES:
        raise FlamingoError(
            f"only {free >> 20} MB are free, a run wants {FREE_BYTES >> 20}",
            file=workspace.folder,
            remedy="Free some space or choose another --run-dir.",
        )
    names = steps_until(list(workspace.steps), until)
    notebooks = notebooks and until is None
    _run_steps(workspace, names, jobs, say, notebooks)
    if notebooks:
        run_notebooks(workspace, jobs=min(MOST, cores()), say=say)
    values = write_metrics(workspace, time.monotonic() - started)
    if until is None:
        from .report import write_report

        write_report(workspace, values)
    return values


def _run_steps(
    workspace: Workspace, names: Sequence[str], jobs: int, say: Callable[[str], None], notebooks: bool
) -> None:
    tasks = [(workspace, name) for name in names if workspace.result(name) is None]

    def tell(task: Task) -> None:
        say(f"step {task[1]}: {workspace.steps[task[1]].title}")

    jobs = min(jobs, max(1, len(tasks)))
    beside = early_notebooks(workspace, say=say) if notebooks and jobs > 1 else ()
    run_steps(tasks, build_steps, jobs=jobs, say=tell, beside=beside)


def steps_until(names: Sequence[str], until: str | None) -> list[str]:
    """The steps of a run up to `until`, or all.

    Raises:
        FlamingoError: there is no step of that name.
    """
    if until is None:
        return list(names)
    if until not in names:
        raise FlamingoError(f"the pipeline has no step {until!r}", remedy=f"Its steps are {', '.join(names)}.")
    return list(names[: names.index(until) + 1])
