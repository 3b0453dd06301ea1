"""Settings: bounds, unknown keys, values that are no numbers, and the way through files."""

import json
import math
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from flamingo_lib import config
from flamingo_lib.config import FiltersConfig, Frozen, Preset, SourcesConfig, StageConfig, parse_preset
from flamingo_lib.errors import ConfigError
from flamingo_lib.presets import NAMES, load_preset

TINY = load_preset("tiny")
CONFIGS = [kind for kind in vars(config).values() if isinstance(kind, type) and issubclass(kind, Frozen)]

SECTIONS = {name: value for name, value in TINY if isinstance(value, Frozen)} | {"stages.stage1": TINY.stages["stage1"]}
NUMBERS = {
    f"{section}.{name}": field.annotation
    for section, value in SECTIONS.items()
    for name, field in type(value).model_fields.items()
    if field.annotation in (int, float, int | None, float | None)
}
"""Every setting that is a number, by its key, and its type."""

MAY_BE_NEGATIVE = {"filters.sts_min", "filters.nli_margin_max", "filters.clip_score_min"}
CLAIMS = {f"filters.claims_{name}" for name in ("support_min", "contradiction_max", "unstated_max", "similarity_max")}
MAY_BE_ZERO = MAY_BE_NEGATIVE | {
    *CLAIMS,
    "scenes.text_dialogues",
    "pretrain.grounding_text_share",
    "pretrain.text_share",
    "pretrain.resampler_rate",
    "pretrain.attention_weight",
    "distortion.llm_visual",
    "distortion.llm_text",
    "distortion.noise",
    "distortion.retrieval",
    "distortion.style_probability",
    "distortion.backend_temperature",
    "distortion.image_dropped",
    "distortion.image_mismatched",
    "rewriting.temperature",
    "filters.min_words",
    "filters.max_rouge",
    "filters.max_failed",
    "evaluation.captions",
    "evaluation.texts",
    *(
        f"{stage}.{name}"
        for stage in ("rewriter", "stages.stage1")
        for name in ("max_images", "warmup_steps", "weight_decay")
    ),
}
AT_MOST_ONE = {
    *CLAIMS,
    "pretrain.grounding_text_share",
    "pretrain.text_share",
    "distortion.style_probability",
    "distortion.image_dropped",
    "distortion.image_mismatched",
    "filters.max_rouge",
    "filters.sts_min",
    "filters.max_failed",
}


def test_every_config_is_under_test():
    assert {type(value) for value in SECTIONS.values()} | {Frozen, Preset} == set(CONFIGS)
    assert NUMBERS.keys() >= MAY_BE_ZERO | AT_MOST_ONE


@pytest.mark.parametrize("key", sorted(NUMBERS.keys() - MAY_BE_NEGATIVE))
def test_numbers_are_not_negative(key):
    with pytest.raises(ConfigError, match=rf"setting '{key}': .*\(got -1\)"):
        TINY.override(f"{key}=-1")


@pytest.mark.parametrize("key", sorted(NUMBERS))
def test_zero_is_allowed_where_it_means_something(key):
    if key in MAY_BE_ZERO:
        assert TINY.override(f"{key}=0")
    else:
        with pytest.raises(ConfigError, match=rf"setting '{key}': .*\(got 0\)"):
            TINY.override(f"{key}=0")


@pytest.mark.parametrize("key", sorted(AT_MOST_ONE))
def test_shares_are_at_most_one(key):
    assert TINY.override(f"{key}=1")
    with pytest.raises(ConfigError, match=rf"setting '{key}': .*\(got 1.001\)"):
        TINY.override(f"{key}=1.001")


@pytest.mark.parametrize("key", sorted(key for key, kind in NUMBERS.items() if kind in (int, int | None)))
def test_counts_are_whole(key):
    with pytest.raises(ConfigError, match=rf"setting '{key}': .*\(got 400.5\)"):
        TINY.override(f"{key}=400.5")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("key", sorted(key for key, kind in NUMBERS.items() if kind in (float, float | None)))
def test_numbers_are_finite(key, value):
    with pytest.raises(ConfigError, match=rf"setting '{key}': .*\(got -?(nan|inf)\)"):
        TINY.override(f"{key}={value}")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "nan"])
@pytest.mark.parametrize(
    "setting",
    [
        "stages.stage1.betas=[0.9, {}]",
        "filters.sts_min_by_task.caption={}",
        'filters.clip_score_min_by_task={{"region": {}}}',
        'distortion.backend_options={{"top_p": {}}}',
        "seed={}",
        "rewriting.limit_per_source={}",
    ],
)
def test_numbers_inside_settings_are_finite_too(setting, value):
    if value == "nan" and "backend_options" in setting:
        value = "NaN"
    with pytest.raises(ConfigError, match=r"setting|no setting"):
        TINY.override(setting.format(value))


@pytest.mark.parametrize("betas", [[1, 0.9], [0.9, 1.0], [-0.1, 0.9], [0.9], [0.9, 0.9, 0.9], 0.9])
def test_betas_are_two_numbers_from_0_to_below_1(betas):
    with pytest.raises(ValidationError, match="betas"):
        StageConfig(betas=betas)
    assert StageConfig(betas=(0, 0.999999)).betas == (0, 0.999999)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"sts_min": 1.01}, "sts_min"),
        ({"sts_min": -1.01}, "sts_min"),
        ({"sts_min_by_task": {"caption": 40}}, "sts_min_by_task.caption"),
        ({"clip_score_min": 101}, "clip_score_min"),
        ({"clip_score_min_by_task": {"region": -101}}, "clip_score_min_by_task.region"),
        ({"min_words": 9, "max_words": 8}, r"min_words \(9\) is above max_words \(8\)"),
    ],
)
def test_thresholds_outside_what_judges_can_say(values, message):
    with pytest.raises(ValidationError, match=message):
        FiltersConfig(**values)


