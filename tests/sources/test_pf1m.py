"""PF-1M is read back in every form in which it is written: the released JSON, Parquet, a job's shards."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.pf1m.parquet import write_parquet
from flamingo_lib.pf1m.record import from_rewrite, write_pf1m
from flamingo_lib.records import Box, Rewrite, Sample, Verdict
from flamingo_lib.rewriting.shards import encode_shard, shard_path, write_shard


def rewrites() -> list[Rewrite]:
    """Two that were kept, one that a filter dropped, one whose image could not be read."""

    def sample(number: int, **more) -> Sample:
        return Sample(
            f"vqa-v2/val/{number}", "vqa-v2", "vqa", (f"val/{number}.png",), f"What is {number}?", "red", **more
        )

    scores = {"rouge_score": 0.5, "nli_similarity": (0.0, 1.0, 0.0)}
    kept = (Verdict(True, "change"),)
    return [
        Rewrite(sample(0), "It is red.", scores=scores, verdicts=kept),
        Rewrite(sample(1), "Red it was.", scores=scores, verdicts=(Verdict(False, "change"),)),
        Rewrite(
            sample(2, boxes=(Box("dog", 0.1, 0.1, 0.5, 0.5),)),
            "It is red.\n\nSo it is.",
            scores=scores,
            verdicts=(Verdict(True, "clip", edit="It is red."),),
        ),
        Rewrite(sample(3), "", ("unreadable_image",), scores={"error": "the image is missing (file val/3.png)"}),
    ]


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job's folder with the files that lie beside the records."""
    for number in range(3):
        path = tmp_path / f"vqa-v2/val/{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(path)
    for name in ("funnel.json", "job.json", "plan.json", "sources.json"):
        (tmp_path / name).write_text("{}")
    (tmp_path / "quarantine.jsonl").write_text("{}\n")
    return tmp_path


def good() -> list:
    return [from_rewrite(rewrite) for rewrite in rewrites() if rewrite.kept and rewrite.output]


@pytest.mark.parametrize("form", ["json", "parquet", "shards", "all"])
def test_each_form_gives_the_same_samples(job: Path, read, form):
    if form in ("json", "all"):
        write_pf1m(job / "pf1m.json", good())
    if form in ("parquet", "all"):
        write_parquet(job, good())
    if form in ("shards", "all"):
        write_shard(shard_path(job, 0), encode_shard(rewrites(), "x"))
    samples, aside = read("pf-1m", job)
    assert [(sample.id, sample.instruction, sample.raw, sample.images) for sample in samples] == [
        ("pf-1m/train/0", "What is 0?", "It is red.", ("vqa-v2/val/0.png",)),
        ("pf-1m/train/1", "What is 2?", "It is red.", ("vqa-v2/val/2.png",)),
    ]
    assert all(sample.task == "vqa" and sample.meta["original"] == "red" for sample in samples)
    assert all(list(sample.meta["nli_similarity"]) == [0.0, 1.0, 0.0] for sample in samples)
    assert [entry["reason"] for entry in aside] == (
        ["no rewrite: the image is missing (file val/3.png)"] if form == "shards" else []
    )


def test_own_copies_of_any_name_are_read_if_alone(job: Path, read, tmp_path):
    write_pf1m(job / "mine.json", good())
    with pytest.raises(DataError, match="several files could be meant: .*mine.json"):
        read("pf-1m", job)
    for name in ("funnel.json", "job.json", "plan.json", "sources.json", "quarantine.jsonl"):
        (job / name).unlink()
    assert len(read("pf-1m", job)[0]) == 2


def test_a_parquet_file_that_is_none_is_named(job: Path, read):
    (job / "data").mkdir()
    (job / "data/train-00000.parquet").write_text("<!DOCTYPE html><html>")
    with pytest.raises(DataError, match="Parquet file cannot be read: it is an HTML page.*train-00000.parquet"):
        read("pf-1m", job)


def test_images_in_archives_are_found(job: Path, read):
    import zipfile

    with zipfile.ZipFile(job / "vqa-v2/val.zip", "w") as archive:
        archive.write(job / "vqa-v2/val/0.png", "0.png")
    record = json.loads(json.dumps(good()[0].to_json())) | {"input": "<img_path>vqa-v2/val.zip@0.png<img_path>What?"}
    (job / "pf1m.json").write_text(json.dumps([record]))
    samples, aside = read("pf-1m", job)
    assert not aside and samples[0].images == ("vqa-v2/val.zip@0.png",)
