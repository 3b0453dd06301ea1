"""ELEVATER sets in their publishers' layouts: functions that list (picture, class names), None if not there.

The role ``original`` of a row names the files that show that this layout is there. Pictures inside pickles, IDX and CSV
files are named ``container@number`` (`containers`).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from ...errors import DataError, MissingAsset
from ...storage import read_json
from ..containers import fer_rows, idx_array, load_pickle
from ..images import resolve
from ..reader import BadRecord, Reader
from .class_names import CIFAR_10, FER_2013, FLOWERS_102, GTSRB

Labelled = tuple[str, tuple[str, ...]]

_camel = re.compile(r"(?<=[a-z])(?=[A-Z])")


def _parent(path: str, levels: int = 1) -> str:
    """The folder `levels` above a file, with a slash, or empty."""
    parts = path.split("/")[:-levels]
    return "/".join(parts) + "/" if parts else ""


def _named(names: Sequence[Any] | np.ndarray, index: int) -> Any:
    """``names[index]``; a bad record if there is none, or if `index` is negative (Python would count from the end)."""
    if not 0 <= index < len(names):
        raise BadRecord(f"a label that has no name: {index} of {len(names)}")
    return names[index]


def folders(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """``.../{class}/picture``: EuroSAT (``AnnualCrop``), RESISC-45, Caltech-101. There are no splits; all is train."""
    if reader.split != "train":
        return
    for path in found:
        name = PurePosixPath(path).parent.name
        if name != "BACKGROUND_Google":
            yield path, (_camel.sub(" ", name).replace("_", " "),)


def fer(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """FER-2013: one CSV with a usage column, or train.csv without."""
    usage = {"train": "Training", "val": "PublicTest", "test": "PrivateTest"}[reader.split]
    for path in found:
        for number, (emotion, used, pixels) in enumerate(fer_rows(resolve(reader.root, path))):
            if (used or "Training") != usage:
                continue
            with reader.keep(path, f"row {number + 1}", part=True):
                if isinstance(pixels, str):
                    raise BadRecord(pixels)
                yield f"{path}@{number}", (_named(FER_2013, int(emotion)),)


def cifar(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """CIFAR-10 and CIFAR-100: pickled batches, names in their meta file."""
    for path in found:
        content = load_pickle(resolve(reader.root, path))
        folder = resolve(reader.root, path).parent
        names: Any = CIFAR_10
        for meta, field in (("batches.meta", "label_names"), ("meta", "fine_label_names")):
            if (folder / meta).is_file():
                known = load_pickle(folder / meta)
                if not isinstance(known, dict):
                    raise DataError("the file of class names is not a CIFAR meta file", file=folder / meta)
                names = known.get(field, names)
        try:
            labels = content["labels"] if "labels" in content else content["fine_labels"]
        except (KeyError, TypeError):
            raise DataError("a CIFAR batch without labels", file=path) from None
        for number, label in enumerate(labels):
            with reader.keep(path, number, part=True):
                yield f"{path}@{number}", (str(_named(names, label)),)


def mnist(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """MNIST: IDX files of pictures and labels."""
    for path in found:
        labels = path.replace("images-idx3", "labels-idx1").replace("images.idx3", "labels.idx1")
        for number, label in enumerate(idx_array(resolve(reader.root, labels)).tolist()):
            yield f"{path}@{number}", (str(label),)


def voc(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """VOC-2007: one list a class, ``id flag``; 1 means that the class is in the picture."""
    labels: dict[str, list[str]] = {}
    for path in found:
        name = path.rpartition("/")[2].rpartition("_")[0]
        for number, line in reader.lines(path):
            with reader.keep(path, f"line {number}", part=True):
                image, flag = line.split()
                if int(flag) == 1:
                    labels.setdefault(image, []).append(name)
    base = _parent(found[0], 3)
    for image, names in sorted(labels.items()):
        yield f"{base}JPEGImages/{image}.jpg", tuple(names)


def pets(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """Oxford-IIIT Pets: ``image class species breed`` lines; the breed is in the image's name."""
    for path in found:
        for number, line in reader.lines(path):
            if line.startswith("#"):
                continue
            with reader.keep(path, f"line {number}", part=True):
                stem = line.split()[0]
                yield f"{_parent(path, 2)}images/{stem}.jpg", (stem.rpartition("_")[0].replace("_", " ").lower(),)


