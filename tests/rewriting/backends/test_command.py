"""`flamingo rewrite --backend`: the backend stands in the job's identity and each record; wrong words are refused."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.cli.backend_options import backend_settings
from flamingo_lib.config import ScenesConfig
from flamingo_lib.errors import CheckpointError, ConfigError, FlamingoError
from flamingo_lib.pf1m.parquet import dataset_card
from flamingo_lib.rewriting.shards import read_shards
from flamingo_lib.scenes.writers import write_scenes


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes") / "data"
    names = ("polite_scenes", "raw_scenes", "calibration_scenes", "evaluation_scenes", "held_out_scenes")
    write_scenes(root, ScenesConfig(**dict.fromkeys((*names, "text_dialogues"), 4), image_size=72), seed=1)
    return ["--source", f"vqa-v2={root / 'vqa-v2'}:train:6"]


def run(*words):
    result = CliRunner().invoke(app, ["rewrite", *map(str, words), "--set", "rewriting.max_new_tokens=6"])
    if result.exception is not None and isinstance(result.exception, FlamingoError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_job_by_another_model(source, smolvlm, tmp_path):
    words = [*source, "--rewriter", smolvlm, "--backend", "transformers", "--out", tmp_path]
    run(*words)
    records = list(read_shards(tmp_path))
    assert len(records) == 6 and all(record.output for record in records)
    assert len({record.rewriter for record in records}) == 1
    assert records[0].rewriter.startswith("transformers smolvlm ")
    job = json.loads((tmp_path / "job.json").read_text())
    assert job["backend"]["kind"] == "transformers" and "{draft}" in job["backend"]["prompt"]
    with pytest.raises(ConfigError, match=r"backend\.style_prompt differs"):
        run(*words, "--style-prompt", "Be polite.")
    with pytest.raises(ConfigError, match=r"backend\.dtype differs .* now \"bfloat16\""):
        run(*words, "--backend-set", "dtype=bfloat16")
    run(*words, "--backend-set", "device=cpu")  # plays no part


def test_models_are_refused_before_work(source, tmp_path):
    with pytest.raises(CheckpointError, match="no image-text-to-text model"):
        run(*source, "--rewriter", "openflamingo-tiny", "--backend", "transformers", "--out", tmp_path / "out")
    with pytest.raises(ConfigError, match="no server is named"):
        run(*source, "--rewriter", "gpt", "--backend", "server", "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_requests_are_written_and_answers_read(source, tmp_path):
    words = [*source, "--rewriter", "gpt", "--backend", "server", "--out", tmp_path / "job"]
    assert "6 requests" in run(*words, "--batch-out", tmp_path / "requests.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "requests.jsonl").read_text().splitlines()]
    body = {"model": "gpt", "choices": [{"message": {"content": "It is red."}, "finish_reason": "stop"}]}
    answers = [{"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}} for line in lines]
    (tmp_path / "answers.jsonl").write_text("".join(json.dumps(answer) + "\n" for answer in answers))
    run(*words, "--batch-in", tmp_path / "answers.jsonl")
    assert [record.output for record in read_shards(tmp_path / "job")] == ["It is red."] * 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("serv",), "kind cannot be 'serv'"),
        (("flamingo", "http://x/v1"), "flamingo has no url"),
        (("flamingo", None, "Be polite."), "flamingo has no style prompt"),
        (("server", "http://x/v1", None, None, "adapter"), "server has no adapter"),
        (("transformers", None, None, None, None, ["colour=1"]), "not a setting of a backend"),
        (("server", "http://x/v1", None, None, None, ["concurrency=0"]), "concurrency cannot be 0"),
        (("transformers", None, None, None, None, ["prompt=Rewrite"]), "lacks {instruction}"),
    ],
)
def test_wrong_settings_are_named(arguments, message):
    with pytest.raises(ConfigError, match=message.replace("{", r"\{")):
        backend_settings(*arguments)


def test_the_card_says_what_rewrote():
    card = dataset_card(
        title="X", counts={"vqa-v2": 1}, funnel="", judges={}, thresholds={}, rewriter="transformers smol 1a2b",
        created_by="me", backend={"kind": "transformers", "prompt": "a|b\nc", "system": None},
    )  # fmt: skip
    assert '("transformers smol 1a2b")' in card and "| prompt | `a\\|b c` |" in card and "| system |" not in card
