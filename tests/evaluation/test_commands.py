"""`flamingo evaluate` on sources: what is printed and written, and wrong words."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import CheckpointError, ConfigError, DataError, MissingAsset
from flamingo_lib.evaluation.predictions import read_predictions
from flamingo_lib.pipeline.run_folder import Workspace
from flamingo_lib.presets import load_preset
from flamingo_lib.storage import write_json

SAMPLES = Path(__file__).parents[2] / "data_samples" / "sources"
VSR = f"--source=vsr={SAMPLES / 'vsr'}"
SHORT = ("--set", "evaluation.max_new_tokens=4", "--set", "evaluation.batch_size=2")


def evaluate(*words):
    return CliRunner().invoke(app, ["evaluate", *map(str, words)])


@pytest.fixture
def arguments(tiny, tmp_path):
    torch.set_num_threads(1)
    return ("--model", tiny.folder, "--out", tmp_path / "out", "--judges", "none", *SHORT)


def test_a_model_on_sources(arguments, tiny, tmp_path):
    captions = f"--source=mscoco-captions={SAMPLES / 'mscoco-captions'}"
    done = evaluate(*arguments, VSR, captions, "--limit", 2, "--name", "untrained")
    assert done.exit_code == 0, done.output
    assert "untrained on vsr: 2 vqa" in done.output and "yes/no: accuracy" in done.output
    assert "the judge nli was not asked for" in done.output and "Rouge-L" in done.output
    stored = list(read_predictions(tmp_path / "out" / "predictions.jsonl"))
    assert {(item.source, item.model) for item in stored} == {("vsr", "untrained"), ("mscoco-captions", "untrained")}
    before = (tmp_path / "out" / "metrics.json").read_bytes()
    again = evaluate(*arguments, VSR, captions, "--limit", 2, "--name", "untrained", "--json")
    assert json.loads(again.stdout) == json.loads(before)
    assert (tmp_path / "out" / "metrics.json").read_bytes() == before
    refused = evaluate(*arguments, VSR, "--limit", 3, "--name", "untrained")
    assert isinstance(refused.exception, ConfigError) and "limit: 2, now 3" in str(refused.exception)


@pytest.mark.parametrize(
    ("words", "error", "message"),
    [
        (("--source", "vsr"), ConfigError, "--source 'vsr' is not NAME=ROOT"),
        (("--source", "nowhere=x"), DataError, "no source called 'nowhere'"),
        (("--source", "vsr=no/such/folder"), DataError, "there is no such folder"),
        ((), ConfigError, "--source is missing"),
        ((VSR, "--data", "x"), ConfigError, "go without named models"),
        ((VSR, "--judges", "porridge"), ConfigError, "there is no judge 'porridge'"),
        ((VSR, "--judges", "nli", "--set", "judges.nli=no/such"), MissingAsset, "the NLI judge 'no/such' is not on"),
        ((VSR, "--prompt", "porridge"), ConfigError, "unknown prompt format 'porridge'"),
        ((VSR, "--split", "nowhere"), DataError, "vsr has no split 'nowhere'"),
    ],
)
def test_wrong_words(arguments, words, error, message):
    done = evaluate(*arguments, *words)
    assert isinstance(done.exception, error) and message in str(done.exception)


def test_a_judge_without_a_head(arguments, tmp_path):
    judge = tmp_path / "judge"
    judge.mkdir()
    done = evaluate(*arguments, VSR, "--judges", "reward", "--set", f"judges.reward={judge}")
    assert isinstance(done.exception, CheckpointError) and "the reward judge cannot be loaded" in str(done.exception)


@pytest.mark.parametrize(
    "words",
    [("--limit", 3), ("--device", "cuda"), ("--prompt", "page"), ("--judges", "none"), ("--judges", "nli", "model")],
)
def test_source_options_need_a_source(words):
    done = evaluate(*words)
    assert isinstance(done.exception, ConfigError) and f"{words[0]} goes with --source" in str(done.exception)


@pytest.mark.parametrize("words", [("--curt",), ("--data", "x"), ("--out", "x"), ("--set", "evaluation.questions=3")])
def test_options_of_named_models_need_one(words):
    done = evaluate(*words)
    assert isinstance(done.exception, ConfigError) and f"{words[0]} goes with named models" in str(done.exception)


def test_a_named_run_has_its_own_preset():
    done = evaluate("--run", "night", "--preset", "small", "--seed", 3)
    assert isinstance(done.exception, ConfigError) and "--preset, --seed go without --run" in str(done.exception)


@pytest.mark.parametrize("models", [(), ("model",)])
def test_a_mistyped_run_is_refused_and_not_made(tmp_path, models):
    done = evaluate(*models, "--run-dir", tmp_path / "tyni-0")
    assert isinstance(done.exception, MissingAsset) and "there is no such run" in str(done.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_an_evaluation_says_what_makes_one(tmp_path):
    Workspace(tmp_path, load_preset())
    before = sorted(tmp_path.iterdir())
    done = evaluate("--run-dir", tmp_path)
    assert isinstance(done.exception, MissingAsset) and "`flamingo pipeline` makes it" in str(done.exception)
    assert sorted(tmp_path.iterdir()) == before


def test_figures_of_a_run_are_those_it_stored_with_its_own_settings(tmp_path):
    run = Workspace(tmp_path, load_preset("tiny", ("evaluation.questions=3",), 5))
    step = {"step": "evaluate", "key": run.key("evaluate"), "metrics": {"base.polite": 0.5}, "seconds": 1, "files": {}}
    write_json(tmp_path / "evaluate" / "manifest.json", step)
    assert json.loads(evaluate("--run-dir", tmp_path, "--json").stdout) == {"base.polite": 0.5}
