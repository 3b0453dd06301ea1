"""Bounds on weight files: what a file declares is checked before memory is taken; links and huge configurations."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from flamingo_lib import weight_bounds
from flamingo_lib.errors import CheckpointError
from flamingo_lib.file_kinds import check_weights
from flamingo_lib.loading import load_model
from flamingo_lib.weight_files import read_state

STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4)}
OLD = {"_use_new_zipfile_serialization": False}


def repacked(path: Path, change) -> Path:
    """A PyTorch file whose records are `change`d (name, content) -> (content, compression)."""
    out = path.with_name("changed.pt")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for record in old.infolist():
            content, kind = change(record.filename, old.read(record))
            new.writestr(record.filename, content, compress_type=kind)
    return out


@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "old"])
def test_a_plain_file_is_read(tmp_path, options):
    torch.save({"state_dict": STATE, "epoch": 3, "seed": 2**62}, tmp_path / "a.pt", **options)
    found = read_state(tmp_path / "a.pt")
    assert all(torch.equal(found[name], value) for name, value in STATE.items())


def test_packed_records_are_refused(tmp_path):
    torch.save({"a": torch.zeros(2_000_000)}, tmp_path / "a.pt")
    bomb = repacked(tmp_path / "a.pt", lambda _, content: (content, zipfile.ZIP_DEFLATED))
    assert bomb.stat().st_size < 100_000
    with pytest.raises(CheckpointError, match=r"refused before it is loaded: its record .* is packed.*changed\.pt"):
        read_state(bomb)


@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "old"])
def test_a_declared_size_beyond_the_file_is_refused_before_it_is_taken(tmp_path, options):
    torch.save({"a": torch.zeros(77_777)}, tmp_path / "a.pt", **options)
    huge, plain = struct.pack("<i", 2_000_000_000), struct.pack("<i", 77_777)
    if options:
        path = tmp_path / "a.pt"
        path.write_bytes(path.read_bytes().replace(plain, huge))
    else:
        path = repacked(tmp_path / "a.pt", lambda _, content: (content.replace(plain, huge), zipfile.ZIP_STORED))
    tracemalloc.start()
    with pytest.raises(CheckpointError, match="a tensor declares 2,000,000,000 elements"):
        read_state(path)
    assert tracemalloc.get_traced_memory()[1] < 50 << 20
    tracemalloc.stop()


@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "old"])
def test_a_tensor_that_repeats_few_values_over_a_large_shape_is_refused(tmp_path, options):
    torch.save({"a": torch.zeros(1).expand(10**12)}, tmp_path / "a.pt", **options)
    with pytest.raises(CheckpointError, match="a declares 1,000,000,000,000 elements, and stores fewer"):
        read_state(tmp_path / "a.pt")


@pytest.mark.parametrize(
    "tensor", [torch.zeros(4, 4).to_sparse(), torch.zeros(4, device="meta")], ids=["sparse", "meta"]
)
def test_tensors_without_plain_values_are_refused(tmp_path, tensor):
    torch.save({"a": tensor}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="a is no plain tensor|not a PyTorch file|refused"):
        read_state(tmp_path / "a.pt")


class Greedy:
    def __reduce__(self):
        return bytearray, (1 << 44,)


@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "old"])
def test_a_pickle_that_asks_for_memory_is_refused(tmp_path, options):
    torch.save({"a": torch.zeros(2), "b": Greedy()}, tmp_path / "a.pt", **options)
    with pytest.raises(CheckpointError, match=r"bytearray, which takes memory at its wish"):
        read_state(tmp_path / "a.pt")


@pytest.mark.parametrize("options", [{}, OLD], ids=["zip", "old"])
def test_too_many_tensors_or_steps_are_refused(tmp_path, options, monkeypatch):
    torch.save({str(number): torch.zeros(1) for number in range(9)}, tmp_path / "a.pt", **options)
    monkeypatch.setattr(weight_bounds, "MAX_TENSORS", 8)
    with pytest.raises(CheckpointError, match="more than 8"):
        read_state(tmp_path / "a.pt")
    monkeypatch.undo()
    monkeypatch.setattr(weight_bounds, "MAX_OPCODES", 30)
    with pytest.raises(CheckpointError, match="more than 30 steps"):
        read_state(tmp_path / "a.pt")


@pytest.mark.parametrize("content", [b"", b"\x80\x02", pickle.dumps([1] * 50)[:40], b"PK\x03\x04data.pkl" + b"x" * 90])
def test_broken_files_are_told_by_the_loader(tmp_path, content):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(CheckpointError):
        read_state(tmp_path / "a.pt")


def header(length: int | None = None, **entry) -> bytes:
    text = json.dumps({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **entry}}).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + b"\0" * 8


@pytest.mark.parametrize(
    "content",
    [
        header(1 << 62),
        header(90_000_000),
        header(shape=[1 << 40]),
        header(shape=[1 << 62, 1 << 62]),
        header(data_offsets=[0, 1 << 60]),
        header(shape=[-2]),
        header(data_offsets=[8, 0]),
    ],
)
def test_safetensors_that_declare_what_they_lack_are_refused(tmp_path, content):
    (tmp_path / "a.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"a\.safetensors"):
        read_state(tmp_path / "a.safetensors")


@pytest.fixture
def folder(tmp_path):
    """A model's folder that may be changed."""
    from flamingo_lib.hub import CHECKPOINTS

    return Path(shutil.copytree(CHECKPOINTS / "openflamingo-tiny", tmp_path / "model"))


