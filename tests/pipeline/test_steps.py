"""The real steps: their order for every preset, and that each declares the settings it reads."""

from __future__ import annotations

import ast
import re
import shutil
from pathlib import Path

import pytest

from flamingo_lib.code_hash import closure
from flamingo_lib.errors import ConfigError, MissingAsset
from flamingo_lib.pipeline.run_folder import Workspace
from flamingo_lib.pipeline.step import Job, settings, table
from flamingo_lib.pipeline.steps import build_steps, distort, scenes, sources
from flamingo_lib.pipeline.steps.answerer import load_answerer
from flamingo_lib.pipeline.steps.examine import examination
from flamingo_lib.pipeline.steps.filter import write_released
from flamingo_lib.pipeline.steps.mixtures import chosen_raw, mixture_examples, mixture_inputs
from flamingo_lib.pipeline.steps.records import read_records
from flamingo_lib.pipeline.steps.rewrite import _in_shards
from flamingo_lib.presets import NAMES, load_preset
from flamingo_lib.records import Pair, Rewrite, Sample, Verdict

STEPS = Path(__file__).parents[2] / "flamingo_lib" / "pipeline" / "steps"


@pytest.mark.parametrize("name", NAMES)
def test_every_preset_has_a_pipeline_in_order(name):
    steps = table(build_steps(load_preset(name)))
    assert {
        "scenes",
        "sources",
        "distort",
        "rewriter",
        "rewrite",
        "filter",
        "packing",
        "stage1",
        "stage2",
        "stage3",
        "raw",
        "examine_base",
        "examine_stage3",
        "evaluate",
        "figures",
    } <= set(steps)
    order = list(steps)
    assert order.index("rewriter") < order.index("rewrite") < order.index("filter") < order.index("stage1")


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_examined_as_soon_as_it_is_there(name):
    preset = load_preset(name)
    steps = table(build_steps(preset))
    for stage in preset.stages:
        assert steps[examination(stage)].inputs == ("scenes", stage)
    assert set(steps[examination("base")].inputs) <= {"scenes", "base"}
    assert {examination(model) for model in ("base", *preset.stages)} < set(steps["evaluate"].inputs)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_models_are_examined_in_the_number_format_of_the_preset(tmp_path, dtype):
    preset = load_preset("tiny", [f"model.dtype={dtype}", "evaluation.max_new_tokens=3"])
    answerer = load_answerer(Job(tmp_path, tmp_path, tmp_path, {}, preset), preset.model.base)
    assert str(answerer.model.dtype) == f"torch.{dtype}" and answerer.max_new_tokens == 3


