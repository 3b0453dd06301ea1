"""The cost viewer: it shows what the planner says, and why something can't be planned."""

from __future__ import annotations

import pytest

from flamingo_lib.presets import load_preset
from flamingo_lib.training.resource_plan import known_config, plan_stage
from flamingo_lib.widgets.cost import CostViewer, cost_view

PAPER = load_preset("paper")
STAGE = PAPER.stages["stage2"]


@pytest.fixture(scope="module")
def config():
    return known_config("openflamingo-9b")


def test_a_plan_in_bars_and_words(config):
    shown = cost_view("stage2", STAGE, PAPER.model, gpus=8, memory=40, price=2, config=config)
    plan = plan_stage("stage2", STAGE, PAPER.model, gpus=8, memory=40, config=config)
    spent = 8 * (plan.hours + plan.feature_hours)
    assert "✓ fits" in shown and f"{plan.total:.1f} of 40 GB" in shown
    assert f"{spent:,.0f} GPU-hours" in shown and f"{2 * spent:,.0f} at 2 a GPU-hour" in shown


def test_what_does_not_fit_says_by_how_much(config):
    shown = cost_view("stage2", STAGE, PAPER.model, gpus=1, memory=16, price=1, config=config)
    plan = plan_stage("stage2", STAGE, PAPER.model, gpus=1, memory=16, config=config)
    assert not plan.fits and f"{plan.total - 16:.1f} GB too much" in shown and "computed twice" in shown


def test_controls_plan_again_and_a_stage_brings_its_own_values(config):
    viewer = CostViewer({"stage2": STAGE, "stage1": PAPER.stages["stage1"]}, PAPER.model, config=config)
    assert "stage2: " in viewer.view.value
    viewer.gpus.value = 1
    assert "34.3 of 40 GB" in viewer.view.value
    viewer.stage.value = "stage1"
    assert (viewer.batch.value, viewer.context.value) == (256, 1024) and "stage1: " in viewer.view.value
    before = viewer.view.value
    viewer.context.value = 4096
    assert viewer.view.value != before and "computed twice" in viewer.view.value
    before = viewer.view.value
    viewer.price.value = 9
    assert viewer.view.value != before and "at 9 a GPU-hour" in viewer.view.value


def test_what_cannot_be_planned_says_why(config):
    stage = STAGE.model_copy(update={"samples": None, "max_steps": None})
    assert "not known" in CostViewer({"stage": stage}, PAPER.model, config=config).view.value
