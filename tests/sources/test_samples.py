"""Every reader on its sample in the official format: what comes out, that it is the same every time, that its pictures
open.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from flamingo_lib.records import Sample as Record
from flamingo_lib.records import from_json, to_json
from flamingo_lib.sources import CATALOG, open_images
from flamingo_lib.sources.checking import export_line

COUNTS = {
    "mscoco-captions": 4, "flickr30k": 2, "textcaps": 3, "image2paragraph": 3, "cc3m": 3, "refcocog": 8,
    "rsicd": 3, "rsitmd": 2,
    "ucm-captions": 3, "dior": 3, "dota": 2, "hrrsd": 3, "elevater": 12, "elevater-fer-2013": 12,
    "elevater-cifar-10": 8,
    "elevater-eurosat": 12, "elevater-mnist": 8, "elevater-voc-2007": 12, "elevater-oxford-pets": 8,
    "elevater-gtsrb": 12,
    "elevater-resisc-45": 12, "elevater-dtd": 12, "elevater-cifar-100": 8, "elevater-fgvc-aircraft": 12,
    "elevater-food-101": 8,
    "elevater-caltech-101": 8, "elevater-oxford-flowers": 12, "elevater-stanford-cars": 8, "spot-the-diff": 3,
    "image-editing-requests": 3, "levir-cc": 3, "a-okvqa": 3, "vqa-e": 2, "scienceqa": 4, "vqa-v2": 9,
    "clevr": 9, "gqa": 3,
    "textvqa": 2, "ocr-vqa": 9, "pointqa": 9, "llava-instruct": 3, "ultrachat": 2, "sharegpt": 3,
    "oasst-1": 1, "alpaca-gpt4": 2,
    "gpteacher": 2, "instruction-wild": 1, "pf-1m": 2, "ok-vqa": 1, "vsr": 4, "grid-3d": 4, "nlvr2": 4,
    "iconqa": 3, "chartqa": 6,
    "ai2d": 4,
}  # fmt: skip
"""Samples that each official-format folder holds, counted by hand in its maker."""


def test_every_dataset_is_counted():
    assert set(COUNTS) == set(CATALOG)


@pytest.mark.parametrize("name", CATALOG)
def test_every_sample_reads_whole(name, samples_root, read):
    root = samples_root / name
    samples, aside = read(name, root)
    assert not aside
    assert len(samples) == COUNTS[name]
    assert len({sample.id for sample in samples}) == len(samples)
    for sample in samples:
        assert sample.id.startswith(f"{name}/{sample.meta['split']}/") and sample.source == name
        assert sample.instruction == sample.instruction.strip() != "" and sample.raw == sample.raw.strip() != ""
        assert (
            "{" not in sample.instruction
            and "<image>" not in sample.instruction + sample.raw
            and "<img_path>" not in sample.instruction
        )
        assert all(image.mode == "RGB" and min(image.size) > 0 for image in open_images(sample, root))
        assert all(not Path(image).is_absolute() and ".." not in image for image in sample.images)
        for box in sample.boxes:
            assert 0 <= box.x1 < box.x2 <= 1 and 0 <= box.y1 < box.y2 <= 1
        if sample.turns:
            assert (
                len(sample.turns) > 1
                and sample.turns[0].instruction == sample.instruction
                and sample.turns[0].response == sample.raw
            )
        again = from_json(Record, json.loads(json.dumps(to_json(sample))))
        assert to_json(again) == to_json(sample)
        line = export_line(sample)
        assert json.loads(json.dumps(line)) == line
        assert set(line) - {"boxes", "mark", "turns"} == {"id", "images", "task", "instruction", "raw", "n_turns"}


@pytest.mark.parametrize("name", CATALOG)
def test_the_seed_decides_and_nothing_else(name, samples_root, read):
    root = samples_root / name
    first, second = read(name, root, seed=3)[0], read(name, root, seed=3)[0]
    assert [to_json(sample) for sample in first] == [to_json(sample) for sample in second]
    if len(first) > 1:  # a limit changes nothing about the samples that remain
        assert to_json(read(name, root, seed=3, limit=1)[0]) == to_json(first[:1])
    unchecked = read(name, root, seed=3, check_images=False)[0]
    assert [sample.instruction for sample in unchecked] == [sample.instruction for sample in first]


def test_other_seeds_give_other_wordings_of_the_same_annotations(samples_root, read):
    runs = [read("mscoco-captions", samples_root / "mscoco-captions", seed=seed)[0] for seed in range(8)]
    assert len({tuple(sample.instruction for sample in run) for run in runs}) > 4
    assert len({tuple(sample.raw for sample in run) for run in runs}) == 1


@pytest.mark.parametrize("name", ["gqa", "mscoco-captions", "clevr", "spot-the-diff", "elevater-dtd", "llava-instruct"])
def test_the_root_may_be_one_folder_too_high(samples_root, read, tmp_path, name):
    shutil.copytree(samples_root / name, tmp_path / "downloads")
    samples, aside = read(name, tmp_path)
    assert len(samples) == COUNTS[name] and not aside
    assert all(image.startswith("downloads/") for sample in samples for image in sample.images)
    assert all(open_images(sample, tmp_path) for sample in samples)


@pytest.mark.parametrize(
    ("name", "inner"), [("clevr", "CLEVR_v1.0"), ("spot-the-diff", "data"), ("dota", "."), ("vqa-v2", ".")]
)
def test_leading_folders_may_be_left_off(name, inner, copy_of, read):
    root = copy_of(name)
    if name == "spot-the-diff":
        (root / "data/annotations").rename(root / "annotations")
        inner = "."
    if name == "vqa-v2":
        (root / "annotations").mkdir()
        for file in root.glob("*.json"):
            file.rename(root / "annotations" / file.name)
    samples, aside = read(name, root / inner)
    assert len(samples) == COUNTS[name] and not aside


def test_the_makers_make_what_is_committed(makers, samples_root, tmp_path):
    assert set(makers) == set(CATALOG)
    for name, make in makers.items():
        (tmp_path / name).mkdir()
        make(tmp_path / name)
        made = {path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*") if path.is_file()}
        kept = {path.relative_to(samples_root / name) for path in (samples_root / name).rglob("*") if path.is_file()}
        assert made == kept, name
        for path in made:
            if path.suffix in (
                ".json",
                ".jsonl",
                ".txt",
                ".xml",
                ".tsv",
                ".token",
                ".csv",
                ".p",
            ):  # encoded pictures differ by Pillow's version
                assert (tmp_path / name / path).read_bytes() == (samples_root / name / path).read_bytes(), path
