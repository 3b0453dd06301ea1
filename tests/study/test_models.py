"""The study's models and steps: what each differs in, and that the pipeline's own keep their keys."""

from __future__ import annotations

import pytest

from flamingo_lib.errors import ConfigError
from flamingo_lib.pipeline.run_folder import Workspace
from flamingo_lib.pipeline.step import settings
from flamingo_lib.presets import load_preset
from flamingo_lib.study.claim_table import all_claims
from flamingo_lib.study.models import (
    compared_filters,
    filter_variants,
    needed_steps,
    study_models,
    study_preset,
    study_steps,
)

PRESET = load_preset("tiny", seed=10)
STUDY = study_preset(PRESET)
STEPS = {step.name: step for step in study_steps(STUDY)}


def test_every_model_has_a_step_and_every_claim_its_models():
    models = study_models(PRESET)
    assert all(model.step in STEPS for model in models.values())
    claims = all_claims(compared_filters(PRESET))
    assert {name for claim in claims for name in claim.models} <= set(models)


def test_variants_differ_in_one_cell_from_a_stage_2_of_a_third_of_the_updates():
    full, short = STUDY.stages["stage2"], STUDY.stages["stage2_short"]
    assert short == full.model_copy(update={"max_steps": full.max_steps // 3})

    def changed(name, other=short):
        return {key for key, value in STUDY.stages[name] if value != getattr(other, key)}

    assert changed("packing_none") == changed("packing_random") == {"packing"}
    assert changed("text_only") == set() and STUDY.stages["no_filter"] == STUDY.stages["second_generation"] == full
    assert all(changed(f"filter_{name}") == set() for name in filter_variants(PRESET))
    assert changed("no_stage1") == {"start"} and changed("low_resolution") == {"image_size"}
    assert changed("unfrozen_lora") == changed("unfrozen_vit") == {"tunes"}
    assert changed("twice_epochs") == {"max_steps"} and STUDY.stages["twice_epochs"].max_steps == 2 * short.max_steps
    assert STUDY.stages["rewriter_second_generation"] == PRESET.rewriter.model_copy(update={"start": "stage3"})


def test_a_comparison_has_all_its_models_on_the_same_seeds_or_one_on_a_single_seed():
    models = study_models(PRESET)
    for claim in all_claims(compared_filters(PRESET)):
        seeds = {models[name].seeds for name in claim.models} - {None}
        assert seeds in (set(), {3}, {1, 3}), claim.name


def test_steps_of_the_pipeline_are_found_in_a_pipelines_run(tmp_path):
    pipeline = Workspace(tmp_path / "pipeline", PRESET)
    study = Workspace(tmp_path / "study", STUDY, steps=STEPS.values())
    shared = ("scenes", "sources", "distort", "rewriter", "rewrite", "filter", "stage1", "stage2", "stage3", "raw")
    assert all(pipeline.key(name) == study.key(name) for name in shared)


def test_variants_of_data_are_read_by_their_models():
    assert STEPS["text_only"].inputs[1] == "filter_text_only"
    assert STEPS["no_filter"].inputs[1] == "filter_off"
    assert {"filter_sets", "filter_none"} <= set(STEPS["filter_sts"].inputs)
    assert "filter_none" not in STEPS["filter_none"].inputs
    assert "rewriter_second_generation" in STEPS["rewrite_second_generation"].inputs
    assert "filter" not in {*STEPS["text_only"].inputs, *STEPS["second_generation"].inputs}


def test_needed_steps_are_closed_and_in_order():
    needed = needed_steps(STEPS.values(), ["predict_stage1"])
    assert needed == [
        *("scenes", "sources", "distort", "rewriter", "rewrite", "filter", "stage1", "predict_stage1"),
    ]


def test_filters_are_compared_one_by_one_and_the_rules_together():
    variants = filter_variants(PRESET)
    chain = PRESET.filters.chain
    assert variants["none"] == () and variants["all"] == chain
    assert {name for names in list(variants.values())[1:-1] for name in names} == set(chain)
    assert compared_filters(PRESET)[0] == "all" and "none" not in compared_filters(PRESET)


def test_declared_settings_exist():
    for step in STEPS.values():
        for path in step.config:
            assert settings(STUDY, path) is not None or path in ("sources.root", "rewriting.limit_per_source"), path


@pytest.mark.parametrize(
    ("change", "message"),
    [({"stages": {}}, "lacks stage1, stage2, stage3, raw"), ({"ablations": {}}, "has no ablations")],
)
def test_a_preset_without_the_stages_is_refused(change, message):
    preset = PRESET.model_copy(update=change)
    with pytest.raises(ConfigError, match=message):
        study_models(preset) if "ablations" in change else study_preset(preset)


@pytest.mark.parametrize("name", ["small", "paper"])
def test_other_presets_have_a_study_too(name):
    preset = load_preset(name)
    assert {model.step for model in study_models(preset).values()} <= {
        step.name for step in study_steps(study_preset(preset))
    }
