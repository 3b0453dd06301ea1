"""`flamingo study`: the dry run, development seeds, and collecting."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.evaluation.predictions import write_predictions
from flamingo_lib.evaluation.study_file import read_study
from tests.study.synthetic import predictions


def study(*words, check=True):
    result = CliRunner().invoke(app, ["study", *map(str, words)])
    if check and result.exception is not None:
        raise result.exception
    return result.output


def test_a_dry_run_says_what_it_costs(tmp_path):
    output = study("--dry-run", "--run-root", tmp_path / "runs", "--only", "stage2", "--only", "raw")
    assert "2 models, seeds 0, 1, 2, 3, 4:" in output and "min" in output
    assert not (tmp_path / "runs").exists()


def test_collecting_writes_development_seeds_elsewhere_and_says_so(tmp_path):
    for seed in (10, 11):
        for model in ("stage1", "stage2"):
            write_predictions(
                tmp_path / f"seed-{seed}" / f"predict_{model}" / "predictions.jsonl", predictions(model, seed)
            )
    output = study("--collect", "--first-seed", 10, "--seeds", 2, "--run-root", tmp_path)
    assert "are for development: the result goes to" in output and "not run" in output
    found = read_study(tmp_path / "study-development.json")
    assert found["development"] is True and found["seeds"] == [10, 11]
    with pytest.raises(ConfigError, match=r"other settings: evaluation.texts"):
        study("--collect", "--seed", 10, "--run-root", tmp_path, "--set", "evaluation.texts=1")


def test_nothing_to_collect(tmp_path):
    with pytest.raises(DataError, match="no stored predictions"):
        study("--collect", "--seed", 10, "--run-root", tmp_path)


def test_a_study_that_has_made_nothing_yet_says_what_is_left(tmp_path):
    words = ("--seed", 10, "--only", "base", "--run-root", tmp_path / "runs", "--out", tmp_path / "study.json")
    output = study("--minutes", 0, *words)
    assert output.endswith("left: base of seed 10\nThe same command goes on from here.\n")
    assert not (tmp_path / "study.json").exists()


@pytest.mark.parametrize("mode", ["--collect", "--dry-run", "--minutes=0"])
def test_an_unknown_model_is_refused_before_anything_is_written(tmp_path, mode):
    with pytest.raises(ConfigError, match="no model 'typo'"):
        study(mode, "--seed", 10, "--only", "typo", "--run-root", tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_seeds_between_are_refused(tmp_path):
    with pytest.raises(ConfigError, match="develop on 10 and up"):
        study("--dry-run", "--seeds", 7, "--run-root", tmp_path)
