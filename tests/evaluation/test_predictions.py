"""Stored predictions from JSON: what is malformed is named with its file and record."""

import json

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.predictions import Prediction, read_predictions, write_predictions
from tests.evaluation.synthetic import predicted

ROW = predicted("stage1", 7, correct=1).to_json()


def test_they_are_read_as_they_were_written(tmp_path):
    items = [predicted("stage1", number, correct=1, reward=-0.5) for number in range(3)]
    write_predictions(tmp_path / "predictions.jsonl", items)
    assert list(read_predictions(tmp_path / "predictions.jsonl")) == items
    assert Prediction.from_json({key: ROW[key] for key in ("id", "model", "seed", "pool", "response")}).references == ()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([1], r"not a JSON object \(file .*jsonl, record \[1\]"),
        ({"id": "a"}, "missing model, seed, pool, response .*record a"),
        (ROW | {"more": 1}, "unknown more"),
        (ROW | {"references": None}, "references is None .*record held_in/007"),
        (ROW | {"references": "red"}, "references is 'red'"),
        (ROW | {"seed": "0"}, "seed is '0'"),
        (ROW | {"scores": []}, r"scores is \[\]"),
        (ROW | {"scores": {"correct": None}}, "score correct is None"),
    ],
)
def test_a_malformed_line_is_named(tmp_path, row, message):
    path = tmp_path / "predictions.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps(row) + "\n", "utf-8")
    with pytest.raises(DataError, match=rf"no stored prediction: {message}"):
        list(read_predictions(path))
