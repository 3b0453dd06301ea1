"""Images for training: plain files as they lie, marks drawn, members of archives taken out."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.images import ImageError, load_image
from flamingo_lib.pipeline.steps.materialized_images import PlainImages
from flamingo_lib.records import Sample

MARK = {"kind": "box", "color": "red", "at": [0.2, 0.2, 0.6, 0.6]}


def sample(*images, **meta):
    return Sample("s/1", "s", "vqa", images, "What?", "red", meta=meta)


@pytest.fixture
def plain(tmp_path):
    root = tmp_path / "s"
    root.mkdir()
    Image.new("RGB", (40, 30), "white").save(root / "train@2x.png")
    with zipfile.ZipFile(root / "set.zip", "w") as archive:
        archive.write(root / "train@2x.png", "a.png")
    return PlainImages(tmp_path, tmp_path / "cache")


def test_a_plain_file_with_a_sign_in_its_name_stays_where_it_is(plain, tmp_path):
    assert plain.files(sample("train@2x.png")) == (str(tmp_path / "s/train@2x.png"),)
    assert not (tmp_path / "cache").exists()


def test_members_are_taken_out_and_marks_drawn(plain, tmp_path):
    (member,) = plain.files(sample("set.zip@a.png"))
    assert np.array_equal(load_image(member), load_image(tmp_path / "s/train@2x.png"))
    (marked,) = plain.files(sample("train@2x.png", mark=MARK))
    assert len(load_image(marked).getcolors()) > 1


def test_a_path_that_leaves_the_folder_is_refused(plain):
    with pytest.raises(ImageError, match="leaves the root"):
        plain.files(sample("../secret.png"))
