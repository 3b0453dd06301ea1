"""Where files are found: the first place, others said aloud; one file for a ``?``; plain names before signs."""

from __future__ import annotations

import json
import logging
import shutil
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.sources.locator import Locator


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("[]")


def dump(path: Path, value) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def picture(path: Path, color: str = "red") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (120, 90), color).save(path)


def test_signs_of_places(tmp_path: Path):
    touch(tmp_path, "part1.json", "part2.json", "part2_clean.json", "data/other.json")
    locator = Locator(tmp_path)
    assert locator.find(["part*.json"], {}) == ["part1.json", "part2.json", "part2_clean.json"]
    assert locator.find(["part#.json"], {}) == ["part1.json", "part2.json"]
    assert locator.find(["oth?.json"], {}) == ["data/other.json"]
    assert locator.find(["?_clean.json"], {}) == ["part2_clean.json"]


def test_several_files_for_one_name_are_asked_about(tmp_path: Path):
    touch(tmp_path, "a.json", "b.json")
    with pytest.raises(DataError, match=r"several files could be meant: a.json, b.json.*official name, right.json"):
        Locator(tmp_path).find(["data/|right.json", "?.json"], {})
    touch(tmp_path, "sub/right.json")
    assert Locator(tmp_path).find(["?.json", "data/|right.json"], {}) == ["sub/right.json"]  # known names go first


def test_a_file_whose_name_holds_a_sign_is_that_file(tmp_path: Path):
    touch(tmp_path, "what?.xml", "whats.xml", "a#1.xml", "a*.xml", "ab.xml", "data*/[1]/x.json")
    locator = Locator(tmp_path)
    for name in ("what?", "a#1", "a*"):
        assert locator.find(["{id}.xml"], {"id": name}) == [f"{name}.xml"]
    assert locator.find(["*.json"], {}) == ["data*/[1]/x.json"]


def test_other_places_are_listed_without_what_was_found(tmp_path: Path):
    touch(tmp_path, "a/x.json", "b/x.json", "y.json")
    (tmp_path / "c").mkdir()
    (tmp_path / "c/x.json").symlink_to(tmp_path / "a/x.json")
    locator, places = Locator(tmp_path), ["x.json", "y.json", "?.json"]
    assert locator.find(places, {}) == ["y.json"]
    assert locator.others(places, {}, ["a/x.json"]) == [["y.json"], ["b/x.json"]]


def dota(root: Path, *kinds: str) -> None:
    for number in range(3):
        picture(root / f"train/images/P{number}.png")
        for kind in kinds:
            path = root / "train" / kind / f"P{number}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("12 10 40 14 38 30 10 26 small-vehicle 0\n")


@pytest.mark.parametrize(
    ("kinds", "read_from"),
    [
        (("labelTxt-v1.0/labelTxt", "labelTxt-v1.0/trainset_reclabelTxt"), "labelTxt-v1.0/labelTxt"),
        (("labelTxt-v1.0", "labelTxt-v1.5"), "labelTxt-v1.0"),
        (("labelTxt-v1.5/DOTA-v1.5_train", "labelTxt-v1.5/DOTA-v1.5_train_hbb"), "labelTxt-v1.5/DOTA-v1.5_train"),
        (("labelTxt-v3.0/own",), "labelTxt-v3.0/own"),
    ],
)
def test_of_the_kinds_and_versions_of_labels_one_is_read(tmp_path: Path, read, caplog, kinds, read_from):
    dota(tmp_path, *kinds)
    samples, aside = read("dota", tmp_path, "train")
    assert len(samples) == 3 and not aside
    known = [kind for kind in kinds if kind != read_from and "reclabel" not in kind and "hbb" not in kind]
    assert all(f"reading the labels from train/{read_from}" in caplog.text and kind in caplog.text for kind in known)


def test_two_kinds_of_labels_without_a_known_name_are_asked_about(tmp_path: Path, read):
    dota(tmp_path, "labelTxt-v3.0/a", "labelTxt-v3.0/b")
    with pytest.raises(DataError, match="several files could be meant"):
        read("dota", tmp_path, "train")


def chat(answer: str) -> dict:
    return {"id": answer, "conversations": [{"from": "human", "value": "Say it."}, {"from": "gpt", "value": answer}]}


def test_versions_of_sharegpt_are_not_mixed(tmp_path: Path, read, caplog):
    versions = ["sg_90k_part1_html_cleaned.json", "sg_90k_part1.json", "ShareGPT_V3_unfiltered_cleaned_split.json"]
    for name in versions:
        dump(tmp_path / name, [chat("the same")])
    samples, _ = read("sharegpt", tmp_path)
    assert len(samples) == 1
    assert all(name in caplog.text for name in versions)
    for name in versions[:2]:
        (tmp_path / name).unlink()
    dump(tmp_path / "ShareGPT_V3_unfiltered_cleaned_split_no_imsorry.json", [chat("the same")])
    assert len(read("sharegpt", tmp_path)[0]) == 1


def test_a_single_file_of_any_name_is_read_and_of_several_none(tmp_path: Path, read):
    dump(tmp_path / "mine.json", [chat("one")])
    assert len(read("sharegpt", tmp_path)[0]) == 1
    dump(tmp_path / "dataset_info.json", {"rows": 1})
    with pytest.raises(DataError, match="dataset_info.json, mine.json"):
        read("sharegpt", tmp_path)


