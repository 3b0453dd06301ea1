"""Predictions beside ``study.json``: a study goes on without the folder of its runs, and nothing is mixed up."""

from __future__ import annotations

import json
import lzma
import shutil
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace

import pytest
from filelock import FileLock
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.evaluation.predictions import write_predictions
from flamingo_lib.presets import load_preset
from flamingo_lib.storage import read_json, write_json
from flamingo_lib.study import run
from flamingo_lib.study.record import collect_record, collect_study, keep_predictions, store_study
from flamingo_lib.study.run import StudyPlan, run_study, settings_of
from flamingo_lib.study.stored import archive_file, read_archive, read_archives, stored_seconds
from tests.study.synthetic import predictions

PRESET = load_preset("tiny")


def filled(root, seeds=(0, 1), models=("stage1", "stage2"), **means):
    """A study's folder with the predictions of some models."""
    for seed in seeds:
        for model in models:
            folder = root / f"seed-{seed}" / f"predict_{model}"
            write_predictions(folder / "predictions.jsonl", predictions(model, seed, **means))
            write_json(folder / "facts.json", {"supervised_tokens": 7.0})
            write_json(folder / "manifest.json", {"seconds": 30.0})
    return StudyPlan(root, PRESET, (0, 1))


def kept(plan, study):
    """Keep a study's predictions; the files written."""
    archives = read_archives(study, plan.seeds, settings_of(plan.preset))
    return keep_predictions(plan, study, collect_study(plan, archives), archives)


def recorded(plan, study):
    archives = read_archives(study, plan.seeds, settings_of(plan.preset))
    return collect_record(plan, study, collect_study(plan, archives), archives)


def test_what_was_kept_is_read_as_it_was(tmp_path):
    study = tmp_path / "out" / "study.json"
    plan = filled(tmp_path / "runs")
    files = kept(plan, study)
    assert files == [archive_file(study, 0), archive_file(study, 1)]
    archive = read_archive(files[1])
    assert archive.predictions["stage2"] == predictions("stage2", 1) and set(archive.predictions) == {
        "stage1",
        "stage2",
    }
    assert archive.facts["stage1"] == {"supervised_tokens": 7.0} and archive.settings == settings_of(PRESET)
    assert archive.seconds == stored_seconds(plan.root, 1) == 60.0
    before = files[0].read_bytes()
    files[0].unlink()
    assert kept(plan, study) == files[:1] and files[0].read_bytes() == before, "same bytes, when missing only"


def test_a_study_goes_on_without_the_folder_of_its_runs(tmp_path):
    study = tmp_path / "study.json"
    whole = recorded(filled(tmp_path / "runs"), study)
    kept(filled(tmp_path / "runs"), study)
    elsewhere = filled(tmp_path / "elsewhere", seeds=(1,), models=("raw",))
    found = recorded(elsewhere, study)
    rows = {row["name"]: row for row in found["claims"]}
    old = {row["name"]: row for row in whole["claims"]}
    assert rows["stage2_pays.held_in"] == old["stage2_pays.held_in"] and rows["stage2_pays.held_in"]["seeds"] == [0, 1]
    assert rows["tax.held_in"]["seeds"] == [1]
    assert [1, "raw"] not in found["left"] and [0, "raw"] in found["left"]
    kept(elsewhere, study)
    assert {name: set(a.predictions) for name, a in read_archives(study, (0, 1), settings_of(PRESET)).items()} == {
        0: {"stage1", "stage2"},
        1: {"stage1", "stage2", "raw"},
    }


def test_kept_models_are_not_made_again(tmp_path):
    from tests.study.test_run import Fakes

    fakes = Fakes()
    plan = StudyPlan(
        tmp_path, PRESET, (0, 1), ("stage1", "raw"), fakes, archived=frozenset({(0, "stage1"), (1, "raw")})
    )
    assert run_study(plan, say=lambda line: None) == []
    assert sorted(fakes.done) == [
        *[(0, name) for name in ("data", "predict_raw", "raw")],
        *[(1, name) for name in ("data", "predict_stage1", "stage1")],
    ]


def test_those_of_other_settings_are_refused_by_name(tmp_path):
    study = tmp_path / "study.json"
    kept(filled(tmp_path / "runs"), study)
    other = settings_of(load_preset("tiny", ["stages.stage2.max_steps=7"]))
    with pytest.raises(ConfigError, match=r"other settings: stages\.stage2\.max_steps.*seed-0.*another --out"):
        read_archives(study, (0, 1), other)
    assert read_archives(study, (4,), other) == {}


@pytest.mark.parametrize("harm", ["cut", "text", "version", "seed"])
def test_a_broken_file_is_named(tmp_path, harm):
    study = tmp_path / "study.json"
    kept(filled(tmp_path / "runs"), study)
    path = archive_file(study, 0)
    lines = lzma.decompress(path.read_bytes()).decode().splitlines()
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-40])
    elif harm == "text":
        path.write_text("no compressed file")
    elif harm == "version":
        path.write_bytes(lzma.compress(lines[0].replace('"format":1', '"format":2').encode()))
    else:
        path.write_bytes(lzma.compress("\n".join([lines[0].replace('"seed":0', '"seed":3', 1), *lines[1:]]).encode()))
    with pytest.raises(DataError, match=r"seed-0\.jsonl\.xz.*makes its seed again"):
        read_archive(path)


