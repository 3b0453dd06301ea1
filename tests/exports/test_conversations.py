"""What `rewrite-data` wrote as an export: whole dialogues, with rewrites where there were some."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.exports.history import apply_diff
from flamingo_lib.exports.reading import read_records
from flamingo_lib.exports.run import TARGETS, export_dataset
from flamingo_lib.own_data import job
from flamingo_lib.own_data.containers import open_container
from flamingo_lib.own_data.samples import OwnData
from flamingo_lib.own_data.schemas import find_schema
from flamingo_lib.presets import load_preset
from flamingo_lib.records import Rewrite, Verdict
from flamingo_lib.rewriting.backends.settings import BackendConfig

SERVER = BackendConfig(kind="server", url="http://127.0.0.1:9/v1")


class FakeWork:
    """Says "It is RAW."; drops what speaks of a 3."""

    tokens = 0

    def __call__(self, samples, tick):
        tick(len(samples))
        return [
            Rewrite(
                sample, f"It is {sample.raw}.", scores={"reward": 2.0}, verdicts=(Verdict("3" not in sample.raw, "x"),)
            )
            for sample in samples
        ]


def dialogue(number, **more):
    return {
        "image": f"images/{number}.png",
        "conversations": [
            {"from": "human", "value": f"<image>\nWhat color is circle {number}?"},
            {"from": "gpt", "value": f"red {number}"},
            {"from": "human", "value": "And its size?"},
            {"from": "gpt", "value": "small"},
        ],
    } | more


@pytest.fixture
def rewritten(tmp_path, monkeypatch):
    """Runs `rewrite-data` on dialogues; returns its folder."""
    monkeypatch.setattr(job, "make_work", lambda *args, **options: FakeWork)
    (tmp_path / "data" / "images").mkdir(parents=True)
    for number in range(4):
        Image.new("RGB", (8, 8), (40 * number, 0, 0)).save(tmp_path / "data" / "images" / f"{number}.png")

    def run(rows, **options):
        path = tmp_path / "data" / "chats.json"
        path.write_text(json.dumps(rows), "utf-8")
        container = open_container(path)
        drop = options.pop("drop", True)
        data = OwnData(container, find_schema(container), tmp_path / "out" / "images", **options)
        job.rewrite_data(data, "m", tmp_path / "out", load_preset("tiny"), SERVER, drop=drop)
        return tmp_path / "out"

    return run


def test_a_dialogue_is_one_record_with_a_history_of_each_turn(rewritten, tmp_path):
    out = rewritten([dialogue(number) for number in range(4)])
    records = list(read_records(out, tmp_path))
    assert [record.id for record in records] == [
        "own-data/0",
        "own-data/1",
        "own-data/2",
    ]  # the one with a 3 is dropped
    assert [(turn.response, turn.images) for turn in records[1].turns] == [("It is red 1.", 1), ("It is small.", 0)]
    assert records[1].scores == {"reward": 2.0} and records[1].images[0].name == "own-data/images/1.png"
    export_dataset(out, "llava", tmp_path / "llava")
    item = json.loads((tmp_path / "llava" / "llava.json").read_text("utf-8"))[1]
    assert [turn["value"] for turn in item["conversations"]] == [
        "<image>\nWhat color is circle 1?",
        "It is red 1.",
        "And its size?",
        "It is small.",
    ]
    assert [(step["turn"], apply_diff(step["diff"], backwards=True)) for step in item["history"]] == [
        (0, "red 1"),
        (1, "small"),
    ]


def test_turns_that_stayed_are_exported_as_they_are(rewritten, tmp_path):
    out = rewritten([dialogue(0), dialogue(3)], turns={0}, drop=False)
    first, second = read_records(out, tmp_path)
    assert [(turn.response, turn.draft) for turn in first.turns] == [("It is red 0.", "red 0"), ("small", None)]
    assert [(turn.response, turn.draft) for turn in second.turns] == [("red 3", None), ("small", None)]


@pytest.mark.parametrize("target", TARGETS)
def test_every_target_takes_it(rewritten, tmp_path, target):
    out = rewritten([dialogue(0, license="MIT"), dialogue(1)])
    summary = export_dataset(out, target, tmp_path / "export", own_licence="CC BY-NC 4.0")
    assert summary["records"] == 2 and summary["licences"] == {"MIT": 1, "CC BY-NC 4.0": 1}
    card = (tmp_path / "export" / "README.md").read_text("utf-8")
    assert "# Rewritten data" in card and "| MIT | 1 | yes |" in card and "| CC BY-NC 4.0 | 1 | no |" in card


def test_a_pair_ends_at_the_last_rewritten_turn(rewritten, tmp_path):
    def agree(questions, originals, rewrites):
        import numpy as np

        return np.array([[0.0, 1.0, 0.0]] * len(questions))

    out = rewritten([dialogue(0)], turns={0})
    export_dataset(out, "ms-swift", tmp_path / "export", preference=True, judge=agree)
    (line,) = (tmp_path / "export" / "train.jsonl").read_text("utf-8").splitlines()
    assert len(json.loads(line)["messages"]) == 2 and json.loads(line)["rejected_response"] == "red 0"


def test_images_that_moved_are_found_by_root(rewritten, tmp_path):
    out = rewritten([dialogue(0), dialogue(1)])
    (tmp_path / "data").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"2 images are missing: .*0\.png \(record own-data/0\).*--root"):
        export_dataset(out, "llava", tmp_path / "export")
    assert export_dataset(out, "llava", tmp_path / "export", roots=tmp_path / "moved")["records"] == 2


def test_all_missing_images_are_named_in_a_file(rewritten, tmp_path):
    out = rewritten([dialogue(number % 3) for number in range(15)])
    for number in range(3):
        (tmp_path / "data" / "images" / f"{number}.png").unlink()
    with pytest.raises(DataError, match=r"15 images are missing: .*and 5 more, all named in .*export\.missing_images"):
        export_dataset(out, "llava", tmp_path / "export")
    listing = tmp_path / "export.missing_images.txt"
    assert len(listing.read_text("utf-8").splitlines()) == 15 and not (tmp_path / "export").exists()


def test_a_job_that_is_not_finished_is_refused(rewritten, tmp_path):
    out = rewritten([dialogue(0), dialogue(1)])
    (out / "job" / "conversations.jsonl").unlink()
    with pytest.raises(ConfigError, match="not finished"):
        read_records(out, tmp_path)
