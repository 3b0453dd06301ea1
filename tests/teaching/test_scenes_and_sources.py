"""Checks of notebook 01: right answers pass, typical slips are named."""

import csv
import json
import re

import pytest

from flamingo_lib.records import Sample
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.teaching import check

SCENE = draw_scene(0, "teaching/1", count=1)
ITEM = SCENE.objects[0]


def holds(scene, sentence):
    color, shape, position = re.match(r"There is an? (\w+) (\w+) at the (.+)\.", sentence).groups()
    return any((i.color, i.shape, i.position) == (color, shape, position) for i in scene.objects)


def without_position(scene, sentence):
    color, shape, _ = re.match(r"There is an? (\w+) (\w+) at the (.+)\.", sentence).groups()
    return any((i.color, i.shape) == (color, shape) for i in scene.objects)


def read(path):
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            yield sample(row["id"], row["image"], row["question"], row["answer"].strip())


def sample(id, image, question, answer):
    return Sample(f"csv/{id}", "csv", "vqa", (image,), question, answer)


def split_at_commas(path):
    return [sample(*line.split(",")[:4]) for line in path.read_text().splitlines()[1:]]


def unstripped(path):
    with open(path, newline="") as file:
        return [sample(*row) for row in list(csv.reader(file))[1:]]


def with_header(path):
    with open(path, newline="") as file:
        return [sample(*row) for row in csv.reader(file)]


def test_claim_checker():
    assert check.ex_01_1(holds)
    assert "is false of a scene with" in check.ex_01_1(without_position).text
    assert "return True or False" in check.ex_01_1(lambda scene, sentence: 1).text
    assert "raised AttributeError" in check.ex_01_1(lambda scene, sentence: scene.shapes).text


def test_reader_of_a_new_format():
    assert check.ex_01_2(read)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (split_at_commas, "use the csv module"),
        (unstripped, "record 11: `raw` is ' circle '"),
        (with_header, "5 records below its header, and you read 6"),
        (lambda path: [], "and you read 0"),
    ],
)
def test_slips_of_the_reader(answer, message):
    outcome = check.ex_01_2(answer)
    assert not outcome and message in outcome.text


def test_a_misjudged_sentence():
    told = f"There is a {ITEM.color} {ITEM.shape}."
    assert check.ex_01_3(told, SCENE, False)
    assert "agrees with you" in check.ex_01_3(told, SCENE, True).text
    assert "by True or False" in check.ex_01_3(told, SCENE, "yes").text


def test_the_quarantine_message(tmp_path):
    path = tmp_path / "quarantine.jsonl"
    rows = [{"file": "a.json", "record": name, "reason": "a field is missing: answer"} for name in ("7", "9")]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert check.ex_01_4([7, 9], path)
    assert "1 of 2 records; one more was set aside: a field is missing" in check.ex_01_4(["7"], path).text
    assert "record 8 was read" in check.ex_01_4(["7", "8", "9"], path).text
    assert "no quarantine file" in check.ex_01_4(["7"], tmp_path / "none.jsonl").text


def share(verdicts, wrong=lambda text: not all(text)):
    return sum(map(wrong, verdicts)) / len(verdicts)


def test_hallucination_share():
    assert check.ex_01_5(share)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (lambda verdicts: 1 - share(verdicts), "without a false claim"),
        (lambda verdicts: share([claim for text in verdicts for claim in text], lambda holds: not holds), "of claims"),
        (lambda verdicts: share([text for text in verdicts if text]), "they belong to N"),
        (lambda verdicts: share(verdicts, lambda text: not any(text)), "no claim holds"),
        (lambda verdicts: 0.45, "not 0.450"),
        (lambda verdicts: ..., "returned nothing"),
    ],
)
def test_slips_of_the_hallucination_share(answer, message):
    outcome = check.ex_01_5(answer)
    assert not outcome and message in outcome.text