def test_a_stage_before_the_rewriter_comes_first():
    order = list(table(build_steps(load_preset("small"))))
    assert order.index("connector") < order.index("rewriter")


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("stages.stage2.start=stage3", "starts from 'stage3', which does not come before it"),
        ("rewriter.start=nowhere", "starts from 'nowhere', which is no stage"),
        ("stages.stage1.mixture=porridge", "there is no mixture 'porridge'"),
    ],
)
def test_a_table_of_stages_that_makes_no_sense(setting, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        build_steps(load_preset("tiny", [setting]))


@pytest.mark.parametrize("step", build_steps(load_preset("small")), ids=lambda step: step.name)
def test_declared_settings_exist(step):
    preset = load_preset("small")
    for path in step.config:
        assert settings(preset, path) is not None or path in ("sources.root", "rewriting.limit_per_source"), path


def sections_read(path: Path) -> set[str]:
    """The sections of the preset that a module of steps reads, as `preset.SECTION`."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            base = node.value
            if (isinstance(base, ast.Attribute) and base.attr == "preset") or (
                isinstance(base, ast.Name) and base.id == "preset"
            ):
                found.add(node.attr)
    return found - {"seed", "model_dump"}


@pytest.mark.parametrize("path", sorted(STEPS.glob("*.py")), ids=lambda path: path.stem)
def test_settings_that_are_read_are_declared(path):
    """A setting that a step reads and does not declare would leave stale results."""
    declared = {
        part.split(".")[0]
        for step in build_steps(load_preset("small"))
        if step.run.__module__ == f"flamingo_lib.pipeline.steps.{path.stem}"
        for part in step.config
    }
    if declared:
        assert sections_read(path) <= declared | {"judges"} | (
            {"rewriter", "stages"} if path.stem == "training" else set()
        )


def test_filtering_counts_the_precision_that_the_machine_chooses(tmp_path, monkeypatch):
    def keys(tiles, *overrides):
        monkeypatch.setattr("flamingo_lib.judges.precision.has_tiles", lambda: tiles)
        workspace = Workspace(tmp_path / "run", load_preset("tiny", overrides))
        return workspace.key("filter"), workspace.key("rewrite")

    (with_tiles, rewrite), (without, rewrite_without) = keys(True), keys(False)
    assert with_tiles != without and rewrite == rewrite_without
    assert (
        with_tiles == keys(False, "judges.sts_precision=bfloat16")[0] == keys(True, "judges.sts_precision=bfloat16")[0]
    )
    assert without == keys(True, "judges.sts_precision=float32")[0]


def test_a_step_counts_the_code_of_its_rooms():
    modules = {step.name: closure([step.run.__module__]) for step in build_steps(load_preset("tiny"))}
    assert "flamingo_lib.scenes.render" in modules["scenes"] and "flamingo_lib.model.flamingo" not in modules["scenes"]
    assert "flamingo_lib.sources.formats.questions" in modules["sources"]
    assert (
        "flamingo_lib.model.cross_attention" in modules["stage1"] and "flamingo_lib.filters.chain" in modules["filter"]
    )


def sample(number: int, source: str = "vqa-v2", **changes) -> Sample:
    return Sample(f"{source}/{number}", source, "vqa", ("a.png",), "ask", "raw", **changes)


def test_chosen_raw_is_a_fair_and_stable_choice():
    samples = [sample(number) for number in range(50)] + [sample(number, "gqa") for number in range(3)]
    preset = load_preset("tiny", ["rewriting.limit_per_source=10"])
    chosen = chosen_raw(samples, preset)
    assert [item.source for item in chosen].count("vqa-v2") == 10 and [item.source for item in chosen].count("gqa") == 3
    assert chosen != chosen_raw(samples, preset.model_copy(update={"seed": 1}))
    assert {item.id for item in chosen} == {item.id for item in chosen_raw(samples[::-1], preset)}
    assert chosen_raw(samples, load_preset("tiny", ["rewriting.limit_per_source=null"])) == samples


SMALL = [
    "scenes.polite_scenes=4",
    "scenes.raw_scenes=12",
    "scenes.calibration_scenes=1",
    "scenes.evaluation_scenes=1",
    "scenes.held_out_scenes=1",
    "scenes.text_dialogues=4",
    "distortion.pairs=20",
]


def first_steps(folder: Path, *overrides: str) -> Workspace:
    return Workspace(folder, load_preset("tiny", [*SMALL, *overrides]), steps=[scenes.STEP, sources.STEP, distort.STEP])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A small run up to its pairs; other runs may read its datasets."""
    workspace = first_steps(tmp_path_factory.mktemp("runs") / "small")
    workspace.step("distort")
    return workspace


def test_datasets_become_samples_and_pairs(world):
    read = world.step("sources")
    assert read.metrics["sources.quarantined"] == 0
    raw = read_records(Sample, read.folder / "raw.jsonl")
    assert {item.source for item in raw} == set(world.preset.sources.raw)
    assert not {item.task for item in raw} & {"instruction"}
    assert {item.task for item in read_records(Sample, read.folder / "polite.jsonl")} == {"instruction"}
    pairs = read_records(Pair, world.step("distort").folder / "pairs.jsonl")
    assert len(pairs) == 20 and {pair.way for pair in pairs} == {"llm", "noise", "retrieval"}


def test_the_users_own_folders_are_read_and_bad_records_counted(world, tmp_path):
    root = tmp_path / "datasets"
    shutil.copytree(world.step("scenes").folder / "data", root)
    sorted((root / "vqa-v2" / "train2014").iterdir())[0].write_bytes(b"not a picture")
    own = first_steps(tmp_path / "own", f"sources.root={root}")
    metrics = own.step("sources").metrics
    assert metrics["sources.quarantined"] > 0
    assert metrics["sources.raw"] + metrics["sources.quarantined"] == world.step("sources").metrics["sources.raw"]
    lines = (own.folder / "sources" / "quarantine.jsonl").read_text().splitlines()
    assert len(lines) == metrics["sources.quarantined"] and "reason" in lines[0]


def test_a_missing_folder_of_datasets_is_named(tmp_path):
    with pytest.raises(MissingAsset, match=r"folder of datasets is missing.*nowhere.*sources\.root"):
        first_steps(tmp_path / "run", f"sources.root={tmp_path / 'nowhere'}").step("sources")
    assert not (tmp_path / "run" / "scenes").exists()


def test_a_missing_base_model_is_named(tmp_path):
    preset = load_preset("tiny", ["model.base=no-such-model"])
    with pytest.raises(MissingAsset, match="the base model 'no-such-model' is not on this machine"):
        Workspace(tmp_path, preset).key("rewriter")


def test_training_reads_pf1m_as_the_filter_wrote_it(world, tmp_path):
    """What is trained on is what was released: the same records, edits applied, marks drawn on the images."""
    samples = read_records(Sample, world.step("sources").folder / "raw.jsonl")
    rewrites = [
        Rewrite(
            item,
            f"Sure! {item.raw}\n\nMore.",
            verdicts=(Verdict(number % 5 > 0, "length"), Verdict(True, "clip", edit=f"Sure! {item.raw}")),
        )
        for number, item in enumerate(samples)
    ]
    root = world.step("scenes").folder / "data"
    written = write_released(rewrites, tmp_path, root)
    inputs = {name: world.step(name).folder for name in ("scenes", "sources", "distort")} | {"filter": tmp_path}
    job = Job(tmp_path / "job", tmp_path / "scratch", tmp_path / "cache", inputs, world.preset)
    examples = mixture_examples("pf1m", job)
    kept = [item for item in rewrites if item.kept]
    assert written == len(kept) == len(examples)
    for rewrite, example in zip(kept, examples, strict=True):
        (turn,) = example.turns
        assert (example.id, turn.instruction, turn.response) == (
            rewrite.sample.id,
            rewrite.sample.instruction,
            rewrite.final,
        )
        assert turn.images == len(rewrite.sample.images) and all(Path(file).is_file() for file in example.images)
        drawn = bool(rewrite.sample.meta.get("mark")) or any(".zip@" in path for path in rewrite.sample.images)
        assert all(("pf1m_images" in file) == drawn for file in example.images)
    first = mixture_examples("stage1", job)
    polite = read_records(Sample, world.step("sources").folder / "polite.jsonl")
    assert [item.id for item in first[: len(polite)]] == [item.id for item in polite]
    assert {item.id for item in first[len(polite) :]} <= {item.id for item in examples}


def test_a_mixture_says_which_steps_it_reads():
    assert mixture_inputs("stage1") == ("scenes", "sources", "filter")
    assert mixture_inputs("distorted-pairs") == ("scenes", "distort") and mixture_inputs("pf1m") == ("scenes", "filter")


def test_the_paper_preset_without_data_says_what_is_missing(tmp_path):
    workspace = Workspace(tmp_path / "run", load_preset("paper"), steps=[scenes.STEP, sources.STEP, distort.STEP])
    with pytest.raises(
        ConfigError, match=r"the preset has no data: sources.root is not set; it reads 46 datasets, llava"
    ):
        workspace.step("sources")
    (tmp_path / "data" / "gqa").mkdir(parents=True)
    preset = load_preset("paper", [f"sources.root={tmp_path / 'data'}"])
    with pytest.raises(MissingAsset, match="45 of 46 datasets are missing: llava-instruct, ultrachat"):
        Workspace(tmp_path / "other", preset, steps=[scenes.STEP, sources.STEP]).step("sources")


def test_a_preset_that_names_no_datasets_says_so(tmp_path):
    with pytest.raises(ConfigError, match=r"names no datasets in sources\.raw"):
        first_steps(tmp_path / "run", "sources.raw=[]").step("sources")


class CountingRewriter:
    """Turns texts around, and stops after so many samples."""

    def __init__(self, stop_after=10**6):
        self.left, self.seen = stop_after, []

    def rewrite(self, samples, tick):
        if self.left < len(samples):
            raise KeyboardInterrupt
        self.left -= len(samples)
        self.seen += [sample.id for sample in samples]
        return [Rewrite(sample, sample.raw[::-1]) for sample in samples]


def test_the_rewriting_step_goes_on_at_its_last_whole_shard(tmp_path):
    samples = [Sample(f"a/{number}", "a", "vqa", (), "What?", f"text {number}") for number in range(23)]
    whole = _in_shards(samples, CountingRewriter(), "rewriting", tmp_path / "whole", 5)
    assert [rewrite.output for rewrite in whole] == [sample.raw[::-1] for sample in samples]
    with pytest.raises(KeyboardInterrupt):
        _in_shards(samples, CountingRewriter(12), "rewriting", tmp_path / "stopped", 5)
    rest = CountingRewriter()
    assert _in_shards(samples, rest, "rewriting", tmp_path / "stopped", 5) == whole
    assert rest.seen == [sample.id for sample in samples[10:]]
    assert _in_shards([], rest, "contradicting", tmp_path / "stopped", 5) == []