def test_packed_and_unpacked_trees_are_one_dataset(copy_of, read, caplog):
    import gzip

    root = copy_of("oasst-1")
    packed = next(root.glob("*.gz"))
    before = len(read("oasst-1", root)[0])
    (root / packed.name.removesuffix(".gz")).write_bytes(gzip.decompress(packed.read_bytes()))
    assert len(read("oasst-1", root)[0]) == before and "also there and not read" in caplog.text


def test_the_same_file_in_two_folders_is_said_aloud(copy_of, read, caplog):
    root = copy_of("spot-the-diff")
    read("spot-the-diff", root)
    assert not caplog.text
    (root / "zz").mkdir()
    (root / "zz/train.json").write_text("[]")
    read("spot-the-diff", root)
    assert "zz/train.json" in caplog.text


def test_images_off_their_place_in_two_folders_are_said_aloud(copy_of, read, caplog):
    root = copy_of("rsitmd")
    (root / "images").rename(root / "photos")
    (root / "masks").mkdir()
    for path in (root / "photos").iterdir():
        (root / "masks" / path.name).write_bytes(path.read_bytes())
    read("rsitmd", root)
    assert "photos/" in caplog.text and "masks/" in caplog.text


def test_numbered_pictures_of_another_kind_beside_the_images(copy_of, read, caplog):
    root = copy_of("grid-3d")
    before = read("grid-3d", root)[0]
    depth = root / "grid-3d/depth"
    depth.mkdir()
    for path in (root / "grid-3d/images").glob("*.png"):
        picture(depth / path.name, "blue")
    assert read("grid-3d", root)[0] == before and "folder called images" in caplog.text
    (root / "grid-3d/images").rename(root / "grid-3d/renders")
    with pytest.raises(DataError, match="several pictures have the number"):
        read("grid-3d", root)


def elevater_set(root: Path, *archives: tuple[str, str, str], labels: tuple[str, ...] = ("labels.txt",)) -> None:
    """A set in the COCO variant whose images don't say which archive they lie in."""
    images = []
    for number, (archive, member, color) in enumerate(archives):
        picture(root / "one.png", color)
        with zipfile.ZipFile(root / archive, "a") as file:
            file.write(root / "one.png", member)
        if member not in [image["file_name"] for image in images]:
            images.append({"id": number, "file_name": member})
    (root / "one.png").unlink()
    notes = [{"image_id": image["id"], "category_id": 1} for image in images]
    dump(root / "train.json", {"images": images, "annotations": notes, "categories": [{"id": 1, "name": "cat"}]})


def test_the_archive_that_holds_a_picture_is_taken_and_not_the_first(tmp_path: Path, read):
    elevater_set(tmp_path, ("a.zip", "1.png", "red"), ("b.zip", "2.png", "blue"))
    samples, aside = read("elevater", tmp_path, "train")
    assert not aside and sorted(sample.images[0] for sample in samples) == ["a.zip@1.png", "b.zip@2.png"]


def test_a_picture_in_two_archives_is_asked_about(tmp_path: Path, read):
    elevater_set(tmp_path, ("a.zip", "1.png", "red"), ("b.zip", "1.png", "blue"), ("b.zip", "2.png", "blue"))
    samples, aside = read("elevater", tmp_path, "train")
    assert len(samples) == 1 and "several archives hold 1.png: a.zip, b.zip" in aside[0]["reason"]


def test_several_label_maps_of_no_known_name_are_asked_about(tmp_path: Path, read):
    picture(tmp_path / "1.png")
    (tmp_path / "train.txt").write_text("1.png 0\n")
    (tmp_path / "labels_en.txt").write_text("cat\n")
    assert "cat" in read("elevater", tmp_path, "train")[0][0].raw
    (tmp_path / "labels_de.txt").write_text("Katze\n")
    with pytest.raises(DataError, match=r"several files could name the classes: labels_de.txt, labels_en.txt"):
        read("elevater", tmp_path, "train")
    (tmp_path / "labels.txt").write_text("dog\n")
    assert "dog" in read("elevater", tmp_path, "train")[0][0].raw


def test_official_samples_are_read_without_a_word(samples_root, read, caplog):
    for folder in sorted(path for path in samples_root.iterdir() if path.is_dir() and not path.name.startswith("_")):
        caplog.clear()
        read(folder.name, folder)
        told = [record for record in caplog.records if record.levelno >= logging.WARNING]
        assert not told, (folder.name, caplog.text)


def test_a_folder_of_another_split_is_left_out(tmp_path: Path, read):
    dota(tmp_path, "labelTxt")
    (tmp_path / "train").rename(tmp_path / "val")
    with pytest.raises(DataError, match="labels file of dota .train. is missing"):
        read("dota", tmp_path, "train")
    assert len(read("dota", tmp_path, "val")[0]) == 3


def test_zero_shot_statements_are_not_taken_for_random_ones(copy_of, read):
    root = copy_of("vsr")
    random = next(root.rglob("random"))
    before = read("vsr", random.parent, "train", check_images=False)[0]
    assert before
    shutil.rmtree(random.parent / "zeroshot")
    random.rename(random.parent / "zeroshot")
    with pytest.raises(DataError, match="missing"):
        read("vsr", random.parent, "train")
    assert len(read("vsr", random.parent, "zeroshot-train", check_images=False)[0]) == len(before)
