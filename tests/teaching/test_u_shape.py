"""Checks of notebook 07: right answers pass, typical slips are named."""

import math

import pytest
import torch

from flamingo_lib.teaching import check

STEPS, WINDOW = 975_782 * 3 / 1024, 1024 * 196


def test_steps_and_tokens_of_the_papers_stage_2():
    assert check.ex_07_1(2859, 2859 * WINDOW) and "2,859 steps and 0.57 billion" in check.ex_07_1(2859, 573.8e6).text
    assert check.ex_07_1(970_000 * 3 / 1024, 970_000 * 3 * 196)
    assert "one epoch" in check.ex_07_1(953, 953 * WINDOW).text
    assert "takes a whole batch" in check.ex_07_1(975_782 * 3, 573.8e6).text
    assert "stages 1 and 3" in check.ex_07_1(975_782 * 3 / 256, 573.8e6).text
    assert "not one window" in check.ex_07_1(2859, 2859 * 196).text
    assert "should be a number" in check.ex_07_1(..., ...).text


RESAMPLER, ATTENTION, FEED_FORWARD = 63_019_008, 5_251_073, 134_225_921
CONNECTOR = RESAMPLER + 8 * ATTENTION


def test_parameters_of_the_papers_stage_2():
    assert check.ex_07_2(CONNECTOR, CONNECTOR + 8 * FEED_FORWARD)
    assert "0.1B" in check.ex_07_2(CONNECTOR, CONNECTOR + 8 * FEED_FORWARD).text
    for wrong, message in (
        (8 * ATTENTION, "resampler is trained as well"),
        (RESAMPLER + ATTENTION, "one gated layer"),
        (RESAMPLER + 32 * ATTENTION, "every 4th layer"),
        (CONNECTOR - 8, "the gates are weights"),
        (CONNECTOR + 1, "it is not"),
    ):
        outcome = check.ex_07_2(wrong, CONNECTOR + 8 * FEED_FORWARD)
        assert not outcome and message in outcome.text
    assert "with feed-forwards" in check.ex_07_2(CONNECTOR, CONNECTOR).text


def cosine(step, steps, warmup, highest):
    if step < warmup:
        return highest * step / warmup
    return highest * 0.5 * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup)))


def linear(step, steps, warmup, highest):
    return highest * (step / warmup if step < warmup else (steps - step) / (steps - warmup))


def test_cosine_schedule():
    assert check.ex_07_3(cosine)
    assert "that is the linear schedule" in check.ex_07_3(linear).text
    assert "rises in a line" in check.ex_07_3(lambda step, steps, warmup, highest: highest).text
    doubled = check.ex_07_3(lambda *given: cosine(*given) * (2 if given[0] >= given[2] else 1))
    assert "halve 1 + cos" in doubled.text

    def from_the_start(step, steps, warmup, highest):
        return cosine(step, steps, warmup if step < warmup else 0, highest)

    assert "begins where the warm-up ends" in check.ex_07_3(from_the_start).text


CURT, POLITE = ["red", "blue", "two", "yes"], ["The ring is red.", "blue", "two", "no"]


def test_a_polite_past():
    assert check.ex_07_6(0.25, CURT, POLITE)
    assert "how many are polite sentences" in check.ex_07_6(0.5, CURT, POLITE).text
    assert "not 0.750" in check.ex_07_6(0.75, CURT, POLITE).text
    assert "give the answers" in check.ex_07_6(0.5, CURT, ...).text
    assert "4 answers alone and 1" in check.ex_07_6(0.5, CURT, ["red"]).text


@pytest.fixture
def states():
    torch.manual_seed(0)

    def one():
        return {f"layer.lora_{part}.default.weight": torch.randn(6, 2) if part == "B" else torch.randn(2, 6)
                for part in "AB"}  # fmt: skip

    first, third = one(), one()
    return first, first, third


def movement(state, product=True):
    a, b = (state[f"layer.lora_{part}.default.weight"] for part in "AB")
    return (b @ a if product else b).flatten()


def between(one, other):
    return float(torch.nn.functional.cosine_similarity(one, other, dim=0))


def test_movements_of_lora(states):
    first, second, third = map(movement, states)
    right = between(first, third - second)
    assert check.ex_07_5(right, *states)
    assert "less that of stage 2" in check.ex_07_5(between(first, third), *states).text
    assert "its end less its start" in check.ex_07_5(-right, *states).text
    b_first, b_second, b_third = (movement(state, product=False) for state in states)
    assert "B alone" in check.ex_07_5(between(b_first, b_third - b_second), *states).text
    assert "between -1 and 1" in check.ex_07_5(3.0, *states).text
    assert "hold no LoRA" in check.ex_07_5(0.0, {"a": first}, {}, {}).text
    assert "three models' weights" in check.ex_07_5(0.0, states[0], states[1], ...).text


def shares(rows):
    kinds = {kind for kind, _ in rows}
    return {kind: sum(right for own, right in rows if own == kind) / sum(own == kind for own, _ in rows)
            for kind in kinds}  # fmt: skip


def forgotten(before, after):
    old, new = shares(before), shares(after)
    return {kind: old[kind] - new[kind] for kind in old}


def test_forgetting():
    assert check.ex_07_4(forgotten)
    assert "sign is the other way" in check.ex_07_4(lambda before, after: forgotten(after, before)).text
    counted = check.ex_07_4(
        lambda before, after: {
            kind: value * sum(own == kind for own, _ in before) for kind, value in forgotten(before, after).items()
        }
    )
    assert "divide by the questions" in counted.text
    assert "is missing" in check.ex_07_4(lambda before, after: {"color": 0.0}).text
