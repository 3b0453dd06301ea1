"""Models that the server refuses before it loads or listens: code of their own, links out, more than their weights."""

from __future__ import annotations

import json
import shutil

import pytest

from flamingo_lib.cli.serve import load_backend
from flamingo_lib.errors import CheckpointError
from flamingo_lib.hub import CHECKPOINTS


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(CHECKPOINTS / "openflamingo-tiny", tmp_path / "model")


def changed(file, **values):
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json", "processor_config.json"])
def test_code_of_a_models_own_is_refused_by_name(folder, name):
    changed(folder / name, auto_map={"AutoModel": "evil.Model"})
    (folder / "evil.py").write_text("raise SystemExit('it ran')")
    with pytest.raises(CheckpointError, match=rf"brings code of its own \(auto_map: evil\.Model\).*{name}"):
        load_backend(str(folder), None, optimize=False)


def test_links_out_and_huge_configurations_are_refused(folder, tmp_path):
    (tmp_path / "secret").write_text("{}")
    (folder / "notes.json").symlink_to(tmp_path / "secret")
    with pytest.raises(CheckpointError, match="leads out of it"):
        load_backend(str(folder), None, optimize=False)
    (folder / "notes.json").unlink()
    changed(folder / "config.json", resampler_depth=10**9)
    with pytest.raises(CheckpointError, match="asks for 1,000,000,000"):
        load_backend(str(folder), None, optimize=False)
