"""The references' numbers."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import CheckpointError, ConfigError, DataError
from flamingo_lib.evaluation.parity import check_folder, fixture_model

DATA = Path(__file__).parent / "data"


def test_version_1():
    rows = check_folder(DATA / "openflamingo_v1")
    assert not [row for row in rows if not row.ok]
    found = {(row.variant, row.quantity) for row in rows}
    for variant in ("after_ln_post", "before_ln_post"):
        for quantity in ("vision_tokens", "perceiver_output", "logits", "loss", "grad.perceiver.latents"):
            assert (variant, quantity) in found
        for quantity in ("output_ids", "output_ids_no_cache", "output_ids (batch, cached)", "output_ids (batch, lean)"):
            assert (variant, f"gen1.{quantity}") in found


def test_version_2_through_the_command():
    result = CliRunner().invoke(app, ["parity", str(DATA / "openflamingo_v2")])
    assert result.exit_code == 0 and "123 of 123 inside the tolerances" in result.stdout
    assert all(" ok" in line for line in result.stdout.splitlines()[1:-1])


@pytest.fixture
def copied(tmp_path):
    return Path(shutil.copytree(DATA / "openflamingo_v1", tmp_path / "fixture", copy_function=shutil.copyfile))


def test_command_fails_where_a_number_is_off(copied):
    runner = CliRunner()
    expected = {
        name: value
        for name, value in load_file(copied / "expected.safetensors").items()
        if name.startswith("pre_ln_post")
    }
    expected["pre_ln_post.loss"] += 1e-3
    expected["pre_ln_post.gen0.output_ids"][0, -1] += 1
    save_file(expected, copied / "expected.safetensors")
    result = runner.invoke(app, ["parity", str(copied), "--json"])
    assert result.exit_code == 1
    values = json.loads(result.stdout)
    off = {(row["variant"], row["quantity"]) for row in values["rows"] if not row["ok"]}
    assert not values["ok"] and {("before_ln_post", "loss"), ("before_ln_post", "gen0.output_ids (batch, lean)")} < off
    assert all(quantity == "loss" or quantity.startswith("gen0.output_ids") for _, quantity in off)


@pytest.mark.parametrize(
    ("place", "key", "value"), [("gated_cross_attention", "attend_previous", True), ("vision", "quick_gelu", False)]
)
def test_wrong_semantics_are_noticed(copied, place, key, value):
    """The same weights under the other rule, and with the other GELU, give other logits."""
    config = json.loads((copied / "config.json").read_text())
    config[place][key] = value
    (copied / "config.json").write_text(json.dumps(config))
    model, inputs = fixture_model(copied), load_file(copied / "inputs.safetensors")
    logits = model(
        input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], pixel_values=inputs["vision_x"][:, :, 0]
    ).logits
    assert (logits - load_file(copied / "expected.safetensors")["logits"]).abs().max() > 1e-3


def test_fixtures_that_cannot_be_checked(copied):
    weights = load_file(copied / "weights.safetensors")
    save_file(weights | {"perceiver.something": torch.zeros(1)}, copied / "weights.safetensors")
    with pytest.raises(CheckpointError, match="unknown weight perceiver.something"):
        fixture_model(copied)
    save_file(
        {name: weight for name, weight in weights.items() if name != "perceiver.latents"},
        copied / "weights.safetensors",
    )
    with pytest.raises(CheckpointError, match="1 weights are missing, the first perceiver.latents"):
        fixture_model(copied)
    config = json.loads((copied / "config.json").read_text())
    config["perceiver"]["max_num_frames"] = 3
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="max_num_frames is 3"):
        check_folder(copied)
    del config["perceiver"]
    (copied / "config.json").write_text(json.dumps(config))
    with pytest.raises(ConfigError, match="perceiver"):
        check_folder(copied)
    (copied / "inputs.safetensors").unlink()
    with pytest.raises(DataError, match="missing"):
        check_folder(copied)
