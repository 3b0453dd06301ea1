"""A small Scenes data root and a random rewriter with random judges, all in their real layouts."""

import shutil
from pathlib import Path

import pytest

from tests.rewriting.small_models import save_judges, save_rewriter, write_root


@pytest.fixture(scope="session")
def scenes_root(tmp_path_factory):
    """A few scenes of every pool as all default datasets."""
    root = tmp_path_factory.mktemp("scenes") / "data"
    write_root(root)
    return root


@pytest.fixture(scope="session")
def rewriter_folder(tmp_path_factory):
    """A random Flamingo of width 32 that reads the world's words."""
    folder = tmp_path_factory.mktemp("models") / "rewriter"
    save_rewriter(folder)
    return folder


@pytest.fixture(scope="session")
def judge_settings(tmp_path_factory):
    """Settings that name random judges instead of the shipped ones."""
    return save_judges(tmp_path_factory.mktemp("judges"))


@pytest.fixture
def copy_of(tmp_path):
    """Copies a folder so that a test may change it."""

    def copy(folder: Path, name: str) -> Path:
        return Path(shutil.copytree(folder, tmp_path / name))

    return copy
