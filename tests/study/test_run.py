"""The study's loop with fake steps: resumed by seed and by model, stopped by the clock, refused with other settings."""

from __future__ import annotations

import shutil

import pytest

from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.evaluation.predictions import write_predictions
from flamingo_lib.pipeline.step import Step
from flamingo_lib.presets import load_preset
from flamingo_lib.storage import write_json
from flamingo_lib.study.models import study_models
from flamingo_lib.study.run import (
    StudyPlan,
    check_settings,
    chosen_seeds,
    dry_run,
    is_development,
    note_settings,
    progress_of,
    run_study,
)
from flamingo_lib.study.stored import collect, stored_seconds
from tests.study.synthetic import AS_THE_PAPER, predictions, rewrites

PRESET = load_preset("tiny")


class Fakes:
    """Steps that train nothing: each model has a training step and one that stores synthetic predictions."""

    def __init__(self):
        self.done = []
        self.broken = None

    def __call__(self, preset):
        def step(name, inputs, write=None):
            def run(job):
                if name == self.broken:
                    raise KeyboardInterrupt
                self.done.append((job.seed, name))
                if write:
                    write(job)
                return {}

            return Step(name, name, run, inputs=inputs)

        def store(model):
            def write(job):
                make = rewrites if model.startswith("rewriter") else predictions
                means = AS_THE_PAPER.get(model, {})
                write_predictions(job.folder / "predictions.jsonl", make(model, job.seed, **means))
                write_json(job.folder / "facts.json", {"supervised_tokens": 100.0})

            return write

        models = study_models(PRESET)
        return [
            step("data", ()),
            *(step(name, ("data",)) for name in models),
            *(step(f"predict_{name}", (name,), store(name)) for name in models),
        ]


@pytest.fixture
def fakes():
    return Fakes()


def plan(tmp_path, fakes, seeds=(10, 11), only=("stage1", "raw"), preset=PRESET):
    return StudyPlan(tmp_path / "study", preset, seeds, only, fakes)


def quiet(_):
    pass


def test_every_model_of_every_seed_is_made_once_and_data_are_shared(tmp_path, fakes):
    assert run_study(plan(tmp_path, fakes), say=quiet) == []
    names = ["data", "stage1", "predict_stage1", "raw", "predict_raw"]
    assert fakes.done == [(seed, name) for seed in (10, 11) for name in names]
    assert run_study(plan(tmp_path, fakes), say=quiet) == []
    assert len(fakes.done) == 10


def test_more_models_and_seeds_go_on_from_what_is_there(tmp_path, fakes):
    run_study(plan(tmp_path, fakes, seeds=(10,), only=("stage1",)), say=quiet)
    fakes.done.clear()
    run_study(plan(tmp_path, fakes, seeds=(10, 11), only=("stage1", "stage2")), say=quiet)
    assert fakes.done == [
        (10, "stage2"),
        (10, "predict_stage2"),
        *[(11, name) for name in ("data", "stage1", "predict_stage1", "stage2", "predict_stage2")],
    ]


def test_a_killed_study_loses_the_step_in_flight(tmp_path, fakes):
    fakes.broken = "raw"
    with pytest.raises(KeyboardInterrupt):
        run_study(plan(tmp_path, fakes), say=quiet)
    fakes.broken = None
    fakes.done.clear()
    run_study(plan(tmp_path, fakes), say=quiet)
    assert fakes.done[0] == (10, "raw") and len(fakes.done) == 2 + 5


def test_minutes_stop_before_a_step_and_say_what_is_left(tmp_path, fakes):
    time = iter(range(0, 10**6, 30))  # half a minute a look at the clock
    left = run_study(plan(tmp_path, fakes), minutes=1.75, say=quiet, clock=lambda: next(time))
    assert fakes.done == [(10, "data"), (10, "stage1"), (10, "predict_stage1")]
    assert left == [(10, "raw"), (11, "stage1"), (11, "raw")]
    assert run_study(plan(tmp_path, fakes), minutes=0, say=quiet) == left
    assert len(fakes.done) == 3


def test_core_models_of_all_seeds_come_first_and_some_models_have_fewer_seeds(tmp_path, fakes):
    made = plan(tmp_path, fakes, seeds=(10, 11, 12, 13), only=("unfrozen_vit", "no_stage1", "stage1")).order()
    names = [(seed, model.name) for seed, model in made]
    core = [(seed, "stage1") for seed in (10, 11, 12, 13)]
    assert names[:4] == core and (10, "unfrozen_vit") in names
    assert sorted(names[4:]) == [(10, "no_stage1"), (10, "unfrozen_vit"), (11, "no_stage1"), (12, "no_stage1")]


def test_progress_is_shown_with_a_forecast(tmp_path, fakes):
    said = []
    run_study(plan(tmp_path, fakes, seeds=(10,), only=("stage1",)), say=said.append)
    assert said[0].startswith("0 of 3 steps are done; forecast of the rest:")
    assert said[2].startswith("[2/3] seed 10: stage1 - ") and said[2].endswith("left")


