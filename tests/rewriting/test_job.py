"""The resumable job under every fault: killed, interrupted, disk full, corrupt, changed, doubled."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flamingo_lib.errors import ConfigError, DataError, StorageError
from flamingo_lib.rewriting.job import run_job
from flamingo_lib.rewriting.shards import (
    CorruptShard,
    check_shard,
    encode_shard,
    read_shard,
    read_shards,
    samples_digest,
)

from .job_script import FakeWork, MakeWork, Samples

SCRIPT = Path(__file__).with_name("job_script.py")
ROOT = Path(__file__).parents[2]


def start(out, records=60, shard=5, workers=0, **given):
    command = [
        sys.executable,
        str(SCRIPT),
        str(out),
        str(records),
        str(shard),
        str(workers),
        *(f"{k}={v}" for k, v in given.items()),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )


def finish(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out + err


def files(out):
    return {path.name: path.read_bytes() for path in sorted((out / "shards").glob("*"))}


def job(out, records=60, shard=5, **given):
    return run_job(
        Samples(records, int(given.pop("change", -1))),
        MakeWork(given),
        out,
        identity={"rewriter": "a"},
        shard_size=shard,
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The files of the job that nothing happened to."""
    out = tmp_path_factory.mktemp("whole")
    result = job(out)
    assert (result.records, result.shards, result.found) == (60, 12, 0)
    return files(out)


def test_every_record_once_in_order(whole, tmp_path):
    job(tmp_path, records=62)
    rewrites = list(read_shards(tmp_path))
    assert [rewrite.sample.id for rewrite in rewrites] == [f"fake/{index}" for index in range(62)]
    assert rewrites[7].output == "text 7 é"[::-1] and rewrites[7].scores["length"] == 8
    assert len(files(tmp_path)) == 13 and len(whole) == 12


def test_a_second_run_does_nothing(whole, tmp_path):
    job(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "shards").iterdir()}
    result = job(tmp_path, fail="3")
    assert result.found == 12
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "shards").iterdir()} == before


def test_killed_at_random_moments(tmp_path):
    out, moments = tmp_path / "out", random.Random(0)
    for _ in range(20):
        process = start(out, records=200, sleep=0.1)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=moments.uniform(0.15, 0.9))
        os.kill(process.pid, signal.SIGKILL)
        finish(process)
    code, _ = finish(start(out, records=200))
    assert code == 0
    job(tmp_path / "whole", records=200)
    assert files(out) == files(tmp_path / "whole") and len(files(out)) == 40
    assert not list(out.glob(".*.part"))


def test_killed_while_a_shard_is_half_written(whole, tmp_path):
    job(tmp_path)
    shard = tmp_path / "shards" / "000003.jsonl"
    (shard.parent / ".000003.jsonl.abc.part").write_bytes(shard.read_bytes()[:100])
    shard.unlink()
    assert job(tmp_path).found == 11
    assert files(tmp_path) == whole


@pytest.mark.parametrize("damage", [b"", b"{}", "cut", "flip", "line"])
def test_a_corrupt_shard_is_kept_aside_and_made_again(whole, tmp_path, damage, capsys):
    job(tmp_path)
    shard = tmp_path / "shards" / "000002.jsonl"
    content = shard.read_bytes()
    lines = content.split(b"\n")
    bad = {"cut": content[:-30], "flip": content.replace(b"text 11", b"text 77"), "line": b"\n".join(lines[1:])}.get(
        damage, damage
    )
    shard.write_bytes(bad)
    with pytest.raises(CorruptShard, match="cut off or was changed"):
        read_shard(shard)
    assert job(tmp_path).found == 11
    now = files(tmp_path)
    assert now.pop("000002.corrupt") == bad
    assert now == whole
    assert "000002.corrupt" in capsys.readouterr().out


def test_two_workers_give_the_same_bytes(whole, tmp_path):
    code, text = finish(start(tmp_path, workers=2, sleep=0.002))
    assert code == 0, text
    assert files(tmp_path) == whole


def test_a_worker_that_is_killed_is_replaced(whole, tmp_path):
    code, text = finish(start(tmp_path / "out", workers=2, die=23, mark=tmp_path / "mark"))
    assert code == 0, text
    assert (tmp_path / "mark").exists()
    assert files(tmp_path / "out") == whole


