import pytest

from flamingo_lib.config import ScenesConfig
from flamingo_lib.scenes.graph import Scene, SceneObject, draw_scene
from flamingo_lib.scenes.writers import write_scenes

SMALL = ScenesConfig(
    polite_scenes=20,
    raw_scenes=30,
    calibration_scenes=8,
    evaluation_scenes=8,
    held_out_scenes=8,
    held_out_source_questions=6,
    text_dialogues=20,
    image_size=96,
)


@pytest.fixture(scope="session")
def scenes() -> list[Scene]:
    return [draw_scene(3, f"test-{number}", held_out=number % 5 == 0) for number in range(400)]


@pytest.fixture(scope="session")
def small_config() -> ScenesConfig:
    return SMALL


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp("scenes") / "root"
    return root, write_scenes(root, SMALL, seed=1)


def make(shape: str, color: str, size: str, cell: int) -> SceneObject:
    return SceneObject(
        shape, color, size, cell, (cell % 3 + 0.5) / 3, (cell // 3 + 0.5) / 3, 0.08 if size == "small" else 0.13
    )


@pytest.fixture
def scene() -> Scene:
    """A small red circle top left, a large blue square in the center, a small blue star bottom right."""
    return Scene(
        "fixed",
        (make("circle", "red", "small", 0), make("square", "blue", "large", 4), make("star", "blue", "small", 8)),
    )
