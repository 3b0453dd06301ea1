"""Steps of one or several runs at the same time, each as soon as the steps it reads are done; notebooks beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Call:
    """What is done beside the steps, as soon as those that it reads are done; a step that is ready goes first.

    Attributes:
        label: names it in errors; no other call has it.
        reads: the steps.
        function, arguments: what is called in a process of its own; both are pickled.
        begun: called before it begins.
        done: gets what the function returned.
    """

    label: str
    reads: Sequence[Task]
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    begun: Callable[[], None]
    done: Callable[[Any], None]


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
    beside: Sequence[Call] = (),
) -> None:
    """Do steps that are not done yet, at most `jobs` at the same time.

    Args:
        tasks: in order of preference, each behind those of its inputs that are not done.
        steps: gives a run's steps from its preset, in every process; what it gives here is what the runs have.
        jobs: processes; 1 does all in this one, in order.
        say: gets a task before it is begun.
        go_on: asked before each; once it is False, no further step is begun, and those in flight are finished.
        done: gets a task and its result.
        beside: calls for processes that no step wants; left out where `jobs` is 1.

    Raises:
        FlamingoError: that of a step or call, or its process died; what is in flight is stopped, what is finished kept.
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
        _schedule(list(tasks), list(beside), steps, workers, say, go_on, done)


def _schedule(
    waiting: list[Task],
    beside: list[Call],
    steps: Callable[[Preset], Iterable[Step]],
    workers: Workers,
    say: Callable[[Task], None],
    go_on: Callable[[], bool],
    done: Callable[[Task, Result], None],
) -> None:
    begun: dict[str, Task | Call] = {}
    while True:
        while workers.free and (found := _ready(waiting) or _ready_call(beside)) and go_on():
            if isinstance(found, Call):
                beside.remove(found)
                found.begun()
                begun[found.label] = found
                workers.call(found.label, found.function, *found.arguments)
                continue
            workspace, name = found
            waiting.remove(found)
            say(found)
            label = f"step {name} of {workspace.folder.name}"
            begun[label] = found
            workers.call(label, make_step, workspace.folder, workspace.preset, steps, name)
        if not workers.busy:
            return
        label, value = workers.next_done()
        ended = begun[label]
        if isinstance(ended, Call):
            ended.done(value)
            continue
        workspace, name = ended
        result = workspace.result(name)
        if result is None:
            raise FlamingoError(f"{label} ended and left no result", remedy="Run the same command again with --jobs 1.")
        done(ended, result)


def _ready(waiting: Iterable[Task]) -> Task | None:
    """The first task whose inputs are all done."""
    return next(
        (
            (workspace, name)
            for workspace, name in waiting
            if _are_done((workspace, other) for other in workspace.steps[name].inputs)
        ),
        None,
    )


def _ready_call(calls: Iterable[Call]) -> Call | None:
    """The first call that reads only what is done."""
    return next((call for call in calls if _are_done(call.reads)), None)


def _are_done(tasks: Iterable[Task]) -> bool:
    return all(workspace.result(name) is not None for workspace, name in tasks)


def make_step(folder: Path, preset: Preset, steps: Callable[[Preset], Iterable[Step]], name: str) -> dict[str, Any]:
    """Make one step of a run folder that another process has locked; returns its figures."""
    return dict(Workspace(folder, preset, steps=steps(preset)).make(name).metrics)
