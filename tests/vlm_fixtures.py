"""Fixtures for other models' rewriting and training: pictures of several sizes, records of them, saved tiny models."""

from __future__ import annotations

import pytest
from PIL import Image, ImageDraw

from flamingo_lib.records import Conversation, Sample, Turn
from flamingo_lib.rewriting.pictures import Pictures
from tests.tiny_vlms import ARCHITECTURES, save_vlm

COLORS = ("red", "green", "blue", "yellow")


@pytest.fixture(scope="session")
def root(tmp_path_factory):
    """A data root with one dataset of four pictures of different shapes."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "vqa").mkdir()
    for index, color in enumerate(COLORS):
        picture = Image.new("RGB", (40 + 16 * index, 56 - 8 * index), "white")
        ImageDraw.Draw(picture).ellipse((4, 4, 30, 28), fill=color)
        picture.save(folder / "vqa" / f"{index}.png")
    return folder


@pytest.fixture(scope="session")
def pictures(root):
    """What opens the records' pictures."""
    return Pictures(root)


@pytest.fixture(scope="session")
def samples():
    """24 records with no image, one, or two; several share a picture."""
    made = []
    for index in range(24):
        images = tuple(f"{(index + step) % 4}.png" for step in range((1, 1, 0, 2, 1, 1)[index % 6]))
        question = f"What color is the circle{' on the left of the picture' * (index % 3)}?"
        made.append(Sample(f"vqa/{index}", "vqa", "vqa", images, question, COLORS[index % 4]))
    return made


@pytest.fixture(scope="session")
def conversations(root):
    """Ten pairs with no image, one, or two, and responses of three lengths."""
    made = []
    for index in range(10):
        images = tuple(str(root / "vqa" / f"{(index + step) % 4}.png") for step in range((1, 1, 0, 2)[index % 4]))
        answer = f"Certainly! The circle in the image is {COLORS[index % 4]}." + " Yes, it is." * (index % 3)
        turn = Turn("What color is the circle?", answer, images=len(images), draft=COLORS[index % 4])
        made.append(Conversation(f"vqa/{index}", (turn,), images))
    return made


@pytest.fixture(scope="session", params=ARCHITECTURES)
def vlm_folder(request, tmp_path_factory):
    """The folder of a random model of each architecture."""
    return save_vlm(request.param, tmp_path_factory.mktemp("vlm") / request.param)


@pytest.fixture(scope="session")
def smolvlm(tmp_path_factory):
    """The folder of a random model of SmolVLM's architecture."""
    return save_vlm("idefics3", tmp_path_factory.mktemp("vlm") / "smolvlm")
