"""A folder as `build-pf1m` leaves it: shards, images of three datasets, and where they lie."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.pf1m.images import released
from flamingo_lib.pf1m.record import write_pf1m
from flamingo_lib.records import Box, Rewrite, Sample, Verdict
from flamingo_lib.rewriting.shards import encode_shard, shard_path, write_shard

QUESTION = Rewrite(
    Sample("gqa/train/1", "gqa", "vqa", ("1.jpg",), "What color is it?", "red", (Box("circle", 0.1, 0.2, 0.5, 0.6),)),
    "It is red.",
    scores={"nli_similarity": [-2.0, 3.0, 0.0], "rouge_score": 0.5, "reward": 1.5},
    verdicts=(Verdict(True, "nli", 3.0, 0.0),),
)
PAIR = Rewrite(
    Sample("spot-the-diff/train/2", "spot-the-diff", "change", ("a.png", "b.png"), "What changed?", "car gone"),
    "The car is gone.\n\nA dog sings.",
    scores={"sts_similarity": 0.8, "reward": 2.0, "paragraph_clip_scores": [20.0], "filtered_paragraphs": [[3.0, "x"]]},
    verdicts=(Verdict(True, "clip", 3.0, 9.0, edit="The car is gone."),),
)
CAPTION = Rewrite(
    Sample("mscoco-captions/train/3", "mscoco-captions", "caption", ("3.png",), "Describe it.", "a “blue” star"),
    "There is a “blue” star.",
)
DROPPED = replace(
    CAPTION, sample=replace(CAPTION.sample, id="mscoco-captions/train/4"), verdicts=(Verdict(False, "sts"),)
)
TAGGED = replace(CAPTION, sample=replace(CAPTION.sample, id="mscoco-captions/train/5", instruction="What is <image>?"))
REWRITES = [QUESTION, PAIR, CAPTION, DROPPED, TAGGED]
KEPT = [QUESTION, PAIR, CAPTION, TAGGED]


def write_folder(folder, rewrites, *, shard_size=2):
    """Shards, images and sources.json below `folder`; returns the job's folder."""
    generator = np.random.default_rng(0)
    roots = {}
    for rewrite in rewrites:
        roots[rewrite.sample.source] = str(folder / "data" / rewrite.sample.source)
        for name in rewrite.sample.images:
            file = folder / "data" / rewrite.sample.source / name
            if not file.exists():
                file.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(generator.integers(0, 256, (8, 8, 3), np.uint8)).save(file)
    out = folder / "job"
    for start in range(0, len(rewrites), shard_size):
        write_shard(shard_path(out, start // shard_size), encode_shard(rewrites[start : start + shard_size], ""))
    out.mkdir(parents=True, exist_ok=True)
    (out / "sources.json").write_text(json.dumps({"roots": roots, "rewriter": "tiny-rewriter"}), "utf-8")
    return out


@pytest.fixture
def folder(tmp_path):
    """The job's folder of `REWRITES`."""
    return write_folder(tmp_path, REWRITES)


@pytest.fixture
def dataset(folder, tmp_path):
    """The dataset alone, as somebody gets it who has not the job's shards."""
    roots = json.loads((folder / "sources.json").read_text("utf-8"))["roots"]
    write_pf1m(tmp_path / "dataset" / "pf1m.json", released(REWRITES, tmp_path / "dataset", roots))
    return tmp_path / "dataset"
