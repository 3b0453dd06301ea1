"""A record found by its id: ids like it are named, and so is a damaged line in its way."""

import json

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.pipeline.find_record import RESULTS, find_record
from flamingo_lib.records import Rewrite, Sample, to_json


def line(number: int) -> str:
    sample = Sample(f"vqa-v2/train/{number}", "vqa-v2", "vqa", ("a.png",), "Is it red?", "red")
    return json.dumps(to_json(Rewrite(sample=sample, output="It is red.")))


def test_a_record_and_ids_like_it(tmp_path):
    (tmp_path / RESULTS).write_text(f"{line(1)}\n{line(12)}\n")
    assert find_record(tmp_path, "vqa-v2/train/12").output == "It is red."
    with pytest.raises(DataError, match=r"no record 'train/1'.*Similar ids: vqa-v2/train/1, vqa-v2/train/12\."):
        find_record(tmp_path, "train/1")


@pytest.mark.parametrize("cut", [line(12)[:70], '["vqa-v2/train/12"]', '{"sample": "vqa-v2/train/12"}'])
@pytest.mark.parametrize("record_id", ["vqa-v2/train/12", "train/1"])
def test_a_damaged_line_is_named(tmp_path, cut, record_id):
    (tmp_path / RESULTS).write_text(f"{line(2)}\n{cut}")
    with pytest.raises(DataError, match=r"not a record: .*rewrites\.jsonl, record line 2\).*run the command") as error:
        find_record(tmp_path, record_id)
    assert error.value.file == tmp_path / RESULTS


def test_a_record_with_another_field_is_named(tmp_path):
    (tmp_path / RESULTS).write_text(json.dumps(json.loads(line(2)) | {"porridge": 1}))
    with pytest.raises(DataError, match=r"no field 'porridge'.*line 1"):
        find_record(tmp_path, "vqa-v2/train/2")
