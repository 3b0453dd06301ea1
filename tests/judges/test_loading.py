"""A judge is loaded whole from its own folder or refused by name: nothing is guessed, and no code or pickle is run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, BertForSequenceClassification, BertModel

from flamingo_lib.errors import CheckpointError
from flamingo_lib.hub import CHECKPOINTS
from flamingo_lib.judges.clipscore import ClipScoreJudge
from flamingo_lib.judges.nli import NliJudge
from flamingo_lib.judges.reward import RewardJudge
from flamingo_lib.judges.sts import StsJudge

POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0f" * 32 + "\nsize 123456789\n"
PAGE = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Please sign in.</body></html>"


@pytest.fixture
def folders(tmp_path: Path, sts_folder: Path, nli_folder: Path, reward_folder: Path, clip_folder: Path):
    """A copy of each judge's folder, and what loads it."""
    judges = {"sts": StsJudge, "nli": NliJudge, "reward": RewardJudge, "clip": ClipScoreJudge}
    sources = {"sts": sts_folder, "nli": nli_folder, "reward": reward_folder, "clip": clip_folder}
    return {
        name: (Path(shutil.copytree(sources[name], tmp_path / name)), lambda folder, judge=judge: judge(str(folder)))
        for name, judge in judges.items()
    }


def weights_of(folder: Path) -> Path:
    return next(folder.glob("*.safetensors"))


def change_weights(folder: Path, change) -> None:
    state = change(dict(load_file(weights_of(folder))))
    save_file(state, weights_of(folder), metadata={"format": "pt"})


def refused(load, folder: Path, *words: str) -> None:
    with pytest.raises(CheckpointError) as error:
        load(folder)
    text = str(error.value)
    assert str(folder) in text, text
    for word in words:
        assert word in text, text
    assert "object has no attribute" not in text and "NoneType" not in text


@pytest.mark.parametrize("name", ["sts", "nli", "reward", "clip"])
def test_a_whole_folder_loads(folders, name: str):
    folder, load = folders[name]
    load(folder)


@pytest.mark.parametrize("name", ["sts", "nli", "reward", "clip"])
def test_a_missing_weight_is_named(folders, name: str):
    folder, load = folders[name]
    lost = sorted(key for key in load_file(weights_of(folder)) if "pooler" not in key)[0]
    change_weights(folder, lambda state: {key: value for key, value in state.items() if key != lost})
    refused(load, folder, lost.removeprefix("bert."))


@pytest.mark.parametrize("name", ["sts", "nli", "reward", "clip"])
def test_a_renamed_weight_is_named(folders, name: str):
    folder, load = folders[name]
    lost = sorted(key for key in load_file(weights_of(folder)) if "pooler" not in key)[0]
    change_weights(folder, lambda state: {key + ("_old" if key == lost else ""): value for key, value in state.items()})
    refused(load, folder, lost.removeprefix("bert."))


@pytest.mark.parametrize("name", ["sts", "nli", "reward", "clip"])
def test_a_weight_of_another_shape_is_named(folders, name: str):
    folder, load = folders[name]
    wide = next(key for key, value in sorted(load_file(weights_of(folder)).items()) if value.dim() == 2)
    change_weights(folder, lambda state: state | {wide: state[wide][:, :-1].contiguous()})
    refused(load, folder, wide.rpartition(".")[0].rpartition(".")[2])


@pytest.mark.parametrize("name", ["nli", "reward"])
def test_a_classifier_without_its_head_is_refused(folders, name: str):
    folder, load = folders[name]
    model = BertForSequenceClassification.from_pretrained(folder)
    labels = (model.config.id2label, model.config.label2id)
    model.bert.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text())
    config |= {"id2label": labels[0], "label2id": labels[1]}
    (folder / "config.json").write_text(json.dumps(config))
    refused(load, folder, "classifier.weight", "missing")


def test_what_is_no_sentence_embedder_is_no_sts_judge(tmp_path: Path, nli_folder: Path):
    BertModel.from_pretrained(nli_folder).save_pretrained(tmp_path / "plain-encoder")
    AutoTokenizer.from_pretrained(nli_folder).save_pretrained(tmp_path / "plain-encoder")
    for folder in (tmp_path / "plain-encoder", nli_folder, CHECKPOINTS / "reward-tiny"):
        refused(lambda folder: StsJudge(str(folder)), folder, "modules.json")


def test_a_classifier_dressed_as_an_sts_judge_is_refused(folders, nli_folder: Path):
    folder, load = folders["sts"]
    for name in ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(nli_folder / name, folder / name)
    refused(load, folder, "classifier", "find no parameter")


def test_an_sts_judge_without_its_pooling_is_refused(folders):
    folder, load = folders["sts"]
    shutil.rmtree(folder / "1_Pooling")
    refused(load, folder, "1_Pooling")


@pytest.mark.parametrize("name", ["sts", "nli", "reward", "clip"])
def test_a_missing_tokenizer_is_named(folders, name: str):
    folder, load = folders[name]
    for path in folder.glob("tokenizer*"):
        path.unlink()
    refused(load, folder, "tokenizer")


def test_a_tokenizer_of_another_model_is_refused(folders):
    folder, load = folders["nli"]
    for path in (CHECKPOINTS / "nli-tiny").glob("tokenizer*"):
        shutil.copy(path, folder / path.name)
    refused(load, folder, "its tokenizer has", "its model embeds")


@pytest.mark.parametrize("name", ["sts", "nli", "reward", "clip"])
@pytest.mark.parametrize(
    ("content", "says"), [(POINTER, "git LFS pointer"), (PAGE, "web page"), ("", "empty"), ("Not Found", "text file")]
)
def test_what_stands_in_place_of_the_weights_is_called_what_it_is(folders, name: str, content: str, says: str):
    folder, load = folders[name]
    weights_of(folder).write_text(content)
    refused(load, folder, says, weights_of(folder).name)


@pytest.mark.parametrize("name", ["sts", "nli", "reward", "clip"])
def test_half_a_file_is_refused(folders, name: str):
    folder, load = folders[name]
    data = weights_of(folder).read_bytes()
    weights_of(folder).write_bytes(data[: len(data) // 2])
    refused(load, folder, "cut off")


@pytest.mark.parametrize("name", ["sts", "nli", "reward", "clip"])
def test_pickled_weights_are_refused(folders, name: str):
    folder, load = folders[name]
    torch.save(load_file(weights_of(folder)), folder / "pytorch_model.bin")
    weights_of(folder).unlink()
    refused(load, folder, "pickle", "safetensors")


@pytest.mark.parametrize("name", ["sts", "nli", "reward", "clip"])
def test_code_of_the_folders_own_is_never_run(folders, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asks"))
    folder, load = folders[name]
    (folder / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    file = folder / ("open_clip_config.json" if name == "clip" else "config.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"auto_map": {"AutoModel": "own.Own"}}))
    refused(load, folder, "own.Own", "never run")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("name", ["sts", "nli", "reward", "clip"])
@pytest.mark.parametrize("content", ["{}", "[]", "null", '{"model_type": "no-such-model"}'])
def test_a_config_of_another_kind_is_a_clear_error(folders, name: str, content: str):
    folder, load = folders[name]
    (folder / ("open_clip_config.json" if name == "clip" else "config.json")).write_text(content)
    refused(load, folder)


def test_a_clip_model_that_fetches_its_text_tower_is_refused(folders):
    folder, load = folders["clip"]
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["hf_model_name"] = "org/text-tower"
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    refused(load, folder, "org/text-tower", "hub")
