"""What a run on datasets and weights of one's own needs: all of it found, or all that is missing named before work."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import CheckpointError, ConfigError, MissingAsset
from flamingo_lib.pipeline.dry_run import disk_gigabytes
from flamingo_lib.pipeline.requirements import check_sources, check_weights_of, require_all, with_weights
from flamingo_lib.pipeline.steps import build_steps
from flamingo_lib.presets import load_preset
from flamingo_lib.sources.mixture import RAW_NAMES
from flamingo_lib.training.resource_plan import known_config

SAMPLES = Path(__file__).parents[2] / "data_samples" / "sources"


def paper(root, weights=None, *settings):
    preset = load_preset("paper", [f"sources.root={root}", *settings])
    return preset if weights is None else with_weights(preset, weights)


def steps_of(preset):
    return [step.name for step in build_steps(preset)]


@pytest.fixture
def root(tmp_path):
    """The samples as somebody's folder of datasets."""
    return shutil.copytree(SAMPLES, tmp_path / "data", ignore=shutil.ignore_patterns("_make", "*.py", "pf-1m"))


@pytest.fixture
def weights(released_weights, tmp_path):
    return shutil.copytree(released_weights, tmp_path / "weights")


def test_every_dataset_of_the_paper_is_found_and_counted(released_weights):
    preset = paper(SAMPLES, released_weights)
    states = {state.name: state for state in check_sources(preset, steps_of(preset), count=True)}
    assert all(state.ok and state.samples > 0 and state.homepage for state in states.values())
    assert set(RAW_NAMES) <= {name for name, state in states.items() if "raw" in state.role and state.adopted}
    assert states["mscoco-captions"].role == "raw, captions, evaluation" and states["ok-vqa"].role == "evaluation"
    assert states["gqa"].samples == 2 and states["gqa"].adopted == 223_244
    weights = check_weights_of(preset, steps_of(preset))
    assert all(state.ok and state.gigabytes > 0 and state.homepage for state in weights)
    assert {state.name: state.role for state in weights}["ViT-L-14-336/openai"] == "base, clip judge"
    require_all(preset, steps_of(preset))


def test_weights_stand_in_the_settings_of_the_run(released_weights):
    preset = paper(SAMPLES, released_weights)
    assert preset.model.weights == str(released_weights)
    assert {Path(preset.judges.sts).name, Path(preset.judges.nli).name} == {"all-mpnet-base-v2", "nli-deberta-v3-base"}
    assert Path(preset.distortion.backend_model) == released_weights / "guanaco-33b-merged"
    empty = with_weights(load_preset("paper"), SAMPLES)
    assert empty.judges == load_preset("paper").judges  # what is not there keeps its name


def test_all_that_is_missing_is_named_at_once(root, weights):
    shutil.rmtree(root / "vqa-v2")
    shutil.rmtree(root / "gqa" / "images")
    (root / "clevr" / "CLEVR_v1.0" / "questions" / "CLEVR_train_questions.json").unlink()
    for file in (root / "textcaps").glob("*_val.json"):
        file.unlink()
    shutil.rmtree(weights / "guanaco-7b")
    (weights / "nli-deberta-v3-base" / "model.safetensors").write_text("<html>not found</html>")
    preset = paper(root, weights)
    with pytest.raises(MissingAsset) as error:
        require_all(preset, steps_of(preset))
    text = str(error.value)
    assert "4 of 50 datasets" in text and "2 of 8 weights" in text and "--dry-run" in text
    for told in ("textcaps (textcaps has no part to examine on", "vqa-v2 (missing)", "gqa (", "image is missing"):
        assert told in text
    assert "clevr (" in text and "guanaco-7b (missing)" in text and "it is a web page (HTML)" in text


def test_only_what_the_steps_need_is_asked_for(root, tmp_path):
    shutil.rmtree(root / "ok-vqa")
    preset = paper(root)
    states = check_sources(preset, ("scenes", "sources"))
    assert all(state.ok for state in states) and not check_weights_of(preset, ("scenes", "sources"))
    assert [state.name for state in check_weights_of(preset, ("distort",))] == ["timdettmers/guanaco-33b-merged"]
    assert [state.name for state in check_sources(preset, ("sources", "examine_base")) if not state.ok] == ["ok-vqa"]


