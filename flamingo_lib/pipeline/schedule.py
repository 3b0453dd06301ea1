"""Steps of one or several runs at the same time, each as soon as the steps it reads are done."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from ..config import Preset
from ..errors import FlamingoError
from ..threads import cores
from .run_folder import Result, Workspace
from .step import Step
from .workers import Workers

Task = tuple[Workspace, str]
"""A run and one of its steps."""


MOST = 4
"""Steps at the same time by default; more than that seldom find their inputs done."""


def default_jobs(preset: Preset) -> int:
    """Steps at the same time on this machine: 1 where a step takes every core or a GPU."""
    return max(1, min(MOST, cores() // preset.threads)) if preset.threads else 1


def run_steps(
    tasks: Sequence[Task],
    steps: Callable[[Preset], Iterable[Step]],
    *,
    jobs: int,
    say: Callable[[Task], None] = lambda task: None,
    go_on: Callable[[], bool] = lambda: True,
    done: Callable[[Task, Result], None] = lambda task, result: None,
) -> None:
    """Do steps that are not done yet, at most `jobs` at the same time.

    Args:
        tasks: in order of preference, each behind those of its inputs that are not done.
        steps: gives a run's steps from its preset, in every process; what it gives here is what the runs have.
        jobs: processes; 1 does all in this one, in order.
        say: gets a task before it is begun.
        go_on: asked before each; once it is False, no further step is begun, and those in flight are finished.
        done: gets a task and its result.

    Raises:
        FlamingoError: a step's own, or its process died; steps in flight are stopped, and what is finished is kept.
    """
    if jobs == 1:
        for task in tasks:
            if not go_on():
                return
            say(task)
            done(task, task[0].step(task[1]))
        return
    with ExitStack() as stack:
        for workspace in {id(workspace): workspace for workspace, _ in tasks}.values():
            stack.enter_context(workspace.locked())
        workers = stack.enter_context(Workers(jobs, max(1, cores() // jobs)))
        _schedule(list(tasks), steps, workers, say, go_on, done)


def _schedule(
    waiting: list[Task],
    steps: Callable[[Preset], Iterable[Step]],
    workers: Workers,
    say: Callable[[Task], None],
    go_on: Callable[[], bool],
    done: Callable[[Task, Result], None],
) -> None:
    begun: dict[str, Task] = {}
    while True:
        while workers.free and (task := _ready(waiting)) and go_on():
            workspace, name = task
            waiting.remove(task)
            say(task)
            label = f"step {name} of {workspace.folder.name}"
            begun[label] = task
            workers.call(label, make_step, workspace.folder, workspace.preset, steps, name)
        if not workers.busy:
            return
        label, _ = workers.next_done()
        workspace, name = begun[label]
        result = workspace.result(name)
        if result is None:
            raise FlamingoError(f"{label} ended and left no result", remedy="Run the same command again with --jobs 1.")
        done((workspace, name), result)


def _ready(waiting: Iterable[Task]) -> Task | None:
    """The first task whose inputs are all done."""
    return next(
        (
            (workspace, name)
            for workspace, name in waiting
            if all(workspace.result(other) is not None for other in workspace.steps[name].inputs)
        ),
        None,
    )


def make_step(folder: Path, preset: Preset, steps: Callable[[Preset], Iterable[Step]], name: str) -> dict[str, Any]:
    """Make one step of a run folder that another process has locked; returns its figures."""
    return dict(Workspace(folder, preset, steps=steps(preset)).make(name).metrics)
