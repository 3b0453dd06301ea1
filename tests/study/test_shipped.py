"""The study that is shipped: README shows what it found, and its reasons belong to claims that don't hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamingo_lib.evaluation.study_file import STUDY, read_study
from flamingo_lib.presets import load_preset
from flamingo_lib.study.models import study_models
from flamingo_lib.study.record import REASONS, read_reasons
from flamingo_lib.study.run import REPORTED, settings_of
from flamingo_lib.study.stored import read_archives

README = Path(__file__).parents[2] / "README.md"

SHOWN = {
    "understands.held_in": "stage 3 less the base at its best prompt: known pairs",
    "understands.held_out": "the same: unseen pairs",
    "understands.held_out_source": "the same: held-out sources",
    "stage2_pays.held_in": "stage 2 less stage 1: known pairs",
    "stage2_pays.reward": "the same: mean reward",
    "stage3_restores.reward": "stage 3 less stage 2: mean reward",
    "guess.existence": "stage 3 less always giving the commonest answer: is it there?",
    "tax.held_in": "raw annotations less rewrites: known pairs",
    "tax.reward": "the same: mean reward",
    "tax.polite": "the same: share of polite sentences",
    "text_only.false_addition": "the rewriter without its image less with it: false additions",
    "text_only.held_in": "stage 2 on the output of the one less of the other: known pairs",
    "no_stage1.held_out_source": "stage 2 without stage 1 less with it: held-out sources",
    "packing.best_fit.tokens": "full windows over single turns: supervised tokens in as many updates",
    "packing.best_fit.held_in": "full windows less single turns: known pairs",
    "filter.all.hallucinated": "all filters less none, equal size: answers with a false claim",
    "second_generation.reward": "the second rewriter less the first: mean reward of rewrites",
}
"""README's rows, by the claim's name."""


@pytest.fixture(scope="module")
def study():
    return read_study()


def signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.3f}".replace("0.", ".", 1)


def verdict(row: dict) -> str:
    return "holds" if row["holds"] else f"does not hold: {row['reason'].split(';')[0]}"


@pytest.mark.parametrize("name", SHOWN)
def test_readme_shows_what_it_found(study, name):
    row = next(row for row in study["claims"] if row["name"] == name)
    told = "{:.2f}".format if name.endswith("tokens") else signed  # a ratio, no difference
    line = f"{SHOWN[name]} | {signed(row['paper'])} | {told(row['ours'])} | "
    line += f"{told(row['low'])} to {told(row['high'])} | {verdict(row)}"
    assert f"| {line} |" in README.read_text("utf-8"), f"README.md: the row should be\n| {line} |"


def test_readme_counts_its_claims(study):
    measured = [row for row in study["claims"] if row["holds"] is not None]
    every = [row for row in measured if row["seeds"] == study["seeds"]]
    told = (
        f"{sum(row['holds'] for row in measured)} of {len(measured)} claims hold, "
        f"{sum(row['holds'] for row in every)} of the {len(every)} measured on every seed"
    )
    readme = " ".join(README.read_text("utf-8").split())
    assert told in readme, told
    failed = [row for row in measured if not row["holds"]]
    undecided = sum(row["reason"].startswith(("the interval includes", "the interval reaches")) for row in failed)
    told = f"Of the others {len(failed) - undecided} are contradicted; the intervals of {undecided} lie on both sides"
    assert told in readme, told


def test_it_was_made_with_the_preset_as_it_stands_of_the_predictions_beside_it(study):
    assert study["preset"] == "tiny" and study["settings"] == []
    preset = load_preset("tiny")
    shipped = read_archives(STUDY, REPORTED, settings_of(preset))
    core = {name for name, model in study_models(preset).items() if model.core}
    assert shipped and all(core <= set(archive.predictions) for archive in shipped.values())
    assert [*shipped] == study["seeds"]
    for seed, archive in shipped.items():
        assert archive.settings == settings_of(preset)
        assert {model for model, by_seed in study["models"].items() if str(seed) in by_seed} == set(archive.predictions)


def test_reasons_are_given_for_claims_that_do_not_hold(study):
    reasons = read_reasons(STUDY)
    failed = {row["name"] for row in study["claims"] if row["holds"] is False}
    assert reasons and reasons.keys() <= failed, f"{REASONS} explains claims that hold, or that there are not"
    for row in study["claims"]:
        if row["name"] in reasons:
            assert row["reason"].endswith(reasons[row["name"]])
