import json

from PIL import Image
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import FlamingoError

FEW = [
    part
    for name in ("polite", "raw", "calibration", "evaluation", "held_out")
    for part in ("--set", f"scenes.{name}_scenes=3")
] + [
    "--set",
    "scenes.text_dialogues=4",
    "--set",
    "scenes.image_size=80",
]


def test_scenes_are_written_counted_and_drawn(tmp_path):
    result = CliRunner().invoke(
        app, ["scenes", "--out", str(tmp_path / "a"), "--seed", "5", "--sheet", str(tmp_path / "a.png"), "--json", *FEW]
    )
    assert result.exit_code == 0, result.output
    manifest = json.loads(result.stdout)
    assert manifest["seed"] == 5 and manifest["pools"]["raw"] == 3
    assert manifest == json.loads((tmp_path / "a" / "manifest.json").read_text())
    assert Image.open(tmp_path / "a.png").width > 500
    again = CliRunner().invoke(app, ["scenes", "--out", str(tmp_path / "a"), *FEW])
    assert again.exit_code == 0 and "mscoco-captions" in again.stdout


def test_a_folder_with_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    result = CliRunner().invoke(app, ["scenes", "--out", str(tmp_path), *FEW])
    assert isinstance(result.exception, FlamingoError) and "something else" in str(result.exception)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_a_wrong_setting_is_refused(tmp_path):
    result = CliRunner().invoke(app, ["scenes", "--out", str(tmp_path / "a"), "--set", "scenes.raw_scenes=0"])
    assert isinstance(result.exception, FlamingoError)
    assert not (tmp_path / "a").exists()
