"""The classifier two-sample test."""

import random

import pytest

from flamingo_lib.distortion.mixture import distort_sources, paper_recipe
from flamingo_lib.distortion.realism import annotations_by_way, realism, two_sample_test
from flamingo_lib.errors import DataError
from flamingo_lib.records import Sample
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.questions import ask

WORDS = "red green blue two three yes no left right circle square".split()


def texts(seed, count=200, ending=""):
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, k=generator.randint(1, 3))) + ending for _ in range(count)]


def test_the_same_cannot_be_told_apart_and_the_different_can():
    same = two_sample_test(texts(1), texts(2))
    assert abs(same.accuracy - 0.5) <= 4 * same.standard_error and same.count == 200
    different = two_sample_test(texts(1, ending="!"), texts(2))
    assert different.accuracy > 0.97 and any("!" in text for text in different.telling[0])
    assert two_sample_test(texts(1), texts(1)).exact == 1.0


def test_it_is_reproducible_and_wants_enough_texts():
    assert two_sample_test(texts(1), texts(2), seed=3) == two_sample_test(texts(1), texts(2), seed=3)
    with pytest.raises(DataError, match="too few"):
        two_sample_test(texts(1, 5), texts(2))


def test_each_way_is_compared_with_what_it_imitates(caption_samples):
    question = Sample("v/train/1", "v", "vqa", ("a.jpg",), "What?", "red")
    by_way = annotations_by_way([question, *caption_samples[:2]])
    captions = [sample.raw for sample in caption_samples[:2]]
    assert by_way == {"all": ["red", *captions], "llm": ["red"], "retrieval": captions}
    assert annotations_by_way([question]) == {"all": ["red"], "llm": ["red"]}


def test_drafts_are_nearer_to_annotations_than_noise_or_polite_answers(polite_samples):
    """The order that the design predicts: the short version comes near the real thing, noise and politeness give
    themselves away.
    """
    conversations = [sample for sample in polite_samples if "/conversation/" in sample.id]
    pairs = list(distort_sources(conversations, {}, paper_recipe(400 / 255_000, llm_text=0), 0))
    raw = []
    for index in range(300):
        generator = random.Random(f"raw/{index}")
        scene = draw_scene(12, f"scene-{index}")
        raw.append(ask(scene, generator).answer)
    results = realism(pairs, raw)
    assert set(results) == {"all", "llm", "noise"}
    polite = two_sample_test([pair.target for pair in pairs], raw)
    assert results["llm"].accuracy < 0.75 < 0.95 < results["noise"].accuracy <= polite.accuracy + 0.05
    assert results["llm"].exact > 0.45 and results["noise"].exact < 0.05
    assert results["llm"].accuracy < results["all"].accuracy < results["noise"].accuracy
