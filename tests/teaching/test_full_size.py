"""Checks of notebook 10: right answers pass, typical slips are named."""

import pytest

from flamingo_lib.presets import load_preset
from flamingo_lib.teaching import check
from flamingo_lib.training.resource_plan import known_config

PAPER = load_preset("paper")


def record(row):
    first = row["qa"][0]
    image = (row.get("img") or {}).get("path")
    return {"image": image, "instruction": first["q"].strip(), "response": str(first["a"]).strip()}


def test_a_new_layout():
    assert check.ex_10_1(record)
    assert "strip spaces" in check.ex_10_1(lambda row: record(row) | {"instruction": row["qa"][0]["q"]}).text
    assert "raised KeyError" in check.ex_10_1(lambda row: record(row) | {"image": row["img"]["path"]}).text
    assert "response of" in check.ex_10_1(lambda row: record(row) | {"response": row["qa"][0]["a"]}).text
    assert "is missing" in check.ex_10_1(lambda row: {"image": None}).text
    assert "a dictionary" in check.ex_10_1(lambda row: row["qa"]).text


def put_back(rows, new, keep):
    return [
        row | {"response": new.get(number, row["response"])} for number, row in enumerate(rows) if keep or number in new
    ]


def in_place(rows, new, keep):
    for number, row in enumerate(rows):
        row["response"] = new.get(number, "")
    return rows


def test_rewrites_put_back():
    assert check.ex_10_2(put_back)
    assert "copy a row" in check.ex_10_2(in_place).text
    assert "so 4 are left; you give 6" in check.ex_10_2(lambda rows, new, keep: put_back(rows, new, True)).text
    assert "so 6 are left; you give 4" in check.ex_10_2(lambda rows, new, keep: put_back(rows, new, False)).text
    bare = check.ex_10_2(lambda rows, new, keep: [{"response": new[n]} for n in sorted(new)])
    assert "lost its column" in bare.text
    unsorted = check.ex_10_2(lambda rows, new, keep: [rows[n] | {"response": new[n]} for n in new])
    assert "should be" in unsorted.text


def test_parameters_of_lora():
    assert check.ex_10_3(lambda d, f, layers, rank: layers * rank * (8 * d + 3 * (d + f)))
    assert "attention alone" in check.ex_10_3(lambda d, f, layers, rank: layers * rank * 8 * d).text
    assert "linear maps themselves" in check.ex_10_3(lambda d, f, layers, rank: layers * (4 * d * d + 3 * d * f)).text
    assert "one layer" in check.ex_10_3(lambda d, f, layers, rank: rank * (8 * d + 3 * (d + f))).text
    assert "parameters, not" in check.ex_10_3(lambda d, f, layers, rank: 7).text


@pytest.fixture(scope="module")
def config():
    return known_config("openflamingo-9b")


def test_the_largest_micro_batch(config):
    def answered(*answer):
        return check.ex_10_4(answer, PAPER.stages["stage2"], PAPER.model, gpus=4, memory=24, config=config)

    assert answered(8, 32)
    assert "with 16 windows at a time it takes" in answered(16, 16).text
    assert "fit as well" in answered(4, 64).text
    assert "take 32 passes, not 8" in answered(8, 8).text
    assert "power of two" in answered(6, 1).text
    assert "give two numbers" in answered(8).text


def test_hours(config):
    def hours(flops, steps, gpus, teraflops, share):
        return flops * steps / (gpus * teraflops * 1e12 * share * 3600)

    assert check.ex_10_5(hours, config)
    assert "in seconds" in check.ex_10_5(lambda *given: 3600 * hours(*given), config).text
    assert "of its peak only" in check.ex_10_5(lambda *given: hours(*given[:4], 1.0), config).text
    assert "tera is" in check.ex_10_5(lambda *given: 1e12 * hours(*given), config).text
    assert "not" in check.ex_10_5(lambda *given: 2 * hours(*given), config).text