def test_workers_leave_with_the_main_process(tmp_path):
    process = start(tmp_path, workers=2, sleep=0.05)
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("shards/*.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    deadline = time.monotonic() + 20
    while members(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not members(process.pid)
    process.communicate()


def members(group):
    """Processes of a process group that are not zombies."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
        except (OSError, IndexError):
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def test_an_error_in_a_worker_stops_the_job_and_says_why(tmp_path):
    code, text = finish(start(tmp_path, workers=2, fail=40))
    assert code not in (0, 2) and "a bug" in text
    code, text = finish(start(tmp_path, workers=2))
    assert code == 0, text


def test_ctrl_c_keeps_what_is_done(whole, tmp_path):
    process = start(tmp_path, sleep=0.03)
    deadline = time.monotonic() + 60
    while len(list(tmp_path.glob("shards/*.jsonl"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    code, text = finish(process)
    assert code == 130 and "stopped" in text
    done = files(tmp_path)
    assert 3 <= len(done) < 12 and all(
        name.endswith(".jsonl") and whole[name] == content for name, content in done.items()
    )
    assert job(tmp_path).found == len(done)
    assert files(tmp_path) == whole


def test_a_second_job_on_the_same_folder_is_refused(tmp_path):
    process = start(tmp_path, sleep=0.2)
    deadline = time.monotonic() + 60
    while not (tmp_path / "plan.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    code, text = finish(start(tmp_path))
    os.kill(process.pid, signal.SIGKILL)
    assert code == 2 and "another job is writing" in text and f"process {process.pid}" in text
    finish(process)
    assert finish(start(tmp_path))[0] == 0


def test_a_full_disk_stops_with_a_message_and_loses_nothing(whole, tmp_path):
    size = max(map(len, whole.values()))
    code, text = finish(start(tmp_path, full=size - 1))
    assert code == 2 and "No space left" in text and "Free some space" in text
    assert all(whole[name] == content for name, content in files(tmp_path).items())
    code, text = finish(start(tmp_path))
    assert code == 0 and files(tmp_path) == whole


def test_another_rewriter_is_refused(tmp_path):
    job(tmp_path)
    code, text = finish(start(tmp_path, model="b"))
    assert code == 2 and "rewriter differs" in text and '"b"' in text and '"a"' in text and "another folder" in text
    code, text = finish(start(tmp_path, shard=7))
    assert code == 2 and "shard size differs" in text


def test_a_start_that_did_nothing_binds_to_nothing(tmp_path):
    def mistyped():
        raise RuntimeError("no such judge")

    with pytest.raises(RuntimeError, match="no such judge"):
        run_job(Samples(9, -1), mistyped, tmp_path, identity={"judge": "mistyped"}, shard_size=4)
    assert (tmp_path / "job.json").exists() and not files(tmp_path)
    result = run_job(Samples(12, 3), MakeWork({}), tmp_path, identity={"judge": "right"}, shard_size=5)
    assert (result.records, result.shards) == (12, 3)
    assert json.loads((tmp_path / "job.json").read_text())["judge"] == "right"
    with pytest.raises(ConfigError, match=r'judge differs .* now "mistyped", then "right"'):
        run_job(Samples(12, 3), MakeWork({}), tmp_path, identity={"judge": "mistyped"}, shard_size=5)


def test_settings_that_differ_are_named_with_both_values(tmp_path):
    filters = {"chain": ["length", "sts"], "note": "x" * 300, "min_words": 3, "by_task": {}}
    begun = {"sources": [{"name": "a", "limit": None}, {"name": "b", "limit": 20}], "filters": filters}

    def start_with(**changes):
        run_job(Samples(9, -1), MakeWork({}), tmp_path, identity={**begun, **changes}, shard_size=5)

    start_with()
    with pytest.raises(ConfigError) as caught:
        start_with(filters={**filters, "min_words": 4, "by_task": {"caption": 0.3}})
    text = str(caught.value)
    assert "filters.min_words differs from what this job was begun with: now 4, then 3;" in text
    assert "also filters.by_task.caption: now 0.3, then nothing" in text and "xxx" not in text and "chain" not in text
    with pytest.raises(ConfigError, match=r"sources\.1\.limit differs .* now 30, then 20"):
        start_with(sources=[begun["sources"][0], {"name": "b", "limit": 30}])
    with pytest.raises(ConfigError, match=r"filters\.note differs .*x…x+y\", then"):
        start_with(filters={**filters, "note": "x" * 299 + "y"})
    with pytest.raises(ConfigError, match=r"filters\.chain differs .* now \[\"sts\"\], then \[\"length\", \"sts\"\]"):
        start_with(filters={**filters, "chain": ["sts"]})
    with pytest.raises(ConfigError, match="; and 2 more"):
        start_with(**dict.fromkeys("cdefghi", 1))


@pytest.mark.parametrize(("change", "records"), [(33, 60), (-1, 59), (-1, 66), (-1, 20)])
def test_sources_that_changed_are_noticed_before_any_work(whole, tmp_path, change, records):
    job(tmp_path)
    (tmp_path / "shards" / "000011.jsonl").unlink()
    code, text = finish(start(tmp_path, records=records, change=change))
    assert code == 2 and "the sources changed" in text and "Put the sources back" in text
    assert len(files(tmp_path)) == 11


def test_a_stamp_is_part_of_the_input(tmp_path):
    sizes = {"fake/3": 10}
    arguments = {"identity": {}, "shard_size": 5, "stamp": lambda sample: sizes.get(sample.id)}
    run_job(Samples(9, -1), MakeWork({}), tmp_path, **arguments)
    sizes["fake/3"] = 11
    with pytest.raises(Exception, match="the sources changed"):
        run_job(Samples(9, -1), MakeWork({}), tmp_path, **arguments)


@pytest.mark.parametrize("content", ["{}", "[1]", '"x"'])
def test_a_damaged_plan_is_named(tmp_path, content):
    job(tmp_path)
    (tmp_path / "plan.json").write_text(content)
    with pytest.raises(DataError, match=r"damaged.*plan\.json"):
        job(tmp_path)


def test_shards_without_a_job_are_refused(tmp_path):
    job(tmp_path)
    (tmp_path / "job.json").unlink()
    with pytest.raises(Exception, match=r"no job\.json"):
        job(tmp_path)


def test_work_that_loses_a_record_is_a_bug(tmp_path):
    class Lossy(FakeWork):
        def __call__(self, samples, tick):
            return super().__call__(samples, tick)[1:]

    with pytest.raises(Exception, match="4 records for 5 samples"):
        run_job(Samples(9, -1), lambda: Lossy({}), tmp_path, identity={}, shard_size=5)


def test_workers_leave_no_semaphore_behind(whole, tmp_path):
    code, text = finish(start(tmp_path, workers=2, semaphore=1))
    assert code == 0 and "leaked" not in text
    assert files(tmp_path) == whole


def test_workers_end_at_once_if_the_job_fails(tmp_path):
    begin = time.monotonic()
    code, text = finish(start(tmp_path, records=4000, shard=2000, workers=2, fail=1, sleep=0.05))
    assert code != 0 and "a bug" in text and time.monotonic() - begin < 60


def test_a_folder_that_cannot_be_written_is_a_clear_error(read_only_folder):
    for out in (read_only_folder, read_only_folder / "out"):
        with pytest.raises(StorageError, match="could not write.*Check the permissions"):
            job(out)


def test_nothing_to_do(tmp_path):
    result = job(tmp_path, records=0)
    assert result.records == result.shards == 0 and list(read_shards(tmp_path)) == []


def test_shard_format(tmp_path):
    samples = list(Samples(3, -1)())
    given = samples_digest(samples)
    path = tmp_path / "a.jsonl"
    path.write_bytes(encode_shard(FakeWork({})(samples, lambda count: None), given))
    assert check_shard(path, given) == 3
    assert json.loads(path.read_text().splitlines()[-1])["end of shard"]["records"] == 3
    with pytest.raises(CorruptShard, match="other input"):
        check_shard(path, "0")
    assert samples_digest(samples) != samples_digest(samples, [1, 2, 3]) != samples_digest(samples, [1, 2, 4])
