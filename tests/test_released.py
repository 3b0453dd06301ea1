"""Finding released weights: under every name, what is missing, what stands in their place."""

from __future__ import annotations

import pytest

from flamingo_lib.errors import CheckpointError, ConfigError, MissingAsset
from flamingo_lib.presets import load_preset
from flamingo_lib.released import (
    FLAMINGOS,
    RELEASES,
    check_release,
    check_weights_root,
    find_flamingo,
    find_release,
    require_releases,
)


@pytest.mark.parametrize("folder", ["timdettmers/guanaco-7b", "guanaco-7b"])
def test_a_release_lies_under_its_repository_or_its_name(tmp_path, folder):
    assert find_release("guanaco-7b", tmp_path) is None
    (tmp_path / folder).mkdir(parents=True)
    assert find_release("guanaco-7b", tmp_path) == tmp_path / folder


@pytest.mark.parametrize("folder", ["chendelong/clever_flamingo", "clever_flamingo", "polite-flamingo", "."])
def test_a_checkpoint_is_found_by_its_file(tmp_path, folder):
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    assert find_release("polite-flamingo", tmp_path) is None
    file = tmp_path / folder / "polite_flamingo.pt"
    file.write_bytes(b"x")
    assert find_release("polite-flamingo", tmp_path).samefile(file)


def test_all_that_is_missing_is_named_at_once(tmp_path):
    with pytest.raises(MissingAsset) as error:
        require_releases(("llama-7b", "openflamingo-9b"), tmp_path)
    text = str(error.value)
    assert "2 of 2 weights are missing: llama-7b, openflamingo-9b" in text
    assert RELEASES["llama-7b"].homepage in text and "(checkpoint.pt)" in text


def test_what_stands_in_the_place_of_weights_is_told(tmp_path):
    folder = tmp_path / "llama-7b"
    folder.mkdir()
    with pytest.raises(CheckpointError, match=r"config\.json is missing"):
        check_release("llama-7b", folder)
    (folder / "config.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"tokenizer\.json or tokenizer\.model or vocab\.json is missing"):
        check_release("llama-7b", folder)
    file = tmp_path / "checkpoint.pt"
    file.write_text("version https://git-lfs.github.com/spec/v1")
    with pytest.raises(CheckpointError, match="git LFS pointer"):
        check_release("openflamingo-9b", file)


def test_unknown_names_and_folders_are_told(tmp_path):
    with pytest.raises(ConfigError, match="no released Flamingo 'guanaco-7b'. Choose one of openflamingo-9b, clever"):
        find_flamingo("guanaco-7b")
    with pytest.raises(MissingAsset, match="no such folder of weights"):
        check_weights_root(tmp_path / "nowhere")


def test_the_paper_preset_calls_its_weights_by_these_names():
    preset = load_preset("paper")
    judges = preset.judges
    named = {preset.model.base, preset.model.adapter, preset.distortion.backend_model}
    named |= {judges.sts, judges.nli, judges.reward, judges.clip}
    assert named <= set(RELEASES) and preset.model.base in FLAMINGOS
