"""study.json: its fields, reasons, and development results."""

from __future__ import annotations

import json

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.predictions import write_predictions
from flamingo_lib.evaluation.study_file import CLAIM_FIELDS, FIELDS, STUDY, read_study
from flamingo_lib.pipeline.environment import project_root
from flamingo_lib.presets import load_preset
from flamingo_lib.storage import write_json
from flamingo_lib.study.record import (
    as_table,
    collect_record,
    collect_study,
    read_reasons,
    study_record,
    target_file,
    write_study,
)
from flamingo_lib.study.run import StudyPlan
from tests.study.synthetic import predictions

PRESET = load_preset("tiny", ["evaluation.texts=3"])


@pytest.fixture(scope="module")
def record(study_data):
    return study_record(
        study_data,
        PRESET,
        range(3),
        left=[(2, "unfrozen_vit")],
        seconds={0: 12.34},
        reasons={"stage2_pays.held_out": "the dialogues never ask", "tax.reward": "not shown"},
        replicates=100,
    )


def by_name(record):
    return {row["name"]: row for row in record["claims"]}


def test_it_is_read_as_it_was_written(record, tmp_path):
    write_study(tmp_path / "study.json", record)
    assert read_study(tmp_path / "study.json") == json.loads(json.dumps(record))
    assert record["settings"] == ["evaluation.texts=3"]
    assert record["seeds"] == [0, 1, 2] and record["left"] == [[2, "unfrozen_vit"]] and record["seconds"] == {"0": 12.3}


def test_means_of_every_model_and_seed_are_stored(record, study_data):
    own = [item.scores["correct"] for item in study_data.predictions[1, "raw"] if item.pool == "held_in"]
    values = record["models"]["raw"]["1"]
    assert values["held_in.correct"] == pytest.approx(sum(own) / len(own), abs=1e-4)
    assert values["held_in.reward"] == pytest.approx(-2, abs=0.1)
    assert record["models"]["stage2_short"]["0"]["facts.supervised_tokens"] == 3000


def test_reasons_are_added_to_claims_that_do_not_hold(record):
    rows = by_name(record)
    assert rows["stage2_pays.held_out"]["reason"].endswith("; the dialogues never ask")
    assert rows["tax.reward"]["holds"] and rows["tax.reward"]["reason"] == ""


def test_the_table_prints_every_verdict(record):
    text = as_table(record)
    assert "DOES NOT HOLD (the contrary is shown; the dialogues never ask)" in text
    assert "not run" in text and " holds" in text


@pytest.mark.parametrize("field", FIELDS)
def test_a_missing_field_is_named(record, tmp_path, field):
    write_json(tmp_path / "s.json", {name: value for name, value in record.items() if name != field})
    with pytest.raises(DataError, match="no study of this version" if field == "format" else f"field '{field}'"):
        read_study(tmp_path / "s.json")


def test_a_claims_missing_field_is_named(record, tmp_path):
    write_json(tmp_path / "s.json", record | {"claims": [{"name": "x", "claim": "y"}]})
    with pytest.raises(DataError, match=r"lacks the field 'group'.*record x"):
        read_study(tmp_path / "s.json")
    write_json(tmp_path / "s.json", record | {"claims": [1]})
    with pytest.raises(DataError, match=r"no JSON object.*s\.json, record claim 1"):
        read_study(tmp_path / "s.json")


def test_reasons_are_texts(tmp_path):
    assert read_reasons(tmp_path / "study.json") == {}
    write_json(tmp_path / "reasons.json", {"a": 1})
    with pytest.raises(DataError, match="texts by the name of a claim"):
        read_reasons(tmp_path / "study.json")


def test_development_never_writes_the_reported_file(tmp_path):
    assert target_file(None, tmp_path, (0, 1)) == STUDY
    assert target_file(tmp_path / "x.json", tmp_path, (0, 1)) == tmp_path / "x.json"
    assert target_file(None, tmp_path, (10,)) == tmp_path / "study-development.json"
    assert target_file(STUDY, tmp_path, (10,)) == tmp_path / "study-development.json"
    assert target_file(tmp_path / "x.json", tmp_path, (10,)) == tmp_path / "x.json"


def test_a_record_is_collected_from_the_folder(tmp_path):
    for seed in (10, 11):
        for model, right in (("stage1", 0.5), ("stage2", 0.9)):
            folder = tmp_path / f"seed-{seed}" / f"predict_{model}"
            write_predictions(folder / "predictions.jsonl", predictions(model, seed, right=right))
    plan = StudyPlan(tmp_path, PRESET, (10, 11), only=("stage1",))
    found = collect_record(plan, tmp_path / "study.json", collect_study(plan, {}), {})
    row = by_name(found)["stage2_pays.held_in"]
    assert found["development"] is True
    assert row["ours"] == pytest.approx(0.4, abs=0.06) and row["seeds"] == [10, 11]
    assert [10, "stage3"] in found["left"] and [10, "stage1"] not in found["left"]


@pytest.mark.skipif(not STUDY.exists(), reason="no study is shipped yet")
def test_the_shipped_study_has_every_field_and_reported_seeds():
    study = read_study()
    assert STUDY.is_relative_to(project_root())
    assert study["development"] is False and set(study["seeds"]) <= set(range(5))
    assert study["claims"] and all(name in row for row in study["claims"] for name in CLAIM_FIELDS)
    for row in study["claims"]:
        if row["holds"] is not None:
            assert row["low"] <= row["ours"] <= row["high"] and row["seeds"]
        if row["holds"] is not True:
            assert row["reason"], row["name"]
