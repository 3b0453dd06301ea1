"""Steps that make data: what is drawn, exchanged, taken away, and what is taken over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flamingo_lib.pipeline.step import Job, Step
from flamingo_lib.presets import load_preset
from flamingo_lib.records import Rewrite, Sample, Turn, Verdict
from flamingo_lib.study.steps import (
    as_asked,
    equal_part,
    reading,
    same_data_training_step,
    with_other_images,
    without_images,
)


def sample(number, source="vqa-v2", images=1, **changes):
    names = tuple(f"{number}-{index}.png" for index in range(images))
    return Sample(f"{source}/{number}", source, "vqa", names, "How many?", "2", **changes)


def rewrite(number, kept=True):
    return Rewrite(sample(number), "There are two.", verdicts=(Verdict(kept, "nli"),))


def scenes(samples):
    return {item.id: tuple(name.split("-")[0] for name in item.images) for item in samples}


def job(tmp_path, **inputs):
    for name in ("out", "scratch", "cache"):
        (tmp_path / name).mkdir(exist_ok=True)
    return Job(tmp_path / "out", tmp_path / "scratch", tmp_path / "cache", inputs, load_preset("tiny"))


def test_equal_parts_have_one_size_and_draw_the_same_records():
    everything = [rewrite(number) for number in range(100)]
    strict = [rewrite(number, kept=number % 3 > 0) for number in range(100)]
    first, second = (equal_part(items, 50, seed=0) for items in (everything, strict))
    assert len(first) == len(second) == 50
    assert all(item.kept for item in second)
    both = {item.sample.id for item in first} & {item.sample.id for item in strict if item.kept}
    assert both <= {item.sample.id for item in second}
    assert [item.sample.id for item in first] == [item.sample.id for item in everything if item in first]
    assert equal_part(everything[::-1], 50, seed=0)[::-1] == first
    assert equal_part(everything, 50, seed=1) != first


def test_other_images_are_of_the_same_source_and_number_and_of_another_scene():
    samples = [sample(number) for number in range(20)] + [sample(number, "gqa", images=2) for number in range(6)]
    found = with_other_images(samples, scenes(samples), seed=0, limit=100)
    assert {item.id for item in found} == {item.id for item in samples}
    known = {item.id: item for item in samples}
    for item in found:
        own = known[item.id]
        assert replace(item, images=own.images) == own
        assert len(item.images) == len(own.images) and not set(item.images) & set(own.images)
    by_images = {item.images: item.source for item in samples}
    assert all(by_images[item.images] == item.source for item in found)


def test_other_images_need_another_scene_and_stop_at_the_limit():
    same = [replace(sample(number), images=("1-0.png",)) for number in range(4)]
    assert with_other_images(same, scenes(same), seed=0, limit=9) == []
    assert with_other_images([sample(1, images=0)], {"vqa-v2/1": ()}, seed=0, limit=9) == []
    samples = [sample(number) for number in range(9)]
    assert len(with_other_images(samples, scenes(samples), seed=0, limit=4)) == 4


def test_images_and_marks_are_taken_away():
    marked = sample(1, turns=(Turn("How many?", "2", images=1),), meta={"mark": [0, 0, 1, 1], "question": "How many?"})
    bare = without_images(marked)
    assert bare.images == () and bare.dialogue == (Turn("How many?", "2"),)
    assert dict(bare.meta) == {"question": "How many?"}


def test_rewrites_are_judged_with_the_samples_as_given():
    given = [sample(1), sample(2)]
    shown = [Rewrite(without_images(given[1]), "Two."), Rewrite(replace(given[0], images=("9.png",)), "Two.")]
    assert [item.sample for item in as_asked(shown, given)] == [given[1], given[0]]


def test_a_step_reads_other_results(tmp_path):
    seen = {}

    def run(job):
        seen.update(job.inputs)
        return {}

    step = reading(Step("train", "t", run, inputs=("scenes", "filter")), folders={"filter": "sts"}, filter="sets")
    assert step.inputs == ("scenes", "sets")
    step.run(job(tmp_path, scenes=tmp_path / "s", sets=tmp_path / "f"))
    assert seen == {"scenes": tmp_path / "s", "filter": tmp_path / "f" / "sts"}


@pytest.mark.parametrize("equal", [True, False])
def test_a_filter_that_drops_nothing_takes_over_the_model(tmp_path, equal):
    trained = []

    def run(job):
        trained.append(job.inputs["filter"])
        return {}

    sets = tmp_path / "sets"
    for variant, text in (("none", "[1]"), ("sts", "[1]" if equal else "[2]")):
        (sets / variant).mkdir(parents=True)
        (sets / variant / "pf1m.json").write_text(text)
    (tmp_path / "none" / "model").mkdir(parents=True)
    (tmp_path / "none" / "model" / "weights").write_text("w")
    step = same_data_training_step(Step("filter_sts", "t", run, inputs=("filter",)), "sts")
    step.run(job(tmp_path, filter_sets=sets, filter_none=tmp_path / "none"))
    assert trained == ([] if equal else [sets / "sts"])
    assert (tmp_path / "out" / "model" / "weights").exists() is equal
