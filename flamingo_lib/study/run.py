"""Run the study: every model of every seed, step by step, resumable by seed and by model.

    ROOT/settings.json                      the settings; a study with others is refused
    ROOT/seed-N/                            a run folder of the pipeline, with the study's steps
    ROOT/seed-N/predict_MODEL/predictions.jsonl

The claims are computed from the stored predictions alone (`stored`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import Preset
from ..errors import ConfigError
from ..pipeline.run_folder import Result, Workspace
from ..pipeline.schedule import Task, run_steps
from ..pipeline.step import Step
from ..presets.overrides import rows
from ..storage import read_json, write_json
from .forecast import Forecast, expected
from .models import StudyModel, needed_steps, study_models, study_preset, study_steps

FORMAT = 1
"""Version of the folder's layout."""

SETTINGS = "settings.json"
"""The file of a study's folder with its settings."""

REPORTED = range(5)
"""Seeds of the reported study, fixed beforehand; nothing is tuned on them."""

DEVELOPMENT = 10
"""Seeds from here on are for development."""

BUDGET = 3 * 3600
"""Seconds that the whole study of the `tiny` preset may take on two idle cores."""


@dataclass(frozen=True)
class StudyPlan:
    """What a study is made of.

    Attributes:
        root: folder of its runs.
        preset: the settings, without the study's own rows; its seed is not used.
        seeds: in order.
        only: names of models to make; all if empty.
        steps: gives the steps of a seed from its preset.
        archived: (seed, model) whose predictions are kept elsewhere (`stored.read_archives`): they are not made again.
    """

    root: Path
    preset: Preset
    seeds: tuple[int, ...]
    only: tuple[str, ...] = ()
    steps: Callable[[Preset], Iterable[Step]] = study_steps
    archived: frozenset[tuple[int, str]] = frozenset()

    def models(self) -> dict[str, StudyModel]:
        """The models to make, by name.

        Raises:
            ConfigError: `only` names a model that the study doesn't have.
        """
        known = study_models(self.preset)
        unknown = [name for name in self.only if name not in known]
        if unknown:
            raise ConfigError(f"the study has no model {unknown[0]!r}", remedy=f"Its models are {', '.join(known)}.")
        return {name: model for name, model in known.items() if not self.only or name in self.only}

    def check(self) -> None:
        """Raises `ConfigError` if `only` names a model that the study doesn't have, or makes of none of these seeds."""
        for model in self.models().values() if self.only else ():
            if not any(is_made(model, seed) or (seed, model.name) in self.archived for seed in self.seeds):
                raise ConfigError(
                    f"{model.name} is not made of seeds {', '.join(map(str, self.seeds))}",
                    remedy=f"It is made of the first {model.seeds}, from {REPORTED[0]} or {DEVELOPMENT} on.",
                )

    def workspace(self, seed: int, kind: type[Workspace] = Workspace) -> Workspace:
        """The run folder of a seed, as a workspace of some `kind`."""
        preset = study_preset(self.preset).model_copy(update={"seed": seed})
        return kind(self.root / f"seed-{seed}", preset, steps=self.steps(preset))

    def order(self) -> list[tuple[int, StudyModel]]:
        """(seed, model) in the order in which they are made: the core models of all seeds, then the others."""
        made = [
            (seed, model)
            for seed in self.seeds
            for model in self.models().values()
            if is_made(model, seed) and (seed, model.name) not in self.archived
        ]
        return sorted(made, key=lambda item: not item[1].core)


def is_made(model: StudyModel, seed: int) -> bool:
    """Whether the study makes `model` of `seed`, whichever other seeds are asked for."""
    position = seed - DEVELOPMENT if seed >= DEVELOPMENT else REPORTED.index(seed)
    return model.seeds is None or position < model.seeds


def chosen_seeds(count: int, first: int, named: Sequence[int]) -> tuple[int, ...]:
    """The seeds of a study: `named`, or `count` of them from `first` on.

    Raises:
        ConfigError: none, one twice, or reported and development seeds together.
    """
    seeds = tuple(named) or tuple(range(first, first + count))
    if not seeds or len(set(seeds)) < len(seeds):
        raise ConfigError("a study needs at least one seed, each once", remedy="Set --seeds to 1 or more.")
    if not (all(seed in REPORTED for seed in seeds) or all(seed >= DEVELOPMENT for seed in seeds)):
        raise ConfigError(
            f"seeds {', '.join(map(str, seeds))} are neither all of the reported ones nor all for development",
            remedy=f"Seeds 0 to {REPORTED[-1]} are reported; develop on {DEVELOPMENT} and up.",
        )
    return seeds


def is_development(seeds: Iterable[int]) -> bool:
    """Whether the seeds are for development, so that nothing of theirs is reported."""
    return all(seed >= DEVELOPMENT for seed in seeds)


def note_settings(plan: StudyPlan) -> None:
    """`check_settings`, and note those of a new study."""
    check_settings(plan)
    file = plan.root / SETTINGS
    if not file.exists():
        write_json(file, {"format": FORMAT, "settings": settings_of(plan.preset)})


def check_settings(plan: StudyPlan) -> None:
    """Refuse a study that was begun with other settings; nothing is written.

    Raises:
        ConfigError: the folder holds a study of other settings; they are named.
    """
    file = plan.root / SETTINGS
    now = settings_of(plan.preset)
    if not file.exists():
        return
    before = read_json(file)
    if not isinstance(before, dict) or before.get("format") != FORMAT or not isinstance(before.get("settings"), dict):
        raise ConfigError("the folder holds no study of this version", file=file, remedy="Choose another --run-root.")
    old = before["settings"]
    changed = sorted(key for key in old.keys() | now.keys() if old.get(key) != now.get(key))
    if changed:
        told = ", ".join(f"{key} (was {old.get(key)!r}, is {now.get(key)!r})" for key in changed[:3])
        raise ConfigError(
            f"the study in this folder was begun with other settings: {told}"
            + (f" and {len(changed) - 3} more" if len(changed) > 3 else ""),
            file=file,
            remedy="Choose another --run-root, or go on with the old settings; nothing was changed.",
        )


