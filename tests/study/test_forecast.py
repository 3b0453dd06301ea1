"""The forecast: the table, then what was measured."""

from __future__ import annotations

import pytest

from flamingo_lib.presets import load_preset
from flamingo_lib.study.forecast import TRUST, expected, table_seconds, training_seconds
from flamingo_lib.study.models import study_preset, study_steps

PRESET = study_preset(load_preset("tiny"))


def test_every_step_of_the_tiny_study_has_a_time():
    assert all(table_seconds(step.name, PRESET) for step in study_steps(PRESET))


def test_longer_names_win_and_unknown_steps_have_none():
    assert table_seconds("predict_base", PRESET) > table_seconds("predict_stage1", PRESET)
    assert table_seconds("cooking", PRESET) is None


def test_training_time_follows_updates_batches_and_parts():
    stage = PRESET.stages["stage2"]
    one = training_seconds(stage)
    assert training_seconds(stage.model_copy(update={"max_steps": 2 * stage.max_steps})) == pytest.approx(2 * one)
    assert training_seconds(stage.model_copy(update={"batch_size": 32})) == pytest.approx(2 * one)
    assert training_seconds(stage.model_copy(update={"packing": "none"})) < one
    lora, vit = (training_seconds(PRESET.stages[name]) for name in ("unfrozen_lora", "unfrozen_vit"))
    assert vit > lora > training_seconds(PRESET.stages["stage2_short"]) == pytest.approx(one / 3)
    assert training_seconds(stage.model_copy(update={"max_steps": None})) is None


def test_measured_steps_stand_for_themselves_in_other_seeds():
    found = expected([(1, "stage1"), (2, "stage1")], PRESET, {(0, "stage1"): 100.0})
    assert found.seconds == 200.0


def test_a_slow_machine_scales_the_table_as_far_as_it_was_measured():
    stage1, stage2 = table_seconds("stage1", PRESET), table_seconds("stage2", PRESET)
    found = expected([(0, "stage2")], PRESET, {(0, "stage1"): 3 * stage1})
    assert found.seconds == pytest.approx(stage2 * (3 * stage1 + TRUST) / (stage1 + TRUST))
    assert expected([(0, "stage2")], PRESET, {}).seconds == pytest.approx(stage2)


def test_two_processes_halve_it():
    found = expected([(0, "stage1"), (0, "data")], PRESET, {})
    assert found.shared_by(2).seconds == found.seconds / 2 and found.shared_by(2).unknown == found.unknown == ("data",)


def test_what_cannot_be_told_is_said():
    found = expected([(0, "cooking"), (1, "cooking"), (0, "scenes")], PRESET, {})
    assert found.unknown == ("cooking",)
    assert str(found).startswith("more than") and "cooking" in str(found)
