"""Exports as a whole: what is in them, what is left out, and that they are whole or not there."""

from __future__ import annotations

import json
import tarfile
import tracemalloc
from dataclasses import replace

import numpy as np
import pyarrow.parquet as parquet
import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.exports import llava, parquet_files, planning
from flamingo_lib.exports.history import apply_diff
from flamingo_lib.exports.reading import read_records
from flamingo_lib.exports.run import TARGETS, export_dataset
from flamingo_lib.filters.corpus_alarms import BOUNDS
from flamingo_lib.sources.catalog import CATALOG

from .conftest import CAPTION, KEPT, PAIR, QUESTION, write_folder

SAME = {"It is red.": "red"}


def judge(questions, originals, rewrites):
    """Entailment between "It is red." and "red" alone."""
    held = [SAME.get(one) == other or SAME.get(other) == one for one, other in zip(originals, rewrites, strict=True)]
    return np.array([[0.0, 1.0 if yes else -1.0, 0.0] for yes in held])


def test_records_are_the_kept_rewrites(folder, tmp_path):
    records = list(read_records(folder, tmp_path / "scratch"))
    assert [record.id for record in records] == [rewrite.sample.id for rewrite in KEPT]
    assert [record.final for record in records] == [rewrite.final for rewrite in KEPT]
    assert records[1].steps == (
        (0, "rewritten by tiny-rewriter", "The car is gone.\n\nA dog sings."),
        (0, "filter clip", "The car is gone."),
    )
    assert records[0].scores == {
        "nli_contradiction": -2.0,
        "nli_entailment": 3.0,
        "nli_neutral": 0.0,
        "rouge_score": 0.5,
        "reward": 1.5,
    }
    assert records[1].scores["clip_score"] == 20.0
    assert [image.name for image in records[1].images] == ["spot-the-diff/a.png", "spot-the-diff/b.png"]


def test_a_dataset_without_shards_gives_the_same_conversations(folder, dataset, tmp_path):
    roots = json.loads((folder / "sources.json").read_text("utf-8"))["roots"]
    ours, theirs = read_records(folder, tmp_path), read_records(dataset, tmp_path, roots)
    for one, other in zip(ours, theirs, strict=True):
        assert (one.turns, one.images, one.source, one.licence) == (
            other.turns,
            other.images,
            other.source,
            other.licence,
        )


def test_refused_records_stay_out(folder, tmp_path):
    (folder / "refused.jsonl").write_text(json.dumps({"record": QUESTION.sample.id, "file": "gqa", "reason": "x"}))
    assert [record.id for record in read_records(folder, tmp_path)] == [rewrite.sample.id for rewrite in KEPT[1:]]


@pytest.mark.parametrize("target", TARGETS)
def test_counts_licences_and_card(folder, tmp_path, target):
    summary = export_dataset(folder, target, tmp_path / "out")
    assert summary["records"] == 3
    assert summary["left_out"] == {"<image> in a text would be read as an image": 1}
    assert sum(summary["licences"].values()) == sum(summary["sources"].values()) == summary["records"]
    assert {alarm["name"] for alarm in summary["alarms"]} == set(BOUNDS)
    page = (tmp_path / "out" / "report.html").read_text("utf-8")
    assert "Alarms about the whole" in page and "not measured" in page and CATALOG["gqa"].licence in page
    assert json.loads((tmp_path / "out" / "export.json").read_text("utf-8")) == summary
    card = (tmp_path / "out" / "README.md").read_text("utf-8")
    assert f"| {CATALOG['gqa'].licence} | 1 | yes |" in card and "history" in card


@pytest.mark.parametrize("target", TARGETS)
def test_commercial_licences_alone(folder, tmp_path, target):
    summary = export_dataset(folder, target, tmp_path / "out", licence="commercial")
    assert summary["sources"] == {"gqa": 1}
    assert sum(summary["left_out"].values()) == 3