@pytest.mark.parametrize(
    ("setting", "name"),
    [
        ('sources.raw=["vqa-v2", "gqa", "vqa-v2"]', "vqa-v2"),
        ('sources.polite=["ultrachat", "ultrachat"]', "ultrachat"),
        ('sources.captions=["mscoco-captions", "mscoco-captions"]', "mscoco-captions"),
        ('stages.stage1.tunes=["lora", "lora"]', "lora"),
        ('filters.chain=["length", "sts", "length"]', "length"),
    ],
)
def test_nothing_is_given_twice(setting, name):
    key = setting.partition("=")[0]
    with pytest.raises(ConfigError, match=rf"setting '{key}': '{name}' is given twice"):
        TINY.override(setting)


def test_one_dataset_may_serve_two_purposes():
    assert SourcesConfig(polite=("llava-instruct",), captions=("llava-instruct",))


@pytest.mark.parametrize("batch", [{"batch_size": 12, "micro_batch_size": 8}, {"batch_size": 17}])
def test_batch_is_whole_micro_batches(batch):
    with pytest.raises(ValidationError, match="is no multiple of a micro_batch_size"):
        StageConfig(**batch)
    assert StageConfig(batch_size=4, micro_batch_size=8) and StageConfig(batch_size=24, micro_batch_size=8)


@pytest.mark.parametrize("kind", [kind for kind in CONFIGS if kind is not Frozen])
def test_unknown_keys_and_changes_are_refused(kind):
    needed = {"name": "x"} if kind is Preset else {}
    with pytest.raises(ValidationError, match="speed"):
        kind(**needed, speed=1)
    made = kind(**needed)
    with pytest.raises(ValidationError, match="frozen"):
        setattr(made, next(iter(kind.model_fields)), 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "x", "model": {"sped": 1}}, r"setting 'model\.sped': Extra inputs are not permitted \(got 1\)"),
        ({}, "setting 'name': Field required"),
        ({"name": "x", "stages": {"stage1": {"epochs": 0}}}, r"setting 'stages\.stage1\.epochs'.*\(got 0\)"),
        ({"name": "x", "model": 5}, r"setting 'model'.*\(got 5\)"),
        (None, r"the preset: .*\(got None\)"),
        (["tiny"], "the preset: "),
    ],
)
def test_preset_that_cannot_be_read_names_the_setting(values, message):
    with pytest.raises(ConfigError, match=message):
        parse_preset(values)


def through_json(values: Any) -> Any:
    return json.loads(json.dumps(values, allow_nan=False))


def through_yaml(values: Any) -> Any:
    return yaml.safe_load(yaml.safe_dump(values))


@pytest.mark.parametrize("through", [through_json, through_yaml])
@pytest.mark.parametrize("name", NAMES)
def test_round_trip_through_files(name, through):
    preset = load_preset(name)
    assert parse_preset(through(preset.model_dump(mode="json"))) == preset
    assert Preset.model_validate_json(preset.model_dump_json()) == preset


def test_number_as_yaml_reads_it_without_a_point():
    assert yaml.safe_load("learning_rate: 1e-4") == {"learning_rate": "1e-4"}
    assert StageConfig(learning_rate="1e-4").learning_rate == 1e-4


@pytest.mark.parametrize(
    ("assignment", "read"),
    [
        ("seed=7", lambda preset: preset.seed == 7),
        (" rewriting.temperature =0.5", lambda preset: preset.rewriting.temperature == 0.5),
        ("model.base=/a=b/c", lambda preset: preset.model.base == "/a=b/c"),
        ('model.base="12"', lambda preset: preset.model.base == "12"),
        ("distortion.backend_url=null", lambda preset: preset.distortion.backend_url is None),
        ("stages.stage1.max_steps=3", lambda preset: preset.stages["stage1"].max_steps == 3),
    ],
)
def test_override(assignment, read):
    before = TINY.model_dump()
    assert read(TINY.override(assignment)) and TINY.model_dump() == before


@pytest.mark.parametrize(
    "assignment",
    ["", "=", "seed", "sed=1", "model.sped=1", "seed.deep=1", "stages.stage9.epochs=1", "model.=1", ".seed=1", "é=1"],
)
def test_override_of_a_setting_that_there_is_not(assignment):
    with pytest.raises(ConfigError, match=r"no setting .* in preset 'tiny'\. Give key=value .*flamingo presets show"):
        TINY.override(assignment)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 100_000, "{", "two", "1.5", "true-ish"])
def test_override_with_a_value_that_is_no_number(value):
    with pytest.raises(ConfigError, match="setting 'rewriting.batch_size'"):
        TINY.override(f"rewriting.batch_size={value}")


def test_every_number_of_every_preset_is_finite():
    def check(value):
        if isinstance(value, dict):
            list(map(check, value.values()))
        elif isinstance(value, (list, tuple)):
            list(map(check, value))
        elif isinstance(value, float):
            assert math.isfinite(value)

    for name in NAMES:
        check(load_preset(name).model_dump())
