"""The engine, with steps that only count: what is made anew, what is not, and what a kill or a full disk leaves."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from flamingo_lib.errors import ConfigError, DataError, FlamingoError
from flamingo_lib.pipeline.run_folder import FORMAT, MANIFEST, Workspace
from flamingo_lib.pipeline.step import Step, table
from flamingo_lib.presets import load_preset


class Kitchen:
    """Steps dough -> (bread, cake) -> meal, with a count of how often each one ran."""

    def __init__(self) -> None:
        self.made: list[str] = []
        self.asset: Path | None = None

    def _cook(self, name):
        def cook(job):
            self.made.append(name)
            eaten = [(folder / "food.txt").read_text() for folder in job.inputs.values()]
            (job.folder / "food.txt").write_text("+".join([name, *eaten]))
            return {f"{name}.eaten": len(eaten)}

        return cook

    def steps(self) -> list[Step]:
        return [
            Step("dough", "knead", self._cook("dough"), config=("scenes",)),
            Step(
                "bread", "bake", self._cook("bread"), inputs=("dough",), config=("stages.stage1",), assets=self._assets
            ),
            Step("cake", "stir", self._cook("cake"), inputs=("dough",)),
            Step("meal", "serve", self._cook("meal"), inputs=("bread", "cake")),
        ]

    def _assets(self, preset):
        return [self.asset] if self.asset else []


@pytest.fixture
def kitchen():
    return Kitchen()


def open_run(kitchen: Kitchen, folder: Path, *overrides: str, seed: int = 0) -> Workspace:
    return Workspace(folder, load_preset("tiny", overrides, seed), steps=kitchen.steps())


def test_a_step_makes_what_it_needs_once(kitchen, tmp_path):
    result = open_run(kitchen, tmp_path).step("meal")
    assert kitchen.made == ["dough", "bread", "cake", "meal"]
    assert (result.folder / "food.txt").read_text() == "meal+bread+dough+cake+dough"
    assert result.metrics == {"meal.eaten": 2} and result.fresh


def test_a_second_run_does_nothing(kitchen, tmp_path):
    open_run(kitchen, tmp_path).step("meal")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    again = open_run(kitchen, tmp_path).step("meal")
    assert len(kitchen.made) == 4 and not again.fresh and again.metrics == {"meal.eaten": 2}
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_changed_setting_redoes_only_what_depends_on_it(kitchen, tmp_path):
    open_run(kitchen, tmp_path).step("meal")
    kitchen.made.clear()
    open_run(kitchen, tmp_path, "stages.stage1.max_steps=3").step("meal")
    assert kitchen.made == ["bread", "meal"]
    kitchen.made.clear()
    open_run(kitchen, tmp_path, "stages.stage1.max_steps=3", "filters.min_words=5").step("meal")
    assert kitchen.made == []


def test_steps_compute_with_the_runs_threads_which_count_if_they_are_set(kitchen, tmp_path):
    import torch

    seen, before = [], torch.get_num_threads()

    def cook(job):
        seen.append(torch.get_num_threads())
        return {}

    def run(*overrides):
        preset = load_preset("tiny", overrides)
        return Workspace(tmp_path, preset, steps=[Step("dough", "knead", cook)]).step("dough")

    for count in (3, 3, 2):
        result = run(f"threads={count}")
        assert json.loads((result.folder / MANIFEST).read_text())["threads"] == count
        assert torch.get_num_threads() == before, "left as it was"
    assert seen == [3, 2], "made anew for another number only"
    assert json.loads((tmp_path / "run.json").read_text())["settings"]["threads"] == 2
    run("threads=null")
    assert seen == [3, 2, before]


def test_a_changed_seed_or_asset_redoes_it(kitchen, tmp_path):
    kitchen.asset = tmp_path / "weights.bin"
    kitchen.asset.write_bytes(b"1")
    open_run(kitchen, tmp_path / "run").step("meal")
    kitchen.made.clear()
    kitchen.asset.write_bytes(b"2")
    open_run(kitchen, tmp_path / "run").step("meal")
    assert kitchen.made == ["bread", "meal"]
    kitchen.made.clear()
    open_run(kitchen, tmp_path / "run", seed=1).step("meal")
    assert kitchen.made == ["dough", "bread", "cake", "meal"]


@pytest.mark.parametrize("harm", ["delete", "truncate", "manifest"])
def test_a_damaged_result_is_made_again(kitchen, tmp_path, harm):
    folder = open_run(kitchen, tmp_path).step("cake").folder
    if harm == "delete":
        (folder / "food.txt").unlink()
    elif harm == "truncate":
        (folder / "food.txt").write_text("")
    else:
        (folder / MANIFEST).write_text('{"key": ')
    kitchen.made.clear()
    assert open_run(kitchen, tmp_path).step("cake").fresh
    assert kitchen.made == ["cake"]


def test_the_manifest_says_what_from_what_and_how_long(kitchen, tmp_path):
    workspace = open_run(kitchen, tmp_path)
    manifest = json.loads((workspace.step("bread").folder / MANIFEST).read_text())
    assert manifest["inputs"] == {"dough": workspace.key("dough")}
    assert manifest["settings"]["stages.stage1"]["learning_rate"] == 3e-3
    assert manifest["files"] == {"food.txt": 11} and manifest["seconds"] >= 0
    assert manifest["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))


def test_a_step_runs_with_the_settings_that_it_counts(tmp_path):
    def resolve_auto(preset):
        return preset.override("judges.sts_precision=float32")

    step = Step(
        "taste",
        "taste",
        lambda job: {"precision": job.preset.judges.sts_precision},
        config=("judges",),
        resolve_auto=resolve_auto,
    )
    result = Workspace(tmp_path, load_preset(), steps=[step]).step("taste")
    stated = json.loads((result.folder / MANIFEST).read_text())["settings"]["judges"]["sts_precision"]
    assert result.metrics["precision"] == stated == "float32"


def test_a_failing_step_leaves_nothing_but_its_scratch(tmp_path):
    def fail(job):
        (job.folder / "half.txt").write_text("half")
        (job.scratch / "checkpoint.txt").write_text("3")
        raise ValueError("burnt")

    workspace = Workspace(tmp_path, load_preset(), steps=[Step("pie", "bake", fail)])
    with pytest.raises(ValueError, match="burnt"):
        workspace.step("pie")
    assert workspace.result("pie") is None
    assert sorted(path.name for path in tmp_path.iterdir() if ".lock" not in path.name) == [
        ".scratch",
        "run.json",
    ]

    def resume(job):
        return {"pie.resumed_at": int((job.scratch / "checkpoint.txt").read_text())}

    resume.__module__ = fail.__module__
    result = Workspace(tmp_path, load_preset(), steps=[Step("pie", "bake", resume)]).step("pie")
    assert result.metrics == {"pie.resumed_at": 3}
    assert not any((tmp_path / ".scratch").iterdir())


def test_a_full_disk_is_one_clear_message(tmp_path):
    def fill(job):
        (job.folder / "half.txt").write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    workspace = Workspace(tmp_path, load_preset(), steps=[Step("flood", "fill", fill)])
    with pytest.raises(FlamingoError, match="disk is full; step 'flood'.*Free some space"):
        workspace.step("flood")
    assert not (tmp_path / "flood").exists() and not list(tmp_path.glob("*.part"))


def test_another_system_error_is_not_called_a_full_disk(tmp_path):
    def lose(job):
        (job.folder / "absent.txt").read_text()

    with pytest.raises(FlamingoError, match=r"step 'lose' was not finished: No such file.*absent\.txt"):
        Workspace(tmp_path, load_preset(), steps=[Step("lose", "read", lose)]).step("lose")


def test_a_folder_of_another_version_is_refused(kitchen, tmp_path):
    open_run(kitchen, tmp_path).step("dough")
    about = tmp_path / "run.json"
    values = json.loads(about.read_text())
    assert values["format"] == FORMAT
    about.write_text(json.dumps(values | {"format": FORMAT + 1}))
    with pytest.raises(FlamingoError, match=r"format 2.*works with format 1.*another --run, or delete"):
        open_run(kitchen, tmp_path)
    about.write_text("{")
    with pytest.raises(DataError, match=r"run\.json"):
        open_run(kitchen, tmp_path)


def test_a_folder_that_is_not_a_run_is_refused(kitchen, tmp_path):
    (tmp_path / "thesis.tex").write_text("precious")
    with pytest.raises(FlamingoError, match="not empty and not a run folder"):
        open_run(kitchen, tmp_path)
    with pytest.raises(FlamingoError, match="is a file"):
        open_run(kitchen, tmp_path / "thesis.tex")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_an_unknown_step_is_named(kitchen, tmp_path):
    with pytest.raises(FlamingoError, match=r"no step 'soup'.*dough, bread, cake, meal"):
        open_run(kitchen, tmp_path).step("soup")


def test_steps_read_only_what_comes_before(kitchen):
    with pytest.raises(ValueError, match="does not come before"):
        table(reversed(kitchen.steps()))
    with pytest.raises(ValueError, match="twice"):
        table([kitchen.steps()[0]] * 2)


SLOW = """
    import sys, time
    from flamingo_lib.pipeline.step import Step
    from flamingo_lib.pipeline.run_folder import Workspace
    from flamingo_lib.presets import load_preset

    def count(job):
        done = job.scratch / "done.txt"
        start = int(done.read_text()) if done.exists() else 0
        for number in range(start, 40):
            (job.folder / f"{number}.txt").write_text("x")
            done.write_text(str(number + 1))
            print(number, flush=True)
            time.sleep(float(sys.argv[2]))
        return {"count.started_at": start}

    steps = [Step("first", "one", lambda job: {"first": 1}), Step("count", "count", count, inputs=("first",))]
    print(Workspace(sys.argv[1], load_preset(), steps=steps).step("count").metrics["count.started_at"])
