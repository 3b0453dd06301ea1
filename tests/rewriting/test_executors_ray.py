"""The job over a local Ray of two workers: the same files as in one process, also when a worker is killed midway."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from flamingo_lib.errors import FlamingoError, MissingAsset
from flamingo_lib.records import to_json
from flamingo_lib.rewriting.executors.ray import LOCAL, _cluster, run_ray_job
from flamingo_lib.rewriting.job import run_job
from flamingo_lib.rewriting.shards import read_shards

from .job_script import FakeWork, Samples

pytest.importorskip("ray", reason="the extra `scale` is not installed")

SCRIPT = Path(__file__).with_name("ray_script.py")
ROOT = Path(__file__).parents[2]


class Both(FakeWork):
    """What the two stages do, in one."""

    def __call__(self, samples, tick):
        done = super().__call__(samples, tick)
        return [replace(rewrite, scores={**rewrite.scores, "words": len(rewrite.output.split())}) for rewrite in done]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    out = tmp_path_factory.mktemp("whole")
    run_job(Samples(60, -1), lambda: Both({}), out, identity={"rewriter": "a"}, shard_size=5)
    return files(out)


def files(out):
    return {
        path.name: path.read_bytes()
        for path in [*sorted((out / "shards").glob("*")), out / "job.json", out / "plan.json"]
    }


def run(*command):
    """A command that starts a Ray of its own; skips the test where the machine is too busy for Ray's own time limit,
    twice.
    """
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
    environment["RAY_worker_niceness"] = "0"  # else whatever else this machine does goes first
    for _ in range(2):
        result = subprocess.run(
            [sys.executable, *map(str, command)], capture_output=True, text=True, env=environment, timeout=900
        )
        if "timed out during startup" not in result.stderr:
            assert result.returncode == 0, result.stdout + result.stderr
            return json.loads([line for line in result.stdout.splitlines() if line.startswith("{")][-1])
    pytest.skip("Ray does not start on a machine this busy")


def ray(out, **given):
    return run(SCRIPT, out, 60, 5, *(f"{name}={value}" for name, value in given.items()))


def test_a_ray_started_here_has_the_cores_that_this_process_may_use(monkeypatch):
    given: dict = {}
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 5, 6}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr("ray.init", lambda **options: given.update(options) or 1 / 0)
    for cpus, started_with in ((1.5, 3), (3.5, 4)):
        with pytest.raises(FlamingoError, match="Ray cannot be started here"), _cluster(LOCAL, cpus):
            pass
        assert given["num_cpus"] == started_with


def test_the_rest_of_a_job_with_a_worker_killed_midway(whole, tmp_path):
    run_job(Samples(60, -1), lambda: Both({}), tmp_path, identity={"rewriter": "a"}, shard_size=5)
    for number in (0, *range(4, 12)):
        (tmp_path / "shards" / f"{number:06d}.jsonl").unlink()
    assert ray(tmp_path, readers=2, sleep=0.01, die=23, mark=tmp_path / "mark") == {
        "records": 60,
        "shards": 12,
        "found": 3,
    }
    assert (tmp_path / "mark").exists()
    assert files(tmp_path) == whole


def test_a_dataset_built_over_ray_has_the_same_records(scenes_root, rewriter_folder, judge_settings, tmp_path):
    settings = [
        "rewriting.batch_size=8",
        "rewriting.max_new_tokens=12",
        "rewriting.shard_size=5",
        "filters.max_repeats=12",
    ]
    settings += ['filters.chain=["change", "repetition", "preamble"]', *judge_settings]
    given = [f"--source=vqa-v2={scenes_root}/vqa-v2:train:12", "--rewriter", rewriter_folder, "--json"]
    given += [f"--set={setting}" for setting in settings]
    figures = {}
    for name, more in (("ray", ["--ray", "local", "--workers", 2]), ("alone", [])):
        figures[name] = run("-m", "flamingo_lib.cli", "build-pf1m", *given, "--out", tmp_path / name, *more)
    assert figures["ray"] == figures["alone"] and figures["ray"]["records"] == 12
    records = [{json.dumps(to_json(record)) for record in read_shards(tmp_path / name)} for name in figures]
    assert records[0] == records[1] and len(records[0]) == 12
    assert (tmp_path / "ray" / "pf1m.json").read_bytes() == (tmp_path / "alone" / "pf1m.json").read_bytes()
    assert figures["ray"]["funnel"]["total"]["kept"] > 0


def test_without_ray_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingAsset, match=r"flamingo-lib\[scale\]"):
        run_ray_job(Samples(3, -1), [], tmp_path, identity={})
    assert not list(tmp_path.glob("shards/*"))
