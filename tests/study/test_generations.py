"""Both generations of the rewriter: the file, its reader, and what is said where it is missing or broken."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import DataError, MissingAsset
from flamingo_lib.evaluation.predictions import Prediction, write_predictions
from flamingo_lib.presets import load_preset
from flamingo_lib.scenes.graph import Scene, draw_scene
from flamingo_lib.study.claims import StudyData
from flamingo_lib.study.generations import (
    GENERATIONS,
    SCORES,
    collect_generations,
    compare_generations,
    read_generations,
    score_pairs,
    write_generations,
)

PRESET = load_preset("tiny")
SCENE = draw_scene(0, "generations", count=2)


def rewrites(model, better=0.0, count=20):
    return [
        Prediction(
            f"vqa-v2/{number}",
            model,
            10,
            "rewrites",
            "vqa-v2",
            "vqa",
            "What color is it?",
            ("red",),
            "It is red." + " Yes." * (model != "rewriter"),
            images=("vqa-v2/a.png",),
            scores={
                "reward": number / 10 + better,
                "reward_raw": -1.0,
                "beats_raw": 1.0,
                "unchanged": float(number == 0),
            }
            | {"polite": 1.0, "false_addition": 0.0}
            | ({"clipscore": 20.0 + number} if number % 2 else {}),
        )
        for number in range(count)
    ]


@pytest.fixture
def record():
    first, second = rewrites("rewriter"), rewrites("rewriter_second_generation", 0.5)
    return compare_generations(first, second[::-1], PRESET, seed=10, scenes={"vqa-v2/a.png": SCENE}, examples=3)


def test_scores_are_paired_by_record(record):
    pairs = score_pairs(record, "reward")
    assert len(pairs) == record["rewrites"] == 20
    assert all(two - one == pytest.approx(0.5) for one, two in pairs)
    assert record["means"]["reward"] == {"first": 0.95, "second": 1.45, "records": 20}
    assert record["means"]["words"]["second"] == 4.0
    assert len(score_pairs(record, "clipscore")) == record["means"]["clipscore"]["records"] == 10
    assert score_pairs(record, "reward_raw") == [(-1.0, -1.0)] * 20


def test_examples_bring_their_scenes(record):
    assert len(record["examples"]) == 3
    assert all(Scene.from_json(row["scenes"][0]) == SCENE for row in record["examples"])
    assert record["examples"][0]["first"] == "It is red." and record["examples"][0]["raw"] == "red"


def test_no_more_records_than_asked_for_and_the_same_ones_each_time():
    first, second = rewrites("rewriter"), rewrites("rewriter_second_generation")
    drawn = [compare_generations(first, second, PRESET, seed=10, records=5)["scores"] for _ in range(2)]
    assert drawn[0] == drawn[1] and all(len(column) == 5 for column in drawn[0].values())
    assert compare_generations(first, second, PRESET, seed=11, records=5)["scores"]["reward"] != drawn[0]["reward"]


def test_a_score_that_no_record_has_is_empty():
    bare = [replace(item, scores={"reward": 1.0}) for item in rewrites("rewriter")]
    found = compare_generations(bare, bare, PRESET, seed=10)
    assert score_pairs(found, "clipscore") == []
    assert found["means"]["clipscore"] == {"first": None, "second": None, "records": 0}


def test_other_records_are_refused():
    first = rewrites("rewriter")
    other = [*rewrites("b")[1:], replace(first[0], id="another")]
    with pytest.raises(DataError, match="not given the same records"):
        compare_generations(first, other, PRESET, seed=10)


def test_it_is_read_as_it_was_written(record, tmp_path):
    write_generations(tmp_path / "file.json", record)
    assert read_generations(tmp_path / "file.json") == json.loads(json.dumps(record))


def test_a_missing_file_names_the_command(tmp_path):
    with pytest.raises(MissingAsset, match=r"--only rewriter_second_generation --generations .*none.json"):
        read_generations(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 0}, "of this version"),
        ({"examples": None}, "lacks the field 'examples'"),
        ({"scores": {}}, "lacks the field 'scores.source'"),
    ],
)
def test_a_broken_file_is_refused(record, tmp_path, change, message):
    (tmp_path / "file.json").write_text(json.dumps(record | change), "utf-8")
    with pytest.raises(DataError, match=message):
        read_generations(tmp_path / "file.json")


def test_columns_of_other_lengths_are_refused(record, tmp_path):
    record["scores"]["reward"].pop()
    with pytest.raises(DataError, match="differ in length"):
        write_generations(tmp_path / "file.json", record)


def test_the_command_writes_it_from_stored_predictions(tmp_path):
    for name, better in (("rewriter", 0.0), ("rewriter_second_generation", 0.5)):
        path = tmp_path / "seed-10" / f"predict_{name}" / "predictions.jsonl"
        write_predictions(path, rewrites(name, better))
    out = tmp_path / "both.json"
    words = ["study", "--seed", "10", "--collect", "--run-root", str(tmp_path), "--generations", str(out)]
    result = CliRunner().invoke(app, words)
    assert result.exception is None, result.output
    assert "both generations of seed 10" in result.output
    assert read_generations(out)["means"]["reward"]["second"] == pytest.approx(1.45)


def test_it_is_collected_from_predictions_alone(tmp_path):
    stored = {(10, "rewriter"): rewrites("rewriter"), (10, "rewriter_second_generation"): rewrites("b", 0.5)}
    found = collect_generations(StudyData(stored), tmp_path / "none", PRESET, 10)
    assert found["means"]["reward"]["second"] == pytest.approx(1.45) and found["examples"] == []
    del stored[10, "rewriter"]
    with pytest.raises(MissingAsset, match=r"no stored rewrites of rewriter, seed 10.*--only rewriter"):
        collect_generations(StudyData(stored), tmp_path / "none", PRESET, 10)


def test_the_shipped_comparison_is_whole():
    found = read_generations()
    assert GENERATIONS.stat().st_size < 300_000
    assert "rewriter_second_generation" in found["command"]
    assert len(found["examples"]) >= 12 and len(score_pairs(found, "reward")) >= 500
    for name in SCORES:
        assert {"first", "second", "records"} == found["means"][name].keys()
    for row in found["examples"]:
        assert all(Scene.from_json(scene).objects for scene in row["scenes"])
