"""A small Scenes data root, and the tiny untrained model of the training tests."""

import pytest

from tests.training.conftest import tiny  # noqa: F401


@pytest.fixture(scope="session")
def data_root(tmp_path_factory):
    from flamingo_lib.config import ScenesConfig
    from flamingo_lib.scenes.writers import write_scenes

    root = tmp_path_factory.mktemp("scenes") / "data"
    sizes = {
        "polite_scenes": 6,
        "raw_scenes": 12,
        "calibration_scenes": 4,
        "evaluation_scenes": 10,
        "held_out_scenes": 8,
        "held_out_source_questions": 20,
        "text_dialogues": 5,
    }
    write_scenes(root, ScenesConfig(**sizes, image_size=72), seed=0)
    return root


@pytest.fixture(scope="session")
def index(data_root):
    from flamingo_lib.scenes.index import TruthIndex

    return TruthIndex(data_root)
