"""The parity command on fixtures of other shapes and layouts, made by a slow reference."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.evaluation.parity import check_folder
from tests.evaluation.reference import Recipe, write_fixture

RECIPES = {
    "every layer gated, one of everything": Recipe(layers=1, every=1, depth=1, heads=1, latents=1),
    "v1, every layer gated": Recipe("v1", every=1, layers=2, quick_gelu=True),
    "every third": Recipe(every=3, layers=7, width=48, vision_width=36, ff_mult=2),
    "v1, every fourth, tied": Recipe("v1", every=4, layers=4, tied=True, dim_head=12),
    "rows without an image": Recipe(rows=["Btttttt", "BIttttttE", "Btt"], generation_rows=["Bttt", "BIttt"]),
    "v1, rows without an image": Recipe(
        "v1", rows=["Btttttt", "BIttttttE", "BttIt"], generation_rows=["Bttt", "BIttt", "BtttI"]
    ),
    "no image at all": Recipe(rows=["Btttttt", "Btt"], generation_rows=["Bttt", "Bt"]),
    "consecutive images": Recipe(rows=["BIIIttE", "BtIItIE"], generation_rows=["BIItt", "BtIIIEt"]),
    "v1, consecutive images": Recipe(
        "v1", rows=["BIIIttE", "BtIItIE", "IItttI"], generation_rows=["BIItt", "BtIIIEt", "BttII"]
    ),
    "left padding": Recipe(rows=["BtIttE", "BIttIttttE"], left_padded=True),
    "v1, left padding": Recipe("v1", rows=["BtIttE", "BIttIttttE", "Bttt"], left_padded=True),
    "spare slots, several frames": Recipe(frames=2, spare_slots=2, image_size=32, patch_size=16),
    "one long row": Recipe(
        "v1", rows=["BIttttttttttttttttttttttIttttttttttttttttttttttE"], generation_rows=["BIt"], seed=3
    ),
}


@pytest.mark.parametrize("name", RECIPES)
def test_unseen_fixtures(name, tmp_path):
    rows = check_folder(write_fixture(tmp_path / "fixture", RECIPES[name]))
    assert not [row for row in rows if not row.ok]
    assert {row.variant for row in rows} == {"after_ln_post", "before_ln_post"}
    assert sum(row.quantity.endswith("(batch, lean)") for row in rows) == 2 * len(RECIPES[name].generation_rows)


def test_a_spacing_wider_than_the_model_is_deep(tmp_path):
    with pytest.raises(ConfigError, match="no gated layer: every 3 of 2 layers"):
        check_folder(write_fixture(tmp_path / "fixture", Recipe(layers=2, every=3)))


def test_the_reference_notices(tmp_path):
    """The other version's fixture fails: the generator tells the two apart."""
    folder = write_fixture(tmp_path / "fixture", Recipe("v1"))
    config = json.loads((folder / "config.json").read_text())
    del config["gated_cross_attention"]["attend_previous"]
    (folder / "config.json").write_text(json.dumps(config))
    assert not all(row.ok for row in check_folder(folder))


def test_whatever_a_fixture_leaves_out_is_not_compared(tmp_path):
    folder = write_fixture(tmp_path / "fixture", Recipe())
    inputs, expected = (load_file(folder / f"{name}.safetensors") for name in ("inputs", "expected"))
    save_file(
        {name: value for name, value in inputs.items() if name not in ("labels", "attention_mask")},
        folder / "inputs.safetensors",
    )
    kept = {"logits": expected["logits"], "gen0.output_ids": expected["gen0.output_ids"]}
    kept["gen0.output_ids_no_cache"] = expected["gen0.output_ids"].clone()
    save_file(kept, folder / "expected.safetensors")
    rows = check_folder(folder)
    assert {row.quantity for row in rows if row.quantity.startswith("gen1")} == set()
    assert rows[0].quantity == "logits" and len(rows) == 6
    save_file(
        {name: value for name, value in inputs.items() if not name.startswith("gen")}, folder / "inputs.safetensors"
    )
    with pytest.raises(DataError, match=r"gen0.input_ids.*missing"):
        check_folder(folder)
    save_file({"loss": expected["loss"]}, folder / "expected.safetensors")
    save_file({name: value for name, value in inputs.items() if name != "labels"}, folder / "inputs.safetensors")
    with pytest.raises(DataError, match="labels"):
        check_folder(folder)
    save_file({"grad.perceiver.nothing": torch.zeros(1)}, folder / "expected.safetensors")
    save_file(inputs, folder / "inputs.safetensors")
    with pytest.raises(DataError, match="perceiver.nothing"):
        check_folder(folder)


def test_command_names_a_damaged_file(tmp_path):
    folder = write_fixture(tmp_path / "fixture", Recipe())
    (folder / "weights.safetensors").write_bytes(b"nothing of the kind")
    result = CliRunner().invoke(app, ["parity", str(folder)])
    assert result.exit_code != 0 and isinstance(result.exception, DataError)
