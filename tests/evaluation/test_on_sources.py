"""Which part of a source models are examined on, what is asked of it, and the figures of several models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.on_sources import asked_sources, evaluation_split, examine_on_sources, source_figures
from flamingo_lib.judges.panel import Judges

SAMPLES = Path(__file__).parents[2] / "data_samples" / "sources"


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("textcaps", "val"),  # its test part has no captions
        ("spot-the-diff", "val"),
        ("image-editing-requests", "valid"),
        ("nlvr2", "dev"),
        ("ok-vqa", "val"),
    ],
)
def test_the_validation_part_is_asked(name, split):
    assert evaluation_split(name, SAMPLES / name) == split


def test_what_is_trained_on_is_never_asked():
    with pytest.raises(DataError, match="cc3m has no part to examine on, only train"):
        evaluation_split("cc3m", SAMPLES / "cc3m")


class Parrot:
    """Answers every question with its number; counts how often it is asked."""

    def __init__(self):
        self.asked = 0

    def __call__(self, chats, images, *, description=""):
        self.asked += len(chats)
        return [f"{index}." for index, _ in enumerate(chats)]

    def forget_images(self):
        pass


def examine(out, parrot, sources):
    return examine_on_sources(
        "stage1", "weights", lambda: parrot, Judges(), sources, out, names={}, seed=0, batch=4, max_new_tokens=8
    )


def test_answers_are_stored_and_not_asked_for_again(tmp_path):
    sources = asked_sources({"ok-vqa": 3000, "textcaps": 1}, SAMPLES)
    first, again = Parrot(), Parrot()
    summaries, predictions = examine(tmp_path, first, sources)
    assert examine(tmp_path, again, sources) == (summaries, predictions)
    assert first.asked == len(predictions) > 1 and again.asked == 0
    assert [item.source for item in predictions].count("textcaps") == 1
    figures = source_figures("stage1", summaries, predictions)
    assert figures["stages.stage1.ok-vqa.vqa_accuracy"] == 0 and "stages.stage1.textcaps.rouge_l" in figures
    assert 0 <= figures["stages.stage1.polite"] <= 1 and "stages.stage1.reward" not in figures


def damage_metrics(change):
    def damage(folder):
        value = json.loads((folder / "metrics.json").read_text())
        change(value)
        (folder / "metrics.json").write_text(json.dumps(value))

    return damage


def repeat_predictions(times):
    def damage(folder):
        path = folder / "predictions.jsonl"
        path.write_text(times * path.read_text())

    return damage


DAMAGES = {
    "no facts": (damage_metrics(lambda value: value["sources"]["vsr"].pop("unusable")), "metrics.json"),
    "no sources": (damage_metrics(dict.clear), "metrics.json"),
    "no source": (damage_metrics(lambda value: value["sources"].clear()), "metrics.json"),
    "a list": (lambda folder: (folder / "metrics.json").write_text("[]"), "metrics.json"),
    "cut off": (lambda folder: (folder / "metrics.json").write_text('{"sour'), "metrics.json"),
    "no settings": (lambda folder: (folder / "settings.json").write_text("{"), "settings.json"),
    "no predictions": (repeat_predictions(0), "predictions.jsonl"),
    "more than were asked": (repeat_predictions(2), "predictions.jsonl"),
    "a number": (lambda folder: (folder / "predictions.jsonl").write_text("3\n"), "predictions.jsonl"),
    "half a line": (lambda folder: (folder / "predictions.jsonl").write_text('{"id": "o'), "predictions.jsonl"),
}


@pytest.mark.parametrize(("damage", "file"), DAMAGES.values(), ids=DAMAGES)
def test_a_finished_folder_with_a_damaged_file_says_how_to_go_on(tmp_path, damage, file):
    sources = asked_sources({"vsr": 3000}, SAMPLES)
    examine(tmp_path, Parrot(), sources)
    damage(tmp_path / "vsr")
    with pytest.raises(DataError, match=r"Give another --out folder, or remove this one") as error:
        examine(tmp_path, Parrot(), sources)
    assert error.value.file == tmp_path / "vsr" / file
