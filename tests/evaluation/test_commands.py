"""`flamingo evaluate` on sources: what is printed and written, and wrong words."""

import json
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import CheckpointError, ConfigError, DataError, MissingAsset
from flamingo_lib.evaluation.predictions import read_predictions

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


def test_source_options_need_a_source():
    done = evaluate("--limit", 3)
    assert isinstance(done.exception, ConfigError) and "--limit" in str(done.exception)
