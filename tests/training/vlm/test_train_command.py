"""`flamingo train rewriter --model`: on a file of pairs, and on the pairs of a run."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import ConfigError, FlamingoError
from flamingo_lib.records import Pair, to_json


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pairs that show one picture."""
    base = tmp_path_factory.mktemp("train")
    pairs = [
        Pair(f"vqa/{i}", "vqa", ("1.png",), f"What is number {i}?", "red", "It is red.", "noise") for i in range(6)
    ]
    (base / "pairs.jsonl").write_text("".join(json.dumps(to_json(pair)) + "\n" for pair in pairs))
    return base


def train(model, *more):
    words = ["train", "rewriter", "--model", str(model), "--set", "rewriter.max_steps=2", "--json"]
    result = CliRunner().invoke(app, [*words, "--set", "rewriter.batch_size=2", *map(str, more)])
    if result.exception is not None and isinstance(result.exception, FlamingoError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["rewriter"]


def test_a_model_is_trained_on_a_file_of_pairs(smolvlm, root, folder, tmp_path):
    data = ["--data", folder / "pairs.jsonl", "--images", root]
    figures = train(smolvlm, *data, "--out", tmp_path / "out", "--system", "Be kind.")
    assert figures["steps"] == 2 and figures["examples"] == 6
    notes = json.loads((tmp_path / "out" / "training.json").read_text())
    assert notes["backend"]["system"] == "Be kind." and (tmp_path / "out" / "adapter_model.safetensors").is_file()
    with pytest.raises(ConfigError, match=r"unknown field \{answer\}"):
        train(smolvlm, *data, "--out", tmp_path / "other", "--prompt", "{instruction} {answer}")
    with pytest.raises(ConfigError, match="--out"):
        train(smolvlm, *data)


def test_a_model_is_trained_on_packed_pairs(smolvlm, root, folder, tmp_path):
    data = ["--data", folder / "pairs.jsonl", "--images", root]
    figures = train(smolvlm, *data, "--out", tmp_path / "out", "--pack", "600")
    assert figures["attention"] == "positions" and figures["windows"] < figures["examples"] == 6
    with pytest.raises(ConfigError, match=r"--pack.*Give --model"):
        CliRunner().invoke(app, ["train", "rewriter", "--pack", "600"], catch_exceptions=False)


def test_a_model_is_trained_on_the_pairs_of_a_run(smolvlm, root, folder, tmp_path, monkeypatch):
    steps = {"scenes": tmp_path, "distort": folder}
    monkeypatch.setattr(
        "flamingo_lib.pipeline.run_folder.Workspace.step", lambda _, name: SimpleNamespace(folder=steps[name])
    )
    run = ["--run-dir", tmp_path / "run", "--set", f"sources.root={root}"]
    assert train(smolvlm, *run, "--out", tmp_path / "out")["examples"] == 6