@pytest.mark.parametrize(
    ("line", "old", "new", "message"),
    [
        (0, '"settings":{', '"settings":null,"was":{', "'settings' None"),
        (0, '"facts":{', '"other":{', "'facts' None"),
        (1, '"references":', '"refs":', "unknown refs"),
        (1, '"references":["', '"references":null,"images":["', "references is None"),
    ],
)
def test_a_malformed_line_is_named_with_the_file(tmp_path, line, old, new, message):
    study = tmp_path / "study.json"
    kept(filled(tmp_path / "runs"), study)
    path = archive_file(study, 0)
    lines = lzma.decompress(path.read_bytes()).decode().splitlines()
    assert old in lines[line]
    lines[line] = lines[line].replace(old, new, 1)
    path.write_bytes(lzma.compress("\n".join(lines).encode()))
    with pytest.raises(DataError, match=rf"{message}.*seed-0\.jsonl\.xz"):
        read_archive(path)


def test_a_copy_under_another_seeds_name_is_refused(tmp_path):
    study = tmp_path / "study.json"
    kept(filled(tmp_path / "runs"), study)
    shutil.copy(archive_file(study, 0), archive_file(study, 4))
    with pytest.raises(DataError, match=r"another seed, 0 \(file .*seed-4"):
        read_archives(study, (0, 4), settings_of(PRESET))


def test_the_command_keeps_them_and_reads_them(tmp_path):
    out = tmp_path / "out" / "study.json"
    words = ["study", "--collect", "--seeds", "2", "--out", str(out), "--run-root"]
    plan = filled(tmp_path / "runs")
    assert CliRunner().invoke(app, [*words, str(plan.root)]).exception is None
    assert archive_file(out, 0).is_file() and archive_file(out, 1).is_file()
    first = read_json(out)
    assert CliRunner().invoke(app, [*words, str(tmp_path / "empty")]).exception is None
    again = read_json(out)
    assert again["claims"] == first["claims"] and again["models"] == first["models"]
    assert again["seconds"] == first["seconds"] == {"0": 60.0, "1": 60.0}


def test_a_study_of_one_seed_leaves_the_others_in_the_record(tmp_path):
    out = tmp_path / "out" / "study.json"
    plan = filled(tmp_path / "runs", seeds=(0, 1, 2))
    store_study(replace(plan, seeds=(0, 1, 2)), out)
    more = filled(tmp_path / "more", seeds=(3,), models=("stage1", "stage2", "raw"))
    record, _ = store_study(replace(more, seeds=(3,), only=("raw",)), out)
    assert record["seeds"] == [0, 1, 2, 3] and read_json(out) == json.loads(json.dumps(record))
    rows = {row["name"]: row for row in record["claims"]}
    assert rows["stage2_pays.held_in"]["seeds"] == [0, 1, 2, 3] and rows["tax.held_in"]["seeds"] == [3]
    assert [0, "raw"] in record["left"] and [3, "raw"] not in record["left"]


def test_what_is_kept_holds_against_the_folder(tmp_path):
    out = tmp_path / "out" / "study.json"
    first, _ = store_study(filled(tmp_path / "runs"), out)
    again, data = store_study(filled(tmp_path / "older", right=0.1), out)
    assert again["models"] == first["models"]
    assert data.predictions[0, "stage1"] == read_archive(archive_file(out, 0)).predictions["stage1"]


def test_what_another_process_added_meanwhile_is_kept(tmp_path, monkeypatch):
    out = tmp_path / "out" / "study.json"
    store_study(filled(tmp_path / "runs", seeds=(0,)), out)

    def while_running(plan, **options):
        filled(plan.root, seeds=(0,), models=("stage3",))
        store_study(filled(tmp_path / "other", seeds=(0,), models=("raw",)), out)
        return []

    monkeypatch.setattr(run, "run_study", while_running)
    result = CliRunner().invoke(
        app, ["study", "--seed", "0", "--out", str(out), "--run-root", str(tmp_path / "elsewhere")]
    )
    assert result.exception is None
    assert {*read_archive(archive_file(out, 0)).predictions} == {"stage1", "stage2", "stage3", "raw"}
    assert {model for model, seeds in read_json(out)["models"].items() if "0" in seeds} >= {"raw", "stage3"}


def test_a_record_waits_for_another_process_that_writes(tmp_path):
    out = tmp_path / "out" / "study.json"
    plan = filled(tmp_path / "runs", seeds=(0,))
    out.parent.mkdir()
    with ThreadPoolExecutor(1) as pool:
        with FileLock(out.parent / ".study.json.lock"):
            waiting = pool.submit(store_study, plan, out)
            assert wait([waiting], timeout=0.5).not_done and not out.exists()
        assert waiting.result(timeout=60)[0]["seeds"] == [0, 1] and out.exists()


def test_threads_are_no_setting_of_a_study():
    assert "threads" not in settings_of(PRESET) and "seed" not in settings_of(replace_seed(PRESET, 3))
    assert settings_of(PRESET) == settings_of(replace_seed(PRESET, 3))


def replace_seed(preset, seed):
    return preset.model_copy(update={"seed": seed})