def gtsrb(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """GTSRB: semicolon CSV files beside the pictures."""
    for path in found:
        with open(resolve(reader.root, path), newline="", encoding="utf-8", errors="replace") as file:
            number = 1
            try:
                for number, row in enumerate(csv.DictReader(file, delimiter=";"), start=2):
                    with reader.keep(path, f"line {number}", part=True):
                        yield f"{_parent(path)}{row['Filename']}", (_named(GTSRB, int(row["ClassId"])),)
            except csv.Error:
                reader.put_aside(path, f"after line {number}", "not a table of values between semicolons")


def dtd(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """DTD: lines ``class/file``, the first of ten splits."""
    for _, line in reader.lines(found[0]):
        path = line.strip()
        yield f"{_parent(found[0], 2)}images/{path}", (path.partition("/")[0].replace("_", " "),)


def aircraft(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """FGVC-Aircraft: ``id variant`` lines, the variant after the first space."""
    for number, line in reader.lines(found[0]):
        with reader.keep(found[0], f"line {number}", part=True):
            image, space, variant = line.strip().partition(" ")
            if not space:
                raise BadRecord("malformed: not an id, a space and a variant")
            yield f"{_parent(found[0])}images/{image}.jpg", (variant,)


def food(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """Food-101: class -> paths, as JSON or as lines."""
    if found[0].endswith(".json"):
        content = read_json(resolve(reader.root, found[0]))
        try:
            paths = [str(path) for group in content.values() for path in group]
        except (AttributeError, TypeError):
            raise DataError("the file is not a JSON object of classes and their pictures", file=found[0]) from None
    else:
        paths = [line.strip() for _, line in reader.lines(found[0])]
    for path in paths:
        yield f"{_parent(found[0], 2)}images/{path}.jpg", (path.partition("/")[0].replace("_", " "),)


def _mat(path: Path, field: str) -> np.ndarray:
    """One variable of a MATLAB file, at least one-dimensional."""
    try:
        from scipy.io import loadmat
    except ImportError:
        raise MissingAsset("MATLAB files need SciPy", file=path, remedy="Run `pip install scipy`.") from None
    try:
        return np.atleast_1d(loadmat(path, squeeze_me=True)[field])
    except KeyError:
        raise DataError(f"the MATLAB file has no variable {field!r}", file=path) from None
    except Exception as error:  # a damaged file may raise anything
        raise DataError(f"the MATLAB file is broken: {error}", file=path) from error


def flowers(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """Flowers-102: labels and splits in MATLAB files, numbers from 1."""
    base = _parent(found[0])
    numbers = _mat(resolve(reader.root, found[0]), {"train": "trnid", "val": "valid", "test": "tstid"}[reader.split])
    labels = _mat(resolve(reader.root, f"{base}imagelabels.mat"), "labels")
    for number in numbers.tolist():
        with reader.keep(found[0], number, part=True):
            yield f"{base}jpg/image_{number:05d}.jpg", (_named(FLOWERS_102, int(_named(labels, number - 1)) - 1),)


def cars(reader: Reader, found: list[str]) -> Iterator[Labelled]:
    """Stanford Cars: annotation structs in MATLAB files, class numbers from 1, in either of the two releases."""
    path = resolve(reader.root, found[0])
    whole = found[0].endswith("cars_annos.mat")  # the release with one file for all
    names = _mat(path if whole else path.parent / "cars_meta.mat", "class_names")
    base = _parent(found[0], 1 if whole else 2)
    for index, item in enumerate(_mat(path, "annotations")):
        if whole and bool(item["test"]) != (reader.split == "test"):
            continue
        with reader.keep(found[0], index, part=True):
            image = item["relative_im_path"] if whole else f"cars_{reader.split}/{item['fname']}"
            yield f"{base}{image}", (str(_named(names, int(item["class"]) - 1)),)


_LISTERS: dict[str, Callable[[Reader, list[str]], Iterator[Labelled]]] = {
    "folders": folders,
    "fer": fer,
    "cifar": cifar,
    "mnist": mnist,
    "voc": voc,
    "pets": pets,
    "gtsrb": gtsrb,
    "dtd": dtd,
    "aircraft": aircraft,
    "food": food,
    "flowers": flowers,
    "cars": cars,
}


def list_original(reader: Reader) -> Iterator[Labelled] | None:
    """The pictures of the row's split in its publisher's layout; None if that layout isn't there."""
    layout = reader.options.get("original")
    found = reader.files("original") if layout else []
    return _LISTERS[layout](reader, found) if layout and found else None