def test_weights_that_were_not_trained_for_each_other(weights):
    shutil.rmtree(weights / "llama-7b")
    shutil.copytree(weights / "guanaco-33b-merged", weights / "llama-7b")
    preset = paper(SAMPLES, weights)
    with pytest.raises(CheckpointError, match="for a language model of width 32, and llama-7b is 48 wide"):
        require_all(preset, steps_of(preset))


def test_the_clip_judge_needs_its_tokenizer(weights):
    (weights / "vit_large_patch14_clip_336.openai" / "tokenizer.json").unlink()
    preset = paper(SAMPLES, weights)
    (bad,) = [state for state in check_weights_of(preset, steps_of(preset)) if not state.ok]
    assert "judge" in bad.role and "tokenizer.json is missing" in bad.note


def test_disk_is_planned_from_the_models_sizes():
    preset = load_preset("paper")
    stages = {"rewriter": preset.rewriter, **preset.stages}
    disk = disk_gigabytes(preset, known_config("openflamingo-9b"), stages, gpus=1)
    shared = disk_gigabytes(preset, known_config("openflamingo-9b"), stages, gpus=8)
    assert disk["base"] == shared["base"] and disk["base"] < disk["model of stage1"] < shared["model of stage1"]
    latents = next(size for name, size in disk.items() if "latents" in name)
    assert latents == pytest.approx(772_000 * 64 * 1024 * 4 / 2**30)


def invoke(*arguments):
    return CliRunner().invoke(app, ["pipeline", "--preset", "paper", *map(str, arguments)])


def test_a_dry_run_says_what_is_there_and_writes_nothing(root, released_weights, tmp_path):
    shutil.rmtree(root / "dota")
    where = ("--root", root, "--weights", released_weights, "--run-dir", tmp_path / "run")
    done = invoke(*where, "--dry-run", "--no-count")
    assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    index = next(number for number, line in enumerate(lines) if line.startswith("dota "))
    assert "missing" in lines[index] and "1,733" in lines[index]
    assert f"expected in {root / 'dota'}; get it from https://" in lines[index + 1]
    assert any(line.startswith("llama-7b ") and "found" in line for line in lines)
    assert "1 missing or incomplete: 50 datasets, 8 weights" in done.stdout
    assert "hours of training in all" in done.stdout and "disk the run writes" in done.stdout
    assert not (tmp_path / "run").exists()
    values = json.loads(invoke(*where, "--dry-run", "--no-count", "--json").stdout)
    assert not values["ready"] and {plan["stage"] for plan in values["plans"]} == {
        "rewriter",
        *load_preset("paper").stages,
    }


def test_a_dry_run_of_rendered_scenes(tmp_path):
    done = CliRunner().invoke(app, ["pipeline", "--dry-run", "--run-dir", str(tmp_path / "run")])
    assert done.exit_code == 0, done.output
    assert "datasets: rendered Scenes" in done.stdout and "openflamingo-tiny" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the preset has no data: sources.root is not set"),
        (("--root", "nowhere"), "the folder of datasets is missing"),
        (("--root", "nowhere", "--dry-run"), "the folder of datasets is missing"),
        (("--root", SAMPLES, "--weights", "nowhere"), "there is no such folder of weights"),
        (("--root", SAMPLES, "--set", 'evaluation.sources={"no-such": 3}'), "there is no source called 'no-such'"),
    ],
)
def test_a_run_that_lacks_something_stops_before_any_work(tmp_path, arguments, message):
    done = invoke(*arguments, "--run-dir", tmp_path / "run")
    assert isinstance(done.exception, (MissingAsset, ConfigError)) or "no-such" in str(done.exception)
    assert message in str(done.exception) and not (tmp_path / "run").exists()


def test_the_command_line_says_it_in_one_line_with_exit_code_2(tmp_path):
    where = ["--root", str(SAMPLES), "--weights", str(tmp_path), "--run-dir", str(tmp_path / "run")]
    done = subprocess.run(
        [sys.executable, "-m", "flamingo_lib.cli", "pipeline", "--preset", "paper", *where],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    assert "lacks 8 of 8 weights: llama-7b (missing)" in done.stderr and not (tmp_path / "run").exists()