def settings_of(preset: Preset) -> dict[str, Any]:
    """Every setting of a preset by its key as JSON values, without the seed and what changes only the rounding."""
    return {key: value for key, value, _ in rows(preset) if key not in ("seed", "threads")}


@dataclass
class Progress:
    """What is done and what is left of a study.

    Attributes:
        left: steps not done, as (seed, step), in order.
        measured: seconds of those done.
        models_left: models without predictions, as (seed, model).
    """

    left: list[tuple[int, str]]
    measured: dict[tuple[int, str], float]
    models_left: list[tuple[int, str]]


def progress_of(plan: StudyPlan, workspaces: Mapping[int, Workspace]) -> Progress:
    """Which steps are done, from the run folders."""
    left: dict[tuple[int, str], None] = {}
    measured: dict[tuple[int, str], float] = {}
    models_left = []
    for seed, model in plan.order():
        workspace = workspaces[seed]
        for name in needed_steps(workspace.steps.values(), [model.step]):
            result = workspace.result(name)
            if result is None:
                left[seed, name] = None
            else:
                measured[seed, name] = result.seconds
        if (seed, model.step) in left:
            models_left.append((seed, model.name))
    return Progress(list(left), measured, models_left)


def run_study(
    plan: StudyPlan,
    *,
    jobs: int = 1,
    minutes: float | None = None,
    say: Callable[[str], None] = print,
    clock: Callable[[], float] = time.monotonic,
) -> list[tuple[int, str]]:
    """Make every model that is not done yet; returns those left when `minutes` are over, as (seed, model).

    Args:
        plan: what is made.
        jobs: steps at the same time, each in a process of its own.
        minutes: no step is begun after so many; those in flight are finished.
        say: gets a line of text before each step.
        clock: seconds.
    """
    started = clock()
    plan.check()
    note_settings(plan)
    workspaces = {seed: plan.workspace(seed) for seed in plan.seeds}
    seeds = {id(workspace): seed for seed, workspace in workspaces.items()}
    state = progress_of(plan, workspaces)
    total, begun = len(state.left) + len(state.measured), len(state.measured)
    say(f"{begun} of {total} steps are done; forecast of the rest: {forecast(plan, state, jobs)}")

    def tell(task: Task) -> None:
        nonlocal begun
        begun += 1
        say(f"[{begun}/{total}] seed {seeds[id(task[0])]}: {task[1]} - {forecast(plan, state, jobs)} left")

    def done(task: Task, result: Result) -> None:
        item = (seeds[id(task[0])], task[1])
        state.measured[item] = result.seconds
        state.left.remove(item)

    run_steps(
        [(workspaces[seed], name) for seed, name in state.left],
        plan.steps,
        jobs=jobs,
        say=tell,
        go_on=lambda: minutes is None or clock() - started < 60 * minutes,
        done=done,
    )
    return progress_of(plan, workspaces).models_left


def forecast(plan: StudyPlan, state: Progress, jobs: int = 1) -> Forecast:
    """What the steps left will take, `jobs` of them at the same time."""
    return expected(state.left, study_preset(plan.preset), state.measured).shared_by(jobs)


def dry_run(plan: StudyPlan, say: Callable[[str], None] = print, *, jobs: int = 1) -> Forecast:
    """Say what would be made, with the forecast of each model's own steps and of all, `jobs` steps at the same time.

    Nothing is made, no folder neither.

    Raises:
        ConfigError: the study itself would be refused.
    """
    plan.check()
    check_settings(plan)
    preset = study_preset(plan.preset)
    steps = {seed: list(plan.steps(preset.model_copy(update={"seed": seed}))) for seed in plan.seeds}
    done = _done_steps(plan)
    said: dict[tuple[int, str], None] = {}
    for model in plan.models().values():
        new: list[tuple[int, str]] = []
        for seed, other in plan.order():
            if other == model:
                found = [(seed, name) for name in needed_steps(steps[seed], [model.step])]
                new += [item for item in found if item not in said and item not in done]
                said |= dict.fromkeys(found)
        seeds = f"the first {model.seeds} seeds" if model.seeds else "all seeds"
        names = dict.fromkeys(name for _, name in new)
        say(f"{model.name:<28}{expected(new, preset, done)!s:>9}  {seeds}: {model.title} [{', '.join(names)}]")
    whole = expected([item for item in said if item not in done], preset, done).shared_by(jobs)
    verdict = "over" if whole.seconds > BUDGET else "within"
    say(
        f"{len(plan.models())} models, seeds {', '.join(map(str, plan.seeds))}: {whole}, "
        f"{verdict} the {BUDGET / 3600:g} hours that a study may take"
    )
    return whole


class _Seen(Workspace):
    """A run folder that is only looked at."""

    def _check_folder(self) -> None:
        """Nothing is noted in it."""


def _done_steps(plan: StudyPlan) -> dict[tuple[int, str], float]:
    """Seconds of the finished steps of run folders that are there; none is made or written to."""
    there = {seed: plan.workspace(seed, _Seen) for seed in plan.seeds if (plan.root / f"seed-{seed}").is_dir()}
    return {
        (seed, name): result.seconds
        for seed, workspace in there.items()
        for name, result in workspace.results().items()
    }