def rows_of(target, out):
    """The records of an export as plain values, whatever the format."""
    if target == "webdataset":
        with tarfile.open(out / "train-00000.tar") as tar:
            return [json.load(tar.extractfile(name)) for name in sorted(tar.getnames()) if name.endswith(".json")]
    if (out / "data").is_dir():
        return [
            row for file in sorted((out / "data").glob("*.parquet")) for row in parquet.read_table(file).to_pylist()
        ]
    file = next(out / name for name in ("llava.json", "polite_flamingo.jsonl", "train.jsonl") if (out / name).is_file())
    text = file.read_text("utf-8")
    return json.loads(text) if file.suffix == ".json" else [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("target", TARGETS)
def test_every_record_has_licence_scores_and_history(folder, tmp_path, target):
    export_dataset(folder, target, tmp_path / "out")
    rows = rows_of(target, tmp_path / "out")
    assert len(rows) == 3
    for row, rewrite in zip(rows, KEPT, strict=False):
        assert row["licence"] == CATALOG[rewrite.sample.source].licence and row["style"] == "polite"
        assert row["commercial_use"] in (True, False, None, "yes", "no", "not clear")
        scores = row.get("scores", row)
        assert [scores[name] for name in ("reward", "sts_similarity")] == [
            rewrite.scores.get(name) for name in ("reward", "sts_similarity")
        ]
        assert apply_diff(row["history"][0]["diff"], backwards=True) == rewrite.sample.raw
        assert apply_diff(row["history"][-1]["diff"]) == rewrite.final and row["history"][0]["turn"] == 0


@pytest.mark.parametrize("target", ["llama-factory", "ms-swift", "axolotl"])
def test_columns_that_are_filled_late_are_read_by_datasets(tmp_path, target, monkeypatch):
    """Over 10 MB of records without an image, scores and boxes, then some with them."""
    from datasets import load_dataset

    monkeypatch.setattr(planning, "AHEAD", 2)
    bare = replace(CAPTION, sample=replace(CAPTION.sample, images=(), instruction="Say it. " * 4000))
    many = [replace(bare, sample=replace(bare.sample, id=f"mscoco-captions/train/{n}")) for n in range(500)]
    out = write_folder(tmp_path, [*many, QUESTION, PAIR], shard_size=600)
    export_dataset(out, target, tmp_path / "out")
    file = next((tmp_path / "out").glob("*.jsonl"))
    assert file.stat().st_size > 10 << 20
    rows = load_dataset("json", data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(rows) == 502 and rows["id"][:2] == [QUESTION.sample.id, PAIR.sample.id]


@pytest.mark.parametrize("target", ["trl", "llama-factory", "ms-swift", "parquet"])
def test_preference_pairs_say_the_same(folder, tmp_path, target):
    summary = export_dataset(folder, target, tmp_path / "out", preference=True, judge=judge)
    assert summary["records"] == 1 and summary["left_out"]["not entailed both ways"] == 2
    assert summary["mean_length_difference"] == 2.0
    bounded = export_dataset(folder, target, tmp_path / "out", preference=True, judge=judge, max_length_difference=1)
    assert bounded["records"] == 0 and bounded["left_out"]["length difference"] >= 1


def test_an_interrupted_export_leaves_the_old_one(folder, tmp_path, monkeypatch):
    export_dataset(folder, "llava", tmp_path / "out")
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(llava, "_item", stop)
    with pytest.raises(KeyboardInterrupt):
        export_dataset(folder, "llava", tmp_path / "out")
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    assert not list(tmp_path.glob(".out*"))


def test_missing_images_are_counted_before_anything_is_written(folder, tmp_path):
    (tmp_path / "data" / "gqa" / "1.jpg").unlink()
    (tmp_path / "data" / "spot-the-diff" / "b.png").unlink()
    with pytest.raises(DataError, match=r"2 images are missing: .*1\.jpg \(record gqa/train/1\).*b\.png") as caught:
        export_dataset(folder, "llava", tmp_path / "out")
    assert "--root" in str(caught.value) and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"to": "csv"}, "no export target 'csv'"),
        ({"to": "webdataset", "preference": True}, "no form for preference pairs"),
        ({"licence": "free"}, "unknown licence filter"),
        ({"out": "."}, "would replace the data"),
        ({"folder": "data"}, "holds no rewritten data"),
        ({"folder": "nowhere"}, "no such folder"),
    ],
)
def test_bad_settings(folder, tmp_path, change, message):
    settings = {"folder": "job", "to": "trl", "out": "out"} | change
    paths = {name: tmp_path / settings.pop(name) for name in ("folder", "out")}
    with pytest.raises(ConfigError, match=message):
        export_dataset(paths["folder"], settings.pop("to"), paths["out"], **settings)


def peak(work) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("target", ["llava", "parquet", "webdataset"])
def test_memory_does_not_grow_with_the_records(tmp_path, monkeypatch, target):
    monkeypatch.setattr(parquet_files, "ROWS_A_GROUP", 20)
    export_dataset(write_folder(tmp_path / "warm", [QUESTION]), target, tmp_path / "warm-out")
    peaks = []
    for count in (100, 700):
        many = [replace(QUESTION, sample=replace(QUESTION.sample, id=f"gqa/train/{n}")) for n in range(count)]
        folder = write_folder(tmp_path / str(count), many, shard_size=20)
        del many
        peaks.append(peak(lambda folder=folder, count=count: export_dataset(folder, target, tmp_path / f"out-{count}")))
    assert peaks[1] < 2.5 * peaks[0]


def test_command(folder, tmp_path):
    result = CliRunner().invoke(app, ["export", str(folder), "--to", "llava", "--out", str(tmp_path / "out")])
    assert result.exit_code == 0 and "3 records" in result.stdout and "left out  1" in result.stdout
