"""The publishers' own layouts of the ELEVATER sets: pickles, IDX, CSV, MATLAB files, lists and folders."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.sources import open_image, open_images
from flamingo_lib.sources.formats.class_names import CIFAR_10, FER_2013, FLOWERS_102, GTSRB

RNG = np.random.default_rng(0)


def picture(path: Path, shade: int = 90) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 10), (shade, 80, 70)).save(path)


def text(path: Path, *lines: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n")


def labels_of(samples) -> list[str]:
    return [sample.meta["labels"][0] for sample in samples]


def check(read, name: str, root: Path, split: str, expected: list[str]) -> None:
    samples, aside = read(name, root, split)
    assert not aside and labels_of(samples) == expected
    assert all(open_images(sample, root)[0].mode == "RGB" for sample in samples)
    assert all(label.lower() in sample.raw.lower() for label, sample in zip(expected, samples, strict=True))


def test_class_names_are_complete():
    assert (len(FER_2013), len(CIFAR_10), len(GTSRB), len(FLOWERS_102)) == (7, 10, 43, 102)
    assert len(set(FLOWERS_102)) == 102 and len(set(GTSRB)) == 43


def test_fer_2013_in_one_csv_and_in_two(tmp_path, read):
    pixels = [RNG.integers(0, 256, 48 * 48) for _ in range(4)]
    rows = [f"{label},{' '.join(map(str, values))},{usage}" for label, values, usage in zip(
        (0, 6, 3, 4), pixels, ("Training", "Training", "PublicTest", "PrivateTest"), strict=True)]  # fmt: skip
    text(tmp_path / "fer2013/fer2013.csv", "emotion,pixels,Usage", *rows)
    check(read, "elevater-fer-2013", tmp_path, "train", ["angry", "neutral"])
    check(read, "elevater-fer-2013", tmp_path, "val", ["happy"])
    check(read, "elevater-fer-2013", tmp_path, "test", ["sad"])
    samples, _ = read("elevater-fer-2013", tmp_path, "val")
    assert np.array_equal(np.asarray(open_images(samples[0], tmp_path)[0])[..., 0], pixels[2].reshape(48, 48))
    other = tmp_path / "kaggle"
    text(
        other / "train.csv",
        "emotion,pixels",
        f"5,{' '.join(map(str, pixels[0]))}",
        "2,1 2 3",
        f"1,{' '.join(map(str, pixels[1]))}",
    )
    samples, aside = read("elevater-fer-2013", other, "train")
    assert labels_of(samples) == ["surprised", "disgusted"] and "48 x 48" in aside[0]["reason"]


@pytest.mark.parametrize("python2", [False, True])
def test_cifar(tmp_path, read, python2):
    data = RNG.integers(0, 256, (3, 3072), dtype=np.uint8)
    base = tmp_path / "cifar-10-batches-py"
    base.mkdir()

    def save(path: Path, content: dict) -> None:
        path.write_bytes(pickle.dumps(content, protocol=2 if python2 else 4))

    save(base / "data_batch_1", {"batch_label": "1", "data": data[:2], "labels": [3, 8], "filenames": ["a", "b"]})
    save(base / "data_batch_2", {"data": data[2:], "labels": [0]})
    save(base / "test_batch", {"data": data[:1], "labels": [9]})
    save(base / "batches.meta", {"label_names": list(CIFAR_10), "num_vis": 3072})
    check(read, "elevater-cifar-10", tmp_path, "train", ["cat", "ship", "airplane"])
    check(read, "elevater-cifar-10", tmp_path, "test", ["truck"])
    image = np.asarray(open_image(tmp_path, "cifar-10-batches-py/data_batch_1@1"))
    assert np.array_equal(image, data[1].reshape(3, 32, 32).transpose(1, 2, 0))
    hundred = tmp_path / "hundred" / "cifar-100-python"
    hundred.mkdir(parents=True)
    save(hundred / "train", {"data": data[:2], "fine_labels": [1, 0], "coarse_labels": [0, 0]})
    save(hundred / "meta", {"fine_label_names": ["apple", "aquarium_fish"], "coarse_label_names": ["x"]})
    check(read, "elevater-cifar-100", tmp_path / "hundred", "train", ["aquarium fish", "apple"])


@pytest.mark.parametrize("packed", [True, False])
def test_mnist(tmp_path, read, packed):
    images = RNG.integers(0, 256, (3, 28, 28), dtype=np.uint8)
    ending = ".gz" if packed else ""
    content = struct.pack(">IIII", 2051, 3, 28, 28) + images.tobytes(), struct.pack(">II", 2049, 3) + bytes([7, 0, 4])
    for name, block in zip(("train-images-idx3-ubyte", "train-labels-idx1-ubyte"), content, strict=True):
        (tmp_path / (name + ending)).write_bytes(gzip.compress(block) if packed else block)
    check(read, "elevater-mnist", tmp_path, "train", ["7", "0", "4"])
    shown = np.asarray(open_image(tmp_path, f"train-images-idx3-ubyte{ending}@2"))[..., 0]
    assert np.array_equal(shown, images[2])
    (tmp_path / f"train-labels-idx1-ubyte{ending}").write_bytes(b"\0\0\x08\x01\0\0\0\x09\1")
    with pytest.raises(DataError, match="header and its length disagree"):
        read("elevater-mnist", tmp_path, "train", seed=1)


def test_voc_2007(tmp_path, read):
    base = tmp_path / "VOCdevkit/VOC2007"
    for number in (1, 2, 3):
        picture(base / f"JPEGImages/{number:06d}.jpg")
    text(base / "ImageSets/Main/dog_train.txt", "000001  1", "000002 -1", "000003  1")
    text(base / "ImageSets/Main/person_train.txt", "000001 -1", "000002  1", "000003  1")
    text(base / "ImageSets/Main/train.txt", "000001", "000002", "000003")
    samples, aside = read("elevater-voc-2007", tmp_path, "train")
    assert not aside and [sample.meta["labels"] for sample in samples] == [["dog"], ["person"], ["dog", "person"]]


def test_pets_gtsrb_dtd_aircraft_food(tmp_path, read):
    pets = tmp_path / "pets"
    text(
        pets / "annotations/trainval.txt", "#Image CLASS-ID SPECIES", "Abyssinian_100 1 1 1", "american_bulldog_7 2 2 1"
    )
    for stem in ("Abyssinian_100", "american_bulldog_7"):
        picture(pets / f"images/{stem}.jpg")
    check(read, "elevater-oxford-pets", pets, "train", ["abyssinian", "american bulldog"])
    text(pets / "annotations/test.txt", "Abyssinian_100 1 1 1")  # named like an index of ELEVATER's
    check(read, "elevater-oxford-pets", pets, "test", ["abyssinian"])

    signs = tmp_path / "signs"
    header = "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId"
    text(signs / "GTSRB/Training/00014/GT-00014.csv", header, "00000_00000.ppm;12;10;1;1;9;9;14")
    picture(signs / "GTSRB/Training/00014/00000_00000.ppm")
    text(signs / "GTSRB/Final_Test/Images/GT-final_test.csv", header, "00000.ppm;12;10;1;1;9;9;13")
    picture(signs / "GTSRB/Final_Test/Images/00000.ppm")
    check(read, "elevater-gtsrb", signs, "train", ["stop"])
    check(read, "elevater-gtsrb", signs, "test", ["yield"])

    dtd = tmp_path / "dtd-root"
    text(dtd / "dtd/labels/train1.txt", "banded/banded_0002.jpg", "polka-dotted/polka-dotted_0001.jpg")
    for place in ("banded/banded_0002.jpg", "polka-dotted/polka-dotted_0001.jpg"):
        picture(dtd / f"dtd/images/{place}")
    check(read, "elevater-dtd", dtd, "train", ["banded", "polka-dotted"])

    planes = tmp_path / "planes"
    data = planes / "fgvc-aircraft-2013b/data"
    text(data / "images_variant_val.txt", "1025794 707-320", "0056978 Boeing 717 of a kind")
    for image in ("1025794", "0056978"):
        picture(data / f"images/{image}.jpg")
    check(read, "elevater-fgvc-aircraft", planes, "val", ["707-320", "Boeing 717 of a kind"])

    food = tmp_path / "food"
    for place in ("apple_pie/1", "ramen/2"):
        picture(food / f"food-101/images/{place}.jpg")
    text(food / "food-101/meta/train.json", json.dumps({"apple_pie": ["apple_pie/1"], "ramen": ["ramen/2"]}))
    check(read, "elevater-food-101", food, "train", ["apple pie", "ramen"])
    text(food / "food-101/meta/test.txt", "ramen/2")
    check(read, "elevater-food-101", food, "test", ["ramen"])


@pytest.mark.parametrize(
    ("name", "places", "expected"),
    [
        ("elevater-eurosat", ("2750/Forest/Forest_1.jpg", "2750/SeaLake/SeaLake_3.jpg"), ["Forest", "Sea Lake"]),
        ("elevater-resisc-45", ("NWPU-RESISC45/tennis_court/tennis_court_001.jpg",), ["tennis court"]),
        (
            "elevater-caltech-101",
            ("101_ObjectCategories/BACKGROUND_Google/image_0001.jpg", "101_ObjectCategories/brain/image_0002.jpg"),
            ["brain"],
        ),
    ],
)
def test_folders_without_splits_are_train(tmp_path, read, name, places, expected):
    for place in places:
        picture(tmp_path / place)
    check(read, name, tmp_path, "train", expected)
    assert read(name, tmp_path, "test") == ([], [])
    assert len(read(name, tmp_path)[0]) == len(expected)


def test_flowers_and_cars_in_matlab_files(tmp_path, read):
    io = pytest.importorskip("scipy.io")
    flowers = tmp_path / "flowers"
    flowers.mkdir()
    io.savemat(flowers / "imagelabels.mat", {"labels": np.array([[77, 1, 102]], np.uint8)})
    io.savemat(
        flowers / "setid.mat", {"trnid": np.array([[3, 1]]), "valid": np.array([[2]]), "tstid": np.array([[1, 2, 3]])}
    )
    for number in (1, 2, 3):
        picture(flowers / f"jpg/image_{number:05d}.jpg")
    check(read, "elevater-oxford-flowers", flowers, "train", ["blackberry lily", "passion flower"])
    check(read, "elevater-oxford-flowers", flowers, "val", ["pink primrose"])

    names = np.array(["AM General Hummer SUV 2000", "Acura RL Sedan 2012"], dtype=object)
    cars = tmp_path / "cars"
    (cars / "devkit").mkdir(parents=True)
    kind = [(field, object) for field in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")]
    rows = np.array([(1, 1, 5, 5, 2, "00001.jpg"), (1, 1, 5, 5, 1, "00002.jpg")], dtype=kind)
    io.savemat(cars / "devkit/cars_train_annos.mat", {"annotations": rows})
    io.savemat(cars / "devkit/cars_meta.mat", {"class_names": names})
    for number in (1, 2):
        picture(cars / f"cars_train/{number:05d}.jpg")
    check(read, "elevater-stanford-cars", cars, "train", [names[1], names[0]])

    single = tmp_path / "single"
    single.mkdir()
    kind = [(field, object) for field in ("relative_im_path", "class", "test")]
    rows = np.array([("car_ims/000001.jpg", 1, 0), ("car_ims/000002.jpg", 2, 1)], dtype=kind)
    io.savemat(single / "cars_annos.mat", {"annotations": rows, "class_names": names})
    for number in (1, 2):
        picture(single / f"car_ims/{number:06d}.jpg")
    check(read, "elevater-stanford-cars", single, "train", [names[0]])
    check(read, "elevater-stanford-cars", single, "test", [names[1]])


@pytest.mark.parametrize("label", ["-1", "43"])
def test_a_label_without_a_name_is_not_counted_from_the_end(tmp_path, read, label):
    folder = tmp_path / "Final_Training/Images/00000"
    for number in range(2):
        picture(folder / f"{number}.ppm")
    text(folder / "GT-00000.csv", "Filename;ClassId", "0.ppm;0", f"1.ppm;{label}")
    samples, aside = read("elevater-gtsrb", tmp_path, "train")
    assert len(samples) == 1 and aside[0]["reason"] == f"a label that has no name: {label} of 43"


@pytest.mark.parametrize("content", ["7", '{"a": 1}', '"x"', "[1, 2"])
def test_a_knowledge_file_that_is_no_array_is_named(tmp_path, read, content):
    picture(tmp_path / "train/cat/1.jpg")
    text(tmp_path / "cats_knowledge.tsv", content)
    with pytest.raises(DataError, match=r"not one JSON array.*cats_knowledge.tsv"):
        read("elevater", tmp_path, "train")
