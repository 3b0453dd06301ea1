"""A dataset as samples, and the rewrites put back: nothing lost or moved, missing images named before any work."""

from __future__ import annotations

import os

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.own_data.containers import open_container
from flamingo_lib.own_data.samples import EXTRACTED, SOURCE, OwnData
from flamingo_lib.own_data.schemas import find_schema
from flamingo_lib.storage import Quarantine

from .conftest import ROWS, write


def opened(folder, rows, kind="jsonl", **options):
    container = open_container(write(folder, kind, rows))
    return OwnData(container, find_schema(container), folder / "work", **options)


def test_samples_of_every_turn_and_rows_put_back(folder):
    rows = [ROWS["llava"](number) for number in range(3)]
    data = opened(folder, rows)
    samples = list(data.samples())
    assert [sample.id for sample in samples] == [f"{SOURCE}/{row}/{turn}" for row in range(3) for turn in range(2)]
    assert {sample.task for sample in samples} == {"vqa"}
    assert samples[2].images == ("images/1.png",)
    made = list(data.rewritten(lambda name: f"new {name}"))
    assert [row["conversations"][3]["value"] for row in made] == [f"new {SOURCE}/{number}/1" for number in range(3)]
    kept = list(data.rewritten(lambda name: None if name == f"{SOURCE}/1/1" else "new"))
    assert [row["id"] for row in kept] == ["0", "2"]
    kept = list(data.rewritten(lambda name: None if name == f"{SOURCE}/1/1" else "new", drop=False))
    assert kept[1]["conversations"][1]["value"] == "new"
    assert kept[1]["conversations"][3]["value"] == "small"


def test_only_the_turns_asked_for(folder):
    data = opened(folder, [ROWS["llava"](0)], turns={0})
    assert [sample.id for sample in data.samples()] == [f"{SOURCE}/0/0"]


def test_all_missing_images_are_counted_and_named_before_work(folder):
    rows = [ROWS["columns"](number) for number in range(30)]  # four of them are there
    data = opened(folder, rows)
    survey = data.survey()
    assert (survey.rows, survey.images, len(survey.missing)) == (30, 30, 26)
    with pytest.raises(DataError, match=r"26 of 30 images are missing: images/4\.png \(line 5\).*and 6 more"):
        data.require(survey)


def test_rows_of_another_layout_are_set_aside(folder):
    rows = [ROWS["columns"](0), {"image": "images/1.png", "question": "?", "answer": None, "x": 1}]
    data = opened(folder, rows)
    assert data.survey().unreadable == {"line 2": "answer is no text but missing"}
    aside = Quarantine(folder / "aside.jsonl", max_share=1.0)
    assert len(list(data.samples(aside))) == 1
    assert len(aside) == 1


def test_nothing_to_rewrite_is_an_error(folder):
    data = opened(folder, [{"image": "images/0.png", "question": "?", "answer": None}])
    with pytest.raises(DataError, match="no row has a response to rewrite; line 1: answer is no text"):
        data.require(data.survey())


def test_images_inside_the_data_and_outside_its_folder_are_taken_out(folder, tmp_path_factory):
    content = (folder / "images" / "0.png").read_bytes()
    outside = tmp_path_factory.mktemp("elsewhere") / "o.png"
    outside.write_bytes(content)
    rows = [
        {"image": {"bytes": content, "path": None}, "question": "?", "answer": "a"},
        {"image": {"bytes": None, "path": os.path.relpath(outside, folder)}, "question": "?", "answer": "d"},
        {"image": {"bytes": None, "path": str(outside)}, "question": "?", "answer": "b"},
        {"image": {"bytes": None, "path": "images/1.png"}, "question": "?", "answer": "c"},
    ]
    data = opened(folder, rows, kind="parquet")
    data.require(data.survey())
    samples = list(data.samples())
    assert [sample.source for sample in samples] == [EXTRACTED, EXTRACTED, EXTRACTED, SOURCE]
    for sample in samples:
        assert (folder / "work" if sample.source == EXTRACTED else folder).joinpath(sample.images[0]).is_file()


def test_absolute_paths_below_the_root_become_relative(folder):
    rows = [{"image": str(folder / "images" / "1.png"), "question": "?", "answer": "a"}]
    [sample] = opened(folder, rows).samples()
    assert (sample.source, sample.images) == (SOURCE, ("images/1.png",))


def test_addresses_are_not_fetched(folder):
    data = opened(folder, [{"image": "https://example.org/a.png", "question": "?", "answer": "a"}])
    with pytest.raises(DataError, match="image by its address"):
        data.survey()


def test_tasks_decide_which_filters_judge(folder):
    rows = [
        {"image": "images/0.png", "question": "Describe the image.", "answer": "a circle"},
        {"image": ["images/0.png", "images/1.png"], "question": "What changed between the images?", "answer": "color"},
        {"image": None, "question": "What is two plus two?", "answer": "4"},
    ]
    data = opened(folder, rows)
    assert [sample.task for sample in data.samples()] == ["caption", "vqa", "instruction"]