def test_a_study_resumed_with_other_settings_is_refused_by_name(tmp_path, fakes):
    note_settings(plan(tmp_path, fakes))
    other = load_preset("tiny", ["stages.stage2.max_steps=7", "evaluation.texts=3"])
    with pytest.raises(ConfigError, match=r"evaluation.texts \(was .*, is 3\), stages.stage2.max_steps \(was .*is 7\)"):
        run_study(plan(tmp_path, fakes, preset=other), say=quiet)
    with pytest.raises(ConfigError, match="begun with other settings"):
        dry_run(plan(tmp_path, fakes, preset=other), quiet)
    assert fakes.done == []
    check_settings(plan(tmp_path, fakes, seeds=(12,), only=("raw",)))  # seeds and models are no settings


def test_a_folder_of_something_else_is_refused(tmp_path, fakes):
    write_json(tmp_path / "study" / "settings.json", {"format": 99})
    with pytest.raises(ConfigError, match="no study of this version"):
        check_settings(plan(tmp_path, fakes))


def test_an_unknown_model_is_refused_with_the_known_ones(tmp_path, fakes):
    with pytest.raises(ConfigError, match=r"no model 'stage9'.*stage1"):
        run_study(plan(tmp_path, fakes, only=("stage9",)), say=quiet)


def test_a_dry_run_makes_nothing_and_counts_shared_steps_once(tmp_path, fakes):
    said = []
    forecast = dry_run(plan(tmp_path, fakes), said.append)
    assert not (tmp_path / "study").exists() and fakes.done == []
    assert said[0].startswith("stage1") and said[0].endswith("[data, stage1, predict_stage1]")
    assert said[1].endswith("[raw, predict_raw]")
    assert "data" in forecast.unknown and forecast.seconds > 0


def test_a_dry_run_leaves_out_what_is_done(tmp_path, fakes):
    made = plan(tmp_path, fakes, seeds=(10,))
    run_study(made, say=quiet)
    said = []
    assert dry_run(made, said.append).seconds == 0
    assert said[0].endswith("[]")


def test_a_dry_run_writes_nothing_into_a_run_folder(tmp_path, fakes):
    run_study(plan(tmp_path, fakes, seeds=(10,)), say=quiet)
    about = tmp_path / "study" / "seed-10" / "run.json"
    before = about.read_bytes()
    dry_run(plan(tmp_path, fakes, seeds=(10,), preset=load_preset("tiny", ["threads=7"])), quiet)
    assert about.read_bytes() == before


def test_a_model_is_made_of_the_same_seeds_whichever_are_asked_for(tmp_path, fakes):
    def made(*seeds):
        return [seed for seed, _ in plan(tmp_path, fakes, seeds=seeds, only=("no_stage1",)).order()]

    assert made(0, 1, 2, 3, 4) == [0, 1, 2] and made(4, 2) == [2] and made(11, 13) == [11]
    with pytest.raises(ConfigError, match=r"no_stage1 is not made of seeds 3, 4.*first 3"):
        run_study(plan(tmp_path, fakes, seeds=(3, 4), only=("no_stage1",)), say=quiet)
    assert not (tmp_path / "study").exists()


def test_predictions_are_collected_as_far_as_they_are_there(tmp_path, fakes):
    made = plan(tmp_path, fakes)
    run_study(made, say=quiet)
    found = collect(made.root, (10, 11, 12), ("stage1", "stage2", "raw"))
    assert set(found.predictions) == {(seed, model) for seed in (10, 11) for model in ("stage1", "raw")}
    assert found.facts[10, "raw"] == {"supervised_tokens": 100.0}
    assert found.seeds(["stage1", "raw"]) == [10, 11] and found.seeds(["stage2"]) == []
    assert stored_seconds(made.root, 10) >= 0


def test_collecting_needs_no_code_nor_models(tmp_path, fakes):
    made = plan(tmp_path, fakes, seeds=(10,))
    run_study(made, say=quiet)
    shutil.rmtree(made.root / "seed-10" / "stage1")
    assert (10, "stage1") in collect(made.root, (10,), ("stage1",)).predictions


def test_nothing_stored_and_predictions_of_another_seed(tmp_path, fakes):
    with pytest.raises(DataError, match="no stored predictions"):
        collect(tmp_path, (10,), ("stage1",))
    write_predictions(tmp_path / "seed-10" / "predict_stage1" / "predictions.jsonl", predictions("stage1", 11))
    with pytest.raises(DataError, match="stage1, seed 11, among those of stage1, seed 10"):
        collect(tmp_path, (10,), ("stage1",))


def test_progress_counts_models_without_predictions(tmp_path, fakes):
    made = plan(tmp_path, fakes, seeds=(10,))
    state = progress_of(made, {10: made.workspace(10)})
    assert state.models_left == [(10, "stage1"), (10, "raw")]
    assert [name for _, name in state.left] == ["data", "stage1", "predict_stage1", "raw", "predict_raw"]


def test_reported_seeds_are_fixed_and_never_mixed_with_development():
    assert chosen_seeds(5, 0, ()) == (0, 1, 2, 3, 4)
    assert chosen_seeds(5, 0, (12, 10)) == (12, 10)
    assert is_development((12, 10)) and not is_development((0, 1))
    for wrong in ((5,), (0, 10), (3, 3)):
        with pytest.raises(ConfigError):
            chosen_seeds(1, 0, wrong)
