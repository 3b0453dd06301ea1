"""The ground floor's finder of models: names, kinds of file, code of a folder's own, load reports."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from flamingo_lib import hub
from flamingo_lib.errors import CheckpointError, MissingAsset

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0f" * 32 + "\nsize 123456789\n"
PAGE = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in.</body></html>\n"


def model_folder(folder: Path, **config) -> Path:
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"} | config))
    save_file({"weight": torch.zeros(4, 4)}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (POINTER, "a git LFS pointer, not the file itself"),
        (PAGE, "a web page (HTML)"),
        ("\ufeff  <html lang='en'><body>gone</body></html>", "a web page (HTML)"),
        ('<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "a web page (HTML)"),
        ("", "an empty file"),
        ("Not Found", "a text file"),
        ("Straße nicht gefunden", "a text file"),
        ('{"error": "Repository not found"}', "a JSON file"),
        (b"GGUF\3\0\0\0", "a GGUF file"),
        (b"\x89HDF\r\n\x1a\n\0\0", "an HDF5 file"),
        (b"\x80\2}q\0.", "a pickle file"),
        (b"PK\3\4other", "a zip archive"),
        (b"\x01\x02\x03\x04\x05\x06", "binary data"),
    ],
)
def test_a_file_is_called_what_it_is(tmp_path: Path, content: str | bytes, kind: str):
    path = tmp_path / "model.safetensors"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert hub.describe_file(path) == kind


@pytest.mark.parametrize("name", ["a.pt", "a.bin", "a.safetensors", "a.gguf"])
@pytest.mark.parametrize("content", [POINTER, PAGE, "", "Not Found", b"\x89HDF\r\n\x1a\n\0", b"\1\2\3\4\5\6"])
def test_what_is_no_weights_file_is_refused_under_every_name(tmp_path: Path, name: str, content: str | bytes):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CheckpointError, match=f"this holds no weights.*{name}"):
        hub.check_weights_file(path)


def test_real_weights_are_known(tmp_path: Path):
    save_file({"weight": torch.zeros(40, 40)}, tmp_path / "whole.safetensors")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "zip.pt")
    torch.save({"weight": torch.zeros(2)}, tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    assert hub.describe_file(tmp_path / "whole.safetensors") == "a safetensors file"
    assert hub.describe_file(tmp_path / "zip.pt") == "a PyTorch file"
    assert hub.describe_file(tmp_path / "old.pt") == "a pickle file"
    for path in tmp_path.iterdir():
        hub.check_weights_file(path)
    data = (tmp_path / "whole.safetensors").read_bytes()
    (tmp_path / "half.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError, match=r"cut off.*half.safetensors"):
        hub.check_weights_file(tmp_path / "half.safetensors")


@pytest.mark.parametrize(("content", "says"), [(POINTER, "git LFS pointer"), (PAGE, "web page"), ("", "empty")])
@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_folder_with_something_else_in_a_files_place_is_refused(tmp_path: Path, content: str, says: str, name: str):
    folder = model_folder(tmp_path / "model")
    (folder / name).write_text(content)
    with pytest.raises(CheckpointError, match=f"{says}.*{name}"):
        hub.check_weights(folder)


def test_a_whole_folder_passes(tmp_path: Path):
    hub.check_weights(model_folder(tmp_path / "model"))
    for name in ("openflamingo-tiny", "nli-tiny", "reward-tiny", "clip-tiny"):
        hub.check_weights(hub.CHECKPOINTS / name)
        hub.refuse_remote_code(hub.CHECKPOINTS / name)
    minilm = hub.resolve("all-MiniLM-L6-v2")
    hub.check_weights(minilm)
    hub.refuse_remote_code(minilm)


def test_pickles_are_refused_unless_the_loader_reads_them_safely(tmp_path: Path):
    folder = model_folder(tmp_path / "model")
    (folder / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no weights"):
        hub.check_weights(folder)
    torch.save({"weight": torch.zeros(2)}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match=r"pickle.*pytorch_model.bin.*safetensors"):
        hub.check_weights(folder)
    hub.check_weights(folder, pickles=True)


def test_a_missing_shard_is_named(tmp_path: Path):
    folder = model_folder(tmp_path / "model")
    index = {"weight_map": {"a": "model.safetensors", "b": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="a shard of the weights is missing: model-00002-of-00002.safetensors"):
        hub.check_weights(folder)
    index["weight_map"] |= {f"c{number}": f"model-{number}.safetensors" for number in range(6)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(
        CheckpointError, match=r"7 shards of the weights are missing: model-0.*, model-3\.\w+ and 2 more"
    ):
        hub.check_weights(folder)


@pytest.mark.parametrize(
    ("file", "value"),
    [
        ("config.json", {"auto_map": {"AutoModel": "own.Own"}}),
        ("config.json", {"text_config": {"auto_map": {"AutoConfig": "someone/else--own.Own"}}}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["own.Own", None]}}),
        ("processor_config.json", {"auto_map": {"AutoProcessor": "own.Own"}}),
        ("modules.json", [{"idx": 0, "name": "0", "path": "", "type": "own.Own"}]),
    ],
)
def test_code_of_a_folders_own_is_refused_by_name(tmp_path: Path, file: str, value: object):
    folder = model_folder(tmp_path / "model")
    (folder / file).write_text(json.dumps(value))
    with pytest.raises(CheckpointError, match=rf"own\.Own.*never run.*{file}"):
        hub.refuse_remote_code(folder)


def test_code_is_named_without_pythons_brackets(tmp_path: Path):
    (tmp_path / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": ["own.Slow", null]}}')
    with pytest.raises(CheckpointError, match=r"\(auto_map: own\.Slow\), which is never run"):
        hub.refuse_remote_code(tmp_path)


def test_a_load_report_is_read():
    hub.check_load_report({"missing_keys": set(), "unexpected_keys": {"embeddings.position_ids"}}, "folder")
    hub.check_load_report({"missing_keys": {"pooler.dense.bias"}}, "folder", ignore=("pooler.",))
    report = {
        "missing_keys": {"a", "b", "c", "d"},
        "unexpected_keys": {"x"},
        "mismatched_keys": {("w", torch.Size([2]), torch.Size([3]))},
    }
    with pytest.raises(CheckpointError) as refused:
        hub.check_load_report(report, "folder")
    text = str(refused.value)
    assert "a, b, c and 1 more are missing" in text and "x find no" in text and "w have another shape" in text


def test_a_missing_model_is_told_the_ways_to_get_it():
    with pytest.raises(MissingAsset, match=r"Assemble it: flamingo assemble --tower .*, or give the path"):
        hub.resolve("flamingo-small", role="the base model")
    with pytest.raises(MissingAsset, match=r"\. Give the path of its folder\.$"):
        hub.resolve("/nowhere/at/all", role="the rewriter")
    with pytest.raises(MissingAsset, match=r"\. Put it into the hub's cache: hf download org/name, or give"):
        hub.resolve("org/name")


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path):
    (tmp_path / "model.safetensors").write_bytes(b"x")
    with pytest.raises(MissingAsset, match="this is a file"):
        hub.resolve(tmp_path / "model.safetensors")


def test_the_environment_names_other_checkpoints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.setitem(os.environ, "FLAMINGO_CHECKPOINTS", str(tmp_path))
    assert hub.resolve("mine") == tmp_path / "mine"