def test_a_link_out_of_the_folder_is_refused_and_one_inside_is_not(folder, tmp_path):
    (tmp_path / "secret.json").write_text("{}")
    (folder / "inner.json").symlink_to("config.json")
    check_weights(folder)
    for name in ("generation_config.json", "model.safetensors", "notes"):
        linked = Path(shutil.copytree(folder, tmp_path / f"with-{name}", symlinks=True))
        (linked / name).unlink(missing_ok=True)
        (linked / name).symlink_to(tmp_path / "secret.json")
        with pytest.raises(CheckpointError, match=rf"a link that leads out of it.*{name}"):
            load_model(linked)
        with pytest.raises(CheckpointError, match="a link that leads out of it"):
            read_state(linked)


def test_links_of_the_hubs_cache_into_its_blobs_are_its_own(folder, tmp_path):
    cache = tmp_path / "models--org--name"
    (cache / "blobs").mkdir(parents=True)
    snapshot = cache / "snapshots" / "0f"
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted(folder.iterdir())):
        if path.is_file():
            shutil.copy(path, cache / "blobs" / str(number))
            (snapshot / path.name).symlink_to(f"../../blobs/{number}")
    check_weights(snapshot)
    (tmp_path / "chosen").symlink_to(snapshot)  # the folder itself may be a link
    check_weights(tmp_path / "chosen")
    (snapshot / "extra.json").symlink_to(os.devnull)
    with pytest.raises(CheckpointError, match="leads out"):
        check_weights(snapshot)


def changed(folder: Path, part: str, **values) -> None:
    config = json.loads((folder / "config.json").read_text())
    (config[part] if part else config).update(values)
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("part", "values", "message"),
    [
        ("text_config", {"num_hidden_layers": 10**9}, r"asks for 1,000,000,000 at text_config\.num_hidden_layers"),
        ("", {"resampler_depth": 10**8}, "asks for 100,000,000 at resampler_depth"),
        ("text_config", {"intermediate_size": 1 << 36}, "describes a model of .* weights, and the files hold"),
        ("text_config", {"vocab_size": 1 << 40}, "describes a model of .* weights, and the files hold"),
        ("", {"num_latents": 1 << 40}, "describes a model of .* weights, and the files hold"),
    ],
)
def test_a_configuration_far_beyond_its_weights_is_refused_before_it_is_built(folder, part, values, message):
    changed(folder, part, **values)
    with pytest.raises(CheckpointError, match=message):
        load_model(folder)


def test_judges_and_chat_models_are_held_to_their_weights(tmp_path):
    from transformers import BertConfig, BertModel

    from flamingo_lib.judges.loading import loading

    folder = tmp_path / "judge"
    sizes = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    BertModel(BertConfig(**sizes, intermediate_size=8)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("a\n")
    with loading(folder, "the judge", "x"):
        pass
    changed(folder, "", vocab_size=1 << 40)
    with pytest.raises(CheckpointError, match="describes a model of"), loading(folder, "the judge", "x"):
        pytest.fail("it was loaded")
    changed(folder, "", vocab_size=30)
    save_file({"a": torch.zeros(2)}, folder / "model.safetensors")
    changed(folder, "", num_hidden_layers=7)
    with pytest.raises(CheckpointError, match="asks for 7 at num_hidden_layers"):
        check_weights(folder)
