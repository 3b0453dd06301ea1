"""The catalogue: complete, and every row has a reader, a sample, and says whose it is."""

from __future__ import annotations

from collections import Counter

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.records import TASKS
from flamingo_lib.sources import CATALOG, find_row, load_source
from flamingo_lib.sources.formats import READERS

PAPER = (  # section 3: the group's or the set's adopted samples
    *((name, count) for name, count in {
        "mscoco-captions": 59_670, "flickr30k": 31_695, "textcaps": 69_703, "image2paragraph": 7_954,
        "cc3m": 67_025, "refcocog": 8_103,
        "RET-3": 13_551, "dior": 5_907, "dota": 1_733, "hrrsd": 5_898, "ELEVATER-IC": 21_772, "spot-the-diff": 6_787,
        "image-editing-requests": 2_747, "levir-cc": 6_761, "a-okvqa": 14_868, "vqa-e": 65_133,
        "scienceqa": 4_596, "vqa-v2": 210_743,
        "clevr": 26_390, "gqa": 223_244, "textvqa": 30_056, "ocr-vqa": 24_164, "pointqa": 67_282,
    }.items()),
)  # fmt: skip


def test_the_paper_counts_thirty_seven_datasets_and_these_samples():
    adopted = {row.group or row.name: row.paper_samples for row in CATALOG.values() if row.paper_samples is not None}
    assert adopted == dict(PAPER)
    assert sum(adopted.values()) == 975_782
    rows = [row for row in CATALOG.values() if row.paper_samples is not None]
    ret = [row for row in rows if row.group == "RET-3"]
    assert len(rows) - len(ret) + 1 == 37
    assert Counter(row.group for row in rows if row.group) == {"RET-3": 3, "ELEVATER-IC": 15}


def test_the_other_sets_are_there():
    polite = {"llava-instruct", "ultrachat", "sharegpt"}
    text_only = {"oasst-1", "alpaca-gpt4", "gpteacher", "instruction-wild"}
    held_out = {"ok-vqa", "vsr", "grid-3d", "nlvr2", "iconqa", "chartqa", "ai2d"}
    others = {name for name, row in CATALOG.items() if row.paper_samples is None}
    assert others == polite | text_only | held_out | {"pf-1m", "elevater"}


@pytest.mark.parametrize("row", CATALOG.values(), ids=CATALOG)
def test_every_row_is_complete(row, samples_root):
    assert row.task in TASKS and row.format in READERS
    assert row.files and all(places for places in row.files.values())
    assert row.splits and set(row.unlabelled) | set(row.overlapping_splits) <= set(row.splits)
    assert set(row.optional) | set(row.split_markers) <= set(row.files)
    assert row.licence and row.homepage.startswith("http") and any(char.isdigit() for char in row.citation)
    assert (samples_root / row.name).is_dir()
    assert 0 < row.max_share < 1


def test_every_reader_is_used():
    assert {row.format for row in CATALOG.values()} == set(READERS)


def test_unknown_names_and_splits_are_told_with_a_way_out(samples_root):
    with pytest.raises(DataError, match="Did you mean vqa-v2"):
        find_row("vqav2")
    with pytest.raises(DataError, match=r"no split 'dev'.*train, test"):
        load_source("elevater-mnist", samples_root / "elevater-mnist", "dev")
    with pytest.raises(DataError, match="folder of the dataset is missing"):
        load_source("gqa", samples_root / "nowhere")


def test_split_names_that_mean_the_same():
    assert find_row("image-editing-requests").split_name("val") == "valid"
    assert find_row("vsr").split_name("validation") == "dev"
    assert find_row("gqa").split_name("val") == "val"
    assert find_row("clevr").split_name("minival") is None
