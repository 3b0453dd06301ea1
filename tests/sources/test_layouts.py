"""Copies laid out a little off the official way: deeper folders, shared folders, other names of label maps, several
versions of one set.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.sources import load_source
from flamingo_lib.storage import Quarantine


def picture(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (64, 48), "olive").save(path)


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("name", ["mscoco-captions", "vqa-v2", "a-okvqa", "clevr", "gqa", "ok-vqa"])
def test_folders_may_be_two_too_deep(name, samples_root, read, tmp_path):
    shutil.copytree(samples_root / name, tmp_path / "data/unpacked")
    whole, _ = read(name, samples_root / name)
    samples, aside = read(name, tmp_path)
    assert aside == [] and [sample.raw for sample in samples] == [sample.raw for sample in whole]
    assert all((tmp_path / path).is_file() for sample in samples for path in sample.images)


def test_annotations_and_images_in_folders_of_their_own(samples_root, read, tmp_path):
    copied = tmp_path / "COCO/annotations_trainval2014"
    shutil.copytree(samples_root / "mscoco-captions", copied)
    shutil.move(copied / "train2014", tmp_path / "COCO/images/train2014")
    samples, aside = read("mscoco-captions", tmp_path, "train")
    assert aside == [] and samples[0].images[0].startswith("COCO/images/train2014/")


def test_dota_labels_of_all_splits_in_one_folder(tmp_path, read):
    for split, name in (("train", "P0000"), ("val", "P0001")):
        picture(tmp_path / f"{split}/images/{name}.png")
        text(
            tmp_path / f"labelTxt/{name}.txt",
            "imagesource:GoogleEarth",
            "gsd:null",
            "2 3 40 3 40 30 2 30 small-vehicle 0",
        )
    assert [sample.images for sample in read("dota", tmp_path, "train")[0]] == [("train/images/P0000.png",)]
    assert [sample.images for sample in read("dota", tmp_path, "val")[0]] == [("val/images/P0001.png",)]


def test_a_split_without_images_is_no_error(copy_of, read):
    root = copy_of("dior")
    (root / "ImageSets/Main/val.txt").write_text("")
    assert read("dior", root, "val") == ([], [])


def test_an_index_with_tabs_and_a_label_map_of_another_name(tmp_path, read):
    folder = tmp_path / "classification/dtd_20211007"
    text(folder / "train.txt", "train.zip@a b/1.png\t1", "train.zip@a b/2.png 0")
    text(folder / "dtd_labels.txt", "banded", "blotchy")
    for number in (1, 2):
        picture(folder / f"train/a b/{number}.png")
    samples, aside = read("elevater-dtd", tmp_path, "train")
    assert aside == [] and [sample.meta["labels"] for sample in samples] == [["blotchy"], ["banded"]]


def registered_set(root: Path, **changes) -> None:
    """A set whose class names lie where only the registry says; the file beside the index has them in another order."""
    folder = root / "classification/dtd_20211007"
    text(folder / "train.txt", "train.zip@1.png 1", "train.zip@2.png 0")
    text(folder / "maps/names.txt", "banded", "blotchy")
    text(folder / "labels.txt", "first", "second")
    for number in (1, 2):
        picture(folder / f"train/{number}.png")
    entry = {
        "name": "dtd",
        "version": 1,
        "type": "classification_multiclass",
        "root_folder": "classification/dtd_20211007",
        "labelmap": "maps/names.txt",
        "num_classes": 2,
        "train": {"index_path": "train.txt", "files_for_local_usage": ["train.zip"], "num_images": 2},
    }
    other = {**entry, "name": "mnist", "root_folder": "classification/mnist_20211008", "labelmap": "labels.txt"}
    text(root / "vision_datasets.json", json.dumps([other, {**entry, **changes}]))


@pytest.mark.parametrize("name", ["elevater-dtd", "elevater"])
def test_the_label_map_is_the_one_that_the_registry_names(tmp_path, read, name):
    registered_set(tmp_path)
    samples, aside = read(name, tmp_path, "train")
    assert aside == [] and [sample.meta["labels"] for sample in samples] == [["blotchy"], ["banded"]]
    shutil.move(tmp_path / "vision_datasets.json", tmp_path / "classification/dtd_20211007/vision_datasets.json")
    samples, aside = read(
        name, tmp_path / "classification/dtd_20211007", "train"
    )  # the registry's paths begin above this root
    assert aside == [] and [sample.meta["labels"] for sample in samples] == [["blotchy"], ["banded"]]


@pytest.mark.parametrize(
    ("labels", "reason"),
    [
        ("../../../names.txt", "the label map leaves the root: classification/dtd_20211007/../../../names.txt"),
        ("gone.txt", "the label map is missing: classification/dtd_20211007/gone.txt"),
        (7, "malformed: "),
    ],
)
def test_a_registry_that_names_no_usable_label_map(tmp_path, read, labels, reason):
    registered_set(tmp_path, labelmap=labels)
    samples, aside = read("elevater-dtd", tmp_path, "train")
    assert [sample.meta["labels"] for sample in samples] == [["second"], ["first"]]
    assert [(entry["file"], entry["record"]) for entry in aside] == [("vision_datasets.json", "dtd")]
    assert aside[0]["reason"].startswith(reason)


def test_a_registry_without_the_set_changes_nothing(tmp_path, read):
    registered_set(tmp_path, root_folder="classification/other", labelmap=None)
    samples, aside = read("elevater-dtd", tmp_path, "train")
    assert aside == [] and [sample.meta["labels"] for sample in samples] == [["second"], ["first"]]


def test_of_a_set_in_several_versions_one_is_read(tmp_path, read):
    def write(place: str, answer: str) -> None:
        text(tmp_path / place, json.dumps([{"instruction": "Do.", "input": "", "response": answer}]))

    write("Instruct/gpt4-instruct-similarity-0.8-dataset.json", "0.8")
    write("Instruct/gpt4-instruct-dedupe-only-dataset.json", "all")
    write("Codegen/codegen-instruct.json", "code")
    assert sorted(sample.raw for sample in read("gpteacher", tmp_path)[0]) == ["0.8", "code"]
    write("Instruct/gpt4-instruct-similarity-0.6-dataset.json", "0.6")
    assert sorted(sample.raw for sample in read("gpteacher", tmp_path)[0]) == ["0.6", "code"]


def test_a_few_bad_records_stop_no_small_file_and_bad_ones_alone_do(tmp_path):
    def write(good: int, bad: int) -> None:
        talks = [["Q?", "A."]] * good + [[]] * bad
        text(
            tmp_path / "ultrachat_release.json",
            *(json.dumps({"id": str(place), "data": talk}) for place, talk in enumerate(talks)),
        )

    for good, bad in ((3, 3), (3, 1)):
        write(good, bad)
        quarantine = Quarantine(tmp_path / "quarantine.jsonl")
        assert len(list(load_source("ultrachat", tmp_path, quarantine=quarantine))) == good and len(quarantine) == bad
    for good, bad in ((2, 3), (0, 1), (30, 4)):
        write(good, bad)
        with pytest.raises(DataError, match=f"{bad} of {good + bad} records cannot be used"):
            list(load_source("ultrachat", tmp_path))
