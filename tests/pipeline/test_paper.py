"""The paper's preset from end to end at tiny width: its own datasets, weights, judges, stages and mixtures.

All catalogue rows that it reads, in the makers' formats from data_samples; Llama, ViT and OpenFlamingo's rules, an
MPNet and two DeBERTa judges, Guanaco that distorts, all with few and mostly untrained weights. Changed are numbers of
steps, batches and tokens, and the two thresholds that untrained judges of images and similarity can't reach.
"""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.model.trainable import part_of
from flamingo_lib.presets import load_preset
from flamingo_lib.training.model_cost import expand

SAMPLES = Path(__file__).parents[2] / "data_samples" / "sources"
STAGES = ("rewriter", "stage1", "stage2", "stage3", "raw")

SETTINGS = (
    "distortion.pairs=24",
    "distortion.backend_max_new_tokens=24",
    "rewriting.max_new_tokens=32",
    "filters.sts_min=-1",
    "filters.clip_score_min=-100",
    "evaluation.max_new_tokens=8",
    *(
        f"{'rewriter' if stage == 'rewriter' else f'stages.{stage}'}.{setting}"
        for stage in STAGES
        for setting in ("micro_batch_size=2", "batch_size=4", "max_steps=2", "warmup_steps=0")
    ),
)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The samples as a folder of datasets in which LLaVA's detailed description is, as all of its, of a COCO image."""
    root = shutil.copytree(SAMPLES, tmp_path_factory.mktemp("data") / "root")
    llava, image = root / "llava-instruct", "000000000009.jpg"
    (record,) = json.loads((llava / "detail_23k.json").read_text("utf-8"))
    (llava / "train2017" / record["image"]).rename(llava / "train2017" / image)
    (llava / "detail_23k.json").write_text(json.dumps([record | {"id": image[:-4], "image": image}]))
    return root


@pytest.fixture(scope="module")
def run(root, released_weights, tmp_path_factory):
    """The folder of the finished run."""
    folder = tmp_path_factory.mktemp("runs") / "paper"
    where = ["--root", str(root), "--weights", str(released_weights), "--run-dir", str(folder)]
    settings = [text for setting in SETTINGS for text in ("--set", setting)]
    done = CliRunner().invoke(app, ["pipeline", "--preset", "paper", *where, *settings], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return folder


def lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def metrics(run, step):
    return json.loads((run / step / "manifest.json").read_text())["metrics"]


def weights_of(folder):
    from safetensors.torch import load_file

    return load_file(folder / "model" / "model.safetensors")


def test_every_dataset_is_read_whole(run):
    preset, counts = load_preset("paper"), json.loads((run / "sources" / "counts.json").read_text())
    assert set(counts["samples"]) == {*preset.sources.polite, *preset.sources.raw} and not counts["quarantined"]
    assert {item["sample"]["source"] for item in lines(run / "rewrite" / "rewritten.jsonl")} == set(preset.sources.raw)


def test_the_base_is_made_of_the_released_weights(run):
    told = json.loads((run / "base" / "model" / "import.json").read_text())
    assert not told["start"] and not told["not_expected"]
    assert set(told["files"]) == {"llama-7b", "ViT-L-14-336/openai", "openflamingo-9b", "guanaco-7b"}
    config = json.loads((run / "base" / "model" / "config.json").read_text())
    assert (config["media_rule"], config["patch_tokens"], config["dtype"]) == (
        "following",
        "before_ln_post",
        "bfloat16",
    )


def test_drafts_come_of_every_way_and_no_image_is_changed(run):
    ways = Counter(item["way"] for item in lines(run / "distort" / "pairs.jsonl"))
    assert set(ways) == {"llm", "noise", "retrieval"} and ways.total() == 24
    distortion = load_preset("paper").distortion
    assert (distortion.image_dropped, distortion.image_mismatched) == (0, 0)


def test_every_judge_gives_verdicts_and_some_records_stay(run):
    rewrites = lines(run / "filter" / "rewrites.jsonl")
    judged = Counter(verdict["filter"] for item in rewrites for verdict in item["verdicts"])
    assert {"length", "change", "repetition", "preamble", "sts", "nli", "clip"} == set(judged)
    assert 0 < metrics(run, "filter")["pf1m.records"] <= len(rewrites)


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_tunes_what_table_4_says_and_nothing_else(run, name):
    preset = load_preset("paper")
    row = preset.rewriter if name == "rewriter" else preset.stages[name]
    before, after = weights_of(run / row.start), weights_of(run / name)
    changed = {
        part_of(key, "lang_encoder.model.embed_tokens.weight")
        for key, weight in after.items()
        if not before[key].to(weight.dtype).equal(weight)  # frozen ones are kept in bfloat16, trained ones in float32
    }
    assert changed and changed <= expand(row.tunes)
    assert json.loads((run / name / "model" / "training.json").read_text())["steps"] == 2


def test_every_model_is_asked_about_every_source(run):
    asked = set(load_preset("paper").evaluation.sources)
    found = lines(run / "evaluate" / "predictions.jsonl")
    models = {"base", "stage1", "stage2", "stage3", "raw"}
    assert {(item["model"], item["source"]) for item in found} == {(model, name) for model in models for name in asked}
    scores = {score for item in found for score in item["scores"]}
    assert {"nli", "sts", "clipscore", "reward", "rouge_l", "polite"} <= scores
    values = json.loads((run / "metrics.json").read_text())
    assert {"stages.stage3.ok-vqa.nli_accuracy", "stages.stage3.textcaps.rouge_l", "stages.base.reward"} <= set(values)
    assert "spot-the-diff: " in (run / "report.html").read_text("utf-8")
