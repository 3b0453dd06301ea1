"""Both styles of an answer: one fact, two records or two turns."""

from __future__ import annotations

import json

import pytest

from flamingo_lib.exports.record import ExportImage, ExportRecord, Step
from flamingo_lib.exports.run import export_dataset
from flamingo_lib.exports.styles import CAPTION, PHRASE, REGION, both_styles, curt, format_prompt
from flamingo_lib.records import Turn

from .conftest import CAPTION as CAPTIONED
from .conftest import QUESTION
from .test_run import judge


def record(*turns, task="vqa", **more):
    images = (ExportImage("vqa/1.png", "1.png"),)
    steps = tuple(Step(n, "rewritten", turn.response) for n, turn in enumerate(turns) if turn.draft is not None)
    return ExportRecord("vqa/1", "vqa", task, images, turns, steps, tuple({"reward": 1.0} for _ in turns), **more)


COLOR = Turn("What color is it?", "It is red.", 1, "red")


@pytest.mark.parametrize(
    ("task", "instruction", "raw", "prompt"),
    [
        ("vqa", "What color is it?", "red", PHRASE),
        ("vqa", "Name the color.", "dark red", PHRASE),
        ("", "What color is it?", "red", PHRASE),
        ("", "Name the color.", "red", None),
        ("vqa", "Why?", "because it has been painted so", None),
        ("caption", "Describe it.", "a red ball", CAPTION),
        ("caption", "Describe it.", "a red ball\na ball", None),
        ("region", "What is in the box?", "a red ball", REGION),
        ("instruction", "Write a poem.", "roses", None),
        ("vqa", "What color is it?", " ", None),
    ],
)
def test_format_prompts(task, instruction, raw, prompt):
    assert format_prompt(task, instruction, raw) == prompt


def test_the_curt_answer_stands_under_its_prompt():
    short = curt(record(COLOR))
    assert short.turns == (Turn(f"What color is it?\n{PHRASE}", "red", 1),)
    assert (short.id, short.style, short.scores, short.steps) == ("vqa/1#curt", "curt", {}, ())


@pytest.mark.parametrize(
    "turn",
    [
        Turn("What color is it?", "It is blue.", 1, "red"),  # another fact
        Turn("Is it red?", "Yes, it is red.", 1, "no"),
        Turn("What color is it?", "red", 1, "red"),  # no other style
        Turn("What color is it?", "It is red.", 1),  # not rewritten
    ],
)
def test_no_curt_answer_of_another_fact_or_without_one(turn):
    assert curt(record(turn)) is None


def test_a_dialogue_is_curt_in_all_its_rewritten_turns_or_not_at_all():
    count, long = (
        Turn("How many?", "There are two.", 0, "2"),
        Turn("Why?", "So it was painted.", 0, "it was painted so"),
    )
    kept = Turn("Thanks!", "You are welcome.")
    short = curt(record(COLOR, kept, count))
    assert [turn.response for turn in short.turns] == ["red", "You are welcome.", "2"]
    assert [PHRASE in turn.instruction for turn in short.turns] == [True, False, True]
    assert curt(record(COLOR, long)) is None


def test_two_turns_of_one_record_show_the_image_once():
    (both,) = both_styles([record(COLOR)], "turns")
    assert [(turn.response, turn.images) for turn in both.turns] == [("red", 1), ("It is red.", 0)]
    assert both.steps == (Step(1, "rewritten", "It is red."),) and both.turn_scores == ({}, {"reward": 1.0})
    assert both.style == "curt, polite"


def test_two_records_follow_each_other(folder, tmp_path):
    summary = export_dataset(folder, "llava", tmp_path / "out", styles=True)
    assert summary["styles"] == {"curt": 3, "polite": 3} and summary["records"] == 6
    items = json.loads((tmp_path / "out" / "llava.json").read_text("utf-8"))
    assert [item["id"] for item in items[:2]] == [f"{QUESTION.sample.id}#curt", QUESTION.sample.id]
    assert items[0]["conversations"][0]["value"] == f"<image>\nWhat color is it?\n{PHRASE}"
    assert items[0]["conversations"][1]["value"] == "red" and items[0]["history"][0]["step"] == "as annotated"
    assert items[4]["id"] == f"{CAPTIONED.sample.id}#curt" and items[0]["image"] == items[1]["image"]
    assert "two records of one fact" in (tmp_path / "out" / "README.md").read_text("utf-8")


def test_pairs_of_both_styles_prefer_what_the_prompt_asks_for(folder, tmp_path):
    export_dataset(folder, "ms-swift", tmp_path / "out", styles=True, preference=True, judge=judge)
    lines = [json.loads(line) for line in (tmp_path / "out" / "train.jsonl").read_text("utf-8").splitlines()]
    assert [(line["messages"][-1]["content"], line["rejected_response"]) for line in lines] == [
        ("red", "It is red."),
        ("It is red.", "red"),
    ]
    assert [line["length_difference"] for line in lines] == [-2, 2]


def test_finevision_has_two_turns(folder, tmp_path):
    from datasets import load_dataset

    summary = export_dataset(folder, "finevision", tmp_path / "out", styles=True)
    assert summary["styles"] == {"curt, polite": 3}
    rows = load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(tmp_path / "cache"))
    assert [turn["assistant"] for turn in rows[0]["texts"]] == ["red", "It is red."] and len(rows[0]["images"]) == 1
    assert rows[0]["relevance_ratings"] == [None, 5] and rows[0]["relevance_min"] == 5
