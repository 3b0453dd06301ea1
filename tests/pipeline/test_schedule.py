"""Steps at the same time: each once, behind what it reads, with the bytes that a run in order gives."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from flamingo_lib.errors import FlamingoError
from flamingo_lib.pipeline.run_folder import MANIFEST, Workspace
from flamingo_lib.pipeline.schedule import run_steps
from flamingo_lib.pipeline.step import Job, Step
from flamingo_lib.presets import load_preset


def cook(job: Job) -> dict[str, int]:
    """Writes what it read; bread and cake each wait until another of them, of any run, is begun."""
    name = job.folder.name.split(".")[1]
    run = job.cache.parent
    with open(run.parent / f"{run.name}.begun", "a") as file:
        file.write(f"{name}\n")
    if name in ("bread", "cake") and job.preset.seed != 9:
        end = time.monotonic() + 120
        while len(in_the_oven(run.parent)) < 2:
            assert time.monotonic() < end, "it was alone to the end"
            time.sleep(0.01)
    if name == "cake" and job.preset.seed == 9:
        raise FlamingoError("the cake fell", remedy="Whip the eggs.")
    eaten = [(folder / "food.txt").read_text() for folder in job.inputs.values()]
    (job.folder / "food.txt").write_text("+".join([name, *eaten]))
    return {f"{name}.eaten": len(eaten)}


def in_the_oven(folder: Path) -> list[str]:
    names = [name for path in folder.glob("*.begun") for name in path.read_text().split()]
    return [name for name in names if name in ("bread", "cake")]


def steps(preset=None) -> list[Step]:
    return [
        Step("dough", "knead", cook),
        Step("bread", "bake", cook, inputs=("dough",)),
        Step("cake", "stir", cook, inputs=("dough",)),
        Step("meal", "serve", cook, inputs=("bread", "cake")),
    ]


def run_in(folder: Path, seed: int = 0) -> Workspace:
    return Workspace(folder, load_preset("tiny", seed=seed), steps=steps())


def tasks(*runs: Workspace) -> list[tuple[Workspace, str]]:
    return [(run, name) for run in runs for name in run.steps if run.result(name) is None]


def test_independent_steps_of_several_runs_meet(tmp_path):
    runs = [run_in(tmp_path / "a"), run_in(tmp_path / "b", seed=1)]
    said: list[str] = []
    made: dict[str, float] = {}
    run_steps(
        tasks(*runs),
        steps,
        jobs=2,
        say=lambda task: said.append(f"{task[0].folder.name} {task[1]}"),
        done=lambda task, result: made.update({f"{task[0].folder.name} {task[1]}": result.metrics}),
    )
    assert sorted(said) == sorted(made) and len(said) == 8
    for run in runs:
        assert (run.folder / "meal" / "food.txt").read_text() == "meal+bread+dough+cake+dough"
        order = (tmp_path / f"{run.folder.name}.begun").read_text().split()
        assert sorted(order) == ["bread", "cake", "dough", "meal"] and order[0] == "dough" and order[-1] == "meal"
    assert tasks(*runs) == []


def test_the_results_are_those_of_a_run_in_order(tmp_path):
    together, alone = run_in(tmp_path / "together"), run_in(tmp_path / "alone")
    run_steps(tasks(together), steps, jobs=2)
    (tmp_path / "alone.begun").write_text("bread\ncake\n")
    run_steps(tasks(alone), steps, jobs=1)
    for name in together.steps:
        assert together.result(name).key == alone.result(name).key
        assert together.result(name).metrics == alone.result(name).metrics
        for path in (together.folder / name).iterdir():
            if path.name != MANIFEST:
                assert path.read_bytes() == (alone.folder / name / path.name).read_bytes()


def test_an_error_ends_it_and_keeps_what_is_done(tmp_path):
    run = run_in(tmp_path / "run", seed=9)
    with pytest.raises(FlamingoError, match=r"the cake fell\. Whip the eggs\."):
        run_steps(tasks(run), steps, jobs=2)
    assert run.result("dough") is not None and run.result("meal") is None
    with run.locked():
        pass  # the folder is free again


@pytest.mark.parametrize("jobs", [1, 2])
def test_nothing_is_begun_when_the_time_is_over(tmp_path, jobs):
    run = run_in(tmp_path / "run")
    asked = iter([True, False, False])
    run_steps(tasks(run), steps, jobs=jobs, go_on=lambda: next(asked))
    assert list(run.results()) == ["dough"]


def test_a_folder_in_which_another_process_works_is_refused(tmp_path, monkeypatch):
    from flamingo_lib.pipeline import run_folder

    monkeypatch.setattr(run_folder, "LOCK_SECONDS", 0.1)
    run = run_in(tmp_path / "run")
    with run.locked(), pytest.raises(FlamingoError, match="another process is working in this run folder"):
        run_steps(tasks(run_in(tmp_path / "run")), steps, jobs=2)


def test_a_step_without_its_inputs_is_not_made(tmp_path):
    with pytest.raises(FlamingoError, match="'bread' reads 'dough', which is not done"):
        run_in(tmp_path / "run").make("bread")
