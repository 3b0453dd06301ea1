"""A run that is there: found by name or path, its settings read back, and nothing made for one that isn't."""

import json

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import ConfigError, DataError, MissingAsset
from flamingo_lib.pipeline.run_folder import Workspace
from flamingo_lib.pipeline.stored_run import stored_preset, stored_run
from flamingo_lib.presets import load_preset


def test_a_run_has_the_settings_it_was_made_with(tmp_path):
    preset = load_preset("tiny", ("scenes.raw_scenes=7", "threads=1"), 3)
    folder = Workspace(tmp_path / "run", preset, steps=[]).folder
    assert stored_run(folder) == folder and stored_preset(folder) == preset


@pytest.mark.parametrize(
    ("about", "error"),
    [([1], DataError), ({"settings": 3}, DataError), ({"settings": {"porridge": 1}}, ConfigError)],
)
def test_settings_that_cannot_be_read_are_refused(tmp_path, about, error):
    (tmp_path / "run.json").write_text(json.dumps(about))
    with pytest.raises(error):
        stored_preset(tmp_path)


def test_a_mistyped_run_is_refused_and_not_made(tmp_path):
    with pytest.raises(MissingAsset, match="no such run"):
        stored_run(tmp_path / "tyni-0")
    done = CliRunner().invoke(app, ["notebooks", "--run-dir", str(tmp_path / "tyni-0")])
    assert isinstance(done.exception, MissingAsset)
    assert list(tmp_path.iterdir()) == []
