"""The paper's rows, cell by cell, and the ablations, which differ from stage 2 in one cell each."""

import tomllib
from pathlib import Path
from typing import get_args

import pytest

from flamingo_lib.config import Part
from flamingo_lib.model.trainable import GROUPS, PARTS
from flamingo_lib.presets import NAMES, load_preset
from flamingo_lib.training.stages import stage_order

LORA, CONNECTOR = ("lora",), ("resampler", "cross_attention")

TABLE4 = {
    "rewriter": (LORA, 3, 1e-4, 256, 1024, None),
    "stage1": (LORA, 1, 1e-4, 256, 1024, 10),
    "stage2": (CONNECTOR, 3, 1e-4, 1024, 196, 3),
    "stage3": (LORA, 1, 1e-5, 256, 1024, 10),
}
"""Tunes, epochs, learning rate, batch, context, maximal images, as printed."""


@pytest.mark.parametrize("name", TABLE4)
def test_paper_rows_are_verbatim(name):
    preset = load_preset("paper")
    row = preset.rewriter if name == "rewriter" else preset.stages[name]
    cells = (row.tunes, row.epochs, row.learning_rate, row.batch_size, row.context_length, row.max_images)
    assert cells[: 6 if TABLE4[name][-1] else 5] == TABLE4[name][: 6 if TABLE4[name][-1] else 5]
    assert row.max_steps is None and row.batch_size % (8 * row.micro_batch_size) == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_ablation_changes_one_cell(name):
    preset = load_preset(name)
    stage2 = preset.stages["stage2"].model_dump()
    rows = preset.ablations | {"raw": preset.stages["raw"]}
    assert set(rows) == {"raw", "no_stage1", "unfrozen_lora", "unfrozen_vit", "twice_epochs", "low_resolution"}
    for row in rows.values():
        assert sum(row.model_dump()[key] != value for key, value in stage2.items()) == 1


@pytest.mark.parametrize("name", NAMES)
def test_the_stages_of_a_preset_can_be_run_in_order(name):
    preset = load_preset(name)
    order = stage_order(preset.stages | preset.ablations)
    assert order.index("stage1") < order.index("stage2") < order.index("stage3")


def test_the_paper_comes_with_a_config_for_eight_gpus():
    from accelerate.commands.config.config_args import load_config_from_file

    from flamingo_lib.model import decoder_layer
    from flamingo_lib.training.trainer import LAYER_CLASS

    file = Path(load_preset.__globals__["__file__"]).parent / "paper_fsdp.yaml"
    config = load_config_from_file(str(file))
    stages = load_preset("paper").stages.values()
    assert config.num_processes == 8 and config.mixed_precision == "bf16" and config.distributed_type == "FSDP"
    assert (
        config.fsdp_config["fsdp_transformer_layer_cls_to_wrap"] == LAYER_CLASS == decoder_layer.FlamingoLayer.__name__
    )
    assert all(stage.batch_size % (config.num_processes * stage.micro_batch_size) == 0 for stage in stages)


def test_what_is_not_code_is_packaged_too():
    root = Path(load_preset.__globals__["__file__"]).parents[2]
    patterns = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    packaged = {
        file
        for package, globs in patterns.items()
        for glob in globs
        for file in (root / package.replace(".", "/")).glob(glob)
    }
    others = {
        path for path in (root / "flamingo_lib").rglob("*") if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert packaged == others >= {root / "flamingo_lib" / "py.typed", root / "flamingo_lib/presets/paper_fsdp.yaml"}


def test_a_stage_may_tune_exactly_the_parts_of_a_model():
    assert set(get_args(Part)) == {*PARTS, *GROUPS}
