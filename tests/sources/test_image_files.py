"""Images as plain files: marks drawn once, members of archives taken out."""

import zipfile
from pathlib import Path

import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.records import Sample
from flamingo_lib.sources.image_files import ImageFiles, dataset_folder


def sample(*images, source="refcocog", **meta):
    return Sample(f"{source}/1", source, "region", images or ("a.png",), "ask", "raw", meta=meta)


def box(kind="box", **more):
    return {"kind": kind, "color": "red", "at": [0.1, 0.1, 0.9, 0.9], **more}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "refcocog").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (40, 40), "white").save(tmp_path / "refcocog" / name)
    return tmp_path


def test_plain_images_are_their_own_files(root):
    assert ImageFiles(root, root / "drawn").files(sample()) == (str(root / "refcocog" / "a.png"),)
    by_name = ImageFiles({"refcocog": root / "refcocog"}, root / "drawn")
    assert by_name.files(sample("b.png")) == (str(root / "refcocog" / "b.png"),)
    with pytest.raises(DataError, match="folder of the dataset 'gqa' is not known"):
        dataset_folder({"refcocog": root}, "gqa")


def test_marked_images_are_drawn_once(root):
    images = ImageFiles(root, root / "drawn")
    (file,) = images.files(sample(mark=box()))
    assert Path(file).parent == root / "drawn"
    assert len(set(Image.open(file).convert("RGB").getdata())) > 1
    stamp = Path(file).stat().st_mtime_ns
    assert images.files(sample(mark=box())) == (file,) and Path(file).stat().st_mtime_ns == stamp
    (other,) = images.files(sample(mark=box("circle")))
    assert other != file and Path(other).read_bytes() != Path(file).read_bytes()


def test_another_picture_of_the_same_name_is_drawn_anew(root):
    images = ImageFiles(root, root / "drawn")
    (file,) = images.files(sample(mark=box()))
    Image.new("RGB", (40, 40), "black").save(root / "refcocog" / "a.png")
    (redrawn,) = images.files(sample(mark=box()))
    assert redrawn != file and Image.open(redrawn).getpixel((20, 20)) == (0, 0, 0)
    (root / "refcocog" / "a.png").unlink()
    with pytest.raises(DataError, match=r"a\.png"):
        images.files(sample(mark=box()))


def test_only_the_image_that_is_meant_is_marked(root):
    first, second = ImageFiles(root, root / "drawn").files(sample("a.png", "b.png", mark=box(image=1)))
    assert first == str(root / "refcocog" / "a.png") and Path(second).parent == root / "drawn"


def test_members_of_archives_are_taken_out(root):
    with zipfile.ZipFile(root / "refcocog" / "train.zip", "w") as archive:
        archive.write(root / "refcocog" / "a.png", "inner/a.png")
    (file,) = ImageFiles(root, root / "out").files(sample("train.zip@inner/a.png"))
    assert Path(file).parent == root / "out" and Image.open(file).size == (40, 40)


def test_a_plain_file_with_a_sign_in_its_name_stays_where_it_is(tmp_path):
    (tmp_path / "s").mkdir()
    Image.new("RGB", (40, 30), "white").save(tmp_path / "s/train@2x.png")
    sample = Sample("s/1", "s", "vqa", ("train@2x.png",), "What?", "red")
    assert ImageFiles(tmp_path, tmp_path / "cache").files(sample) == (str(tmp_path / "s/train@2x.png"),)
    assert not (tmp_path / "cache").exists()