"""


def start(tmp_path: Path, pause: float) -> subprocess.Popen:
    script = tmp_path / "slow.py"
    script.write_text(textwrap.dedent(SLOW))
    return subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "run"), str(pause)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_goes_on_where_it_was(tmp_path, kill):
    process = start(tmp_path, 0.05)
    for line in process.stdout:
        if line.strip() == "7":
            process.send_signal(kill)
            break
    assert process.wait(timeout=20) != 0
    assert not (tmp_path / "run" / "count").exists()
    again = start(tmp_path, 0)
    out, error = again.communicate(timeout=30)
    assert again.returncode == 0, error
    assert int(out.splitlines()[-1]) >= 8
    left = sorted(path.name for path in (tmp_path / "run").iterdir())
    assert left == [".lock", ".locks", ".scratch", "count", "first", "run.json"]


def test_two_processes_do_not_work_in_one_folder(tmp_path, monkeypatch):
    process = start(tmp_path, 0.2)
    try:
        process.stdout.readline()
        monkeypatch.setattr("flamingo_lib.pipeline.run_folder.LOCK_SECONDS", 0.2)
        begun = time.monotonic()
        with pytest.raises(FlamingoError, match="another process is working"):
            Workspace(tmp_path / "run", load_preset(), steps=[Step("other", "x", lambda job: {})]).step("other")
        assert time.monotonic() - begun < 5
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("settings", ["seed=3", {"seed": 3}, [("seed", 3)], 7, [b"seed=3"], b"seed=3", [None]])
def test_settings_that_are_no_list_of_texts_are_refused(settings, tmp_path):
    with pytest.raises(ConfigError, match=r'settings are a list of texts such as \["rewriting'):
        Workspace.open(tmp_path / "run", "tiny", 0, settings)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("settings", [["seed=3"], ("seed=3",), (text for text in ["seed=3"])])
def test_settings_may_be_any_series_of_texts(settings, tmp_path):
    assert Workspace.open(tmp_path / "run", "tiny", 0, settings).preset.seed == 3


@pytest.mark.parametrize("seed", ["3", 3.0, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed, tmp_path):
    with pytest.raises(ConfigError, match="whole number"):
        Workspace.open(tmp_path / "run", "tiny", seed)


@pytest.mark.parametrize("run", [None, 7, ""])
def test_a_run_without_a_name_is_refused(run):
    with pytest.raises(ConfigError, match="name or a path"):
        Workspace.open(run)
