"""Questions of the held-out sources: read by the catalogue's readers, checked by reading the answer."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.held_out_sources import SPLITS, read_examples, read_held_out_sources, source_question
from flamingo_lib.records import Sample
from flamingo_lib.scenes.index import TruthIndex
from flamingo_lib.scenes.language import answer_sentence, helpful
from flamingo_lib.sources import load_source


@pytest.fixture(scope="module")
def sources(index):
    return read_held_out_sources(index, tuple(SPLITS), seed=3)


def wrong(item):
    """Another answer of the same kind."""
    others = {"yes": "no", "no": "yes", "even": "odd", "odd": "even", "left": "right", "right": "left"}
    others |= {"above": "below", "below": "above", "red": "green", "cyan": "red", "orange": "red", "purple": "red"}
    if item.answer.isdecimal():
        return str(int(item.answer) + 1)
    return others.get(item.answer) or ("green" if item.type == "color" else "black ring, black cross")


def test_curt_annotations_are_right_and_others_wrong(sources):
    assert set(sources) == {"vsr", "grid-3d", "nlvr2", "ok-vqa"}
    for source, items in sources.items():
        assert items and len({item.id for item in items}) == len(items)
        for item in items:
            assert (item.pool, item.source) == ("held_out_source", source)
            assert item.check(item.references[0]) and item.check(f"{item.references[0].capitalize()}."), item
            assert not item.check(wrong(item)) and not item.check("") and not item.check("It is a picture."), item
            assert len(item.scenes) == len(item.images) == (2 if source == "nlvr2" else 1)


def test_full_answers_to_statements_of_relations_are_read(sources):
    random = Random(0)
    for item in sources["vsr"]:
        opposite = "no" if item.answer == "yes" else "yes"
        question = replace(item.question, answer=item.answer)
        assert item.check(answer_sentence(random, question)) and not item.check(
            answer_sentence(random, question, opposite)
        )
        verdict = {"yes": "true", "no": "not true"}
        assert item.check(f"The statement is {verdict[item.answer]}.")
        assert not item.check(f"The statement is {verdict[opposite]}.")
        assert not item.check(f"True, that is false: {item.statement}")


def test_helpful_answers_to_grid_3d_questions_are_read(sources):
    random = Random(0)
    asked = [item for item in sources["grid-3d"] if item.question is not None]
    assert len(asked) >= 4
    for item in asked:
        found = item.question.target.among(item.scenes[0])
        subject = found[0] if len(found) == 1 else None
        text = helpful(random, item.scenes[0], replace(item.question, answer=item.answer, subject=subject))
        assert item.check(text) and item.hallucinated(text) is False, (item, text)


def test_types_are_tasks_kinds_of_answers_or_statements(sources):
    assert {item.type for item in sources["vsr"]} == {"statement"}
    assert {item.type for item in sources["nlvr2"]} == {"statement pair"}
    assert {item.type for item in sources["grid-3d"]} >= {"Counting", "Existence Prediction"}
    assert {item.type for item in sources["ok-vqa"]} <= {"number", "object", "color", "words"}
    assert {item.hallucinated("There is a red circle.") for item in (*sources["nlvr2"], *sources["ok-vqa"])} == {None}


def test_references_are_the_annotators_answers_the_commonest_first(sources):
    for item in sources["ok-vqa"]:
        counts = Counter(item.answers)
        assert len(item.answers) == 10 and counts[item.references[0]] == max(counts.values())
        assert set(item.references) == set(counts) and len(item.references) == len(counts)
        assert item.meta == {"task": "vqa", "answers": list(item.answers)}
    assert all(len(item.references) == 1 and item.meta == {"task": "vqa"} for item in sources["nlvr2"])


def test_the_same_seed_words_the_questions_alike_and_a_limit_takes_the_first(index, sources):
    again = read_held_out_sources(index, ("vsr",), limit=3, seed=3)
    assert again["vsr"] == sources["vsr"][:3]


def test_examples_show_other_scenes_than_the_questions(index, sources):
    for name, items in sources.items():
        asked = {scene.id for item in items for scene in item.scenes}
        shown = {scene.id for item in read_examples(index, name) for scene in item.scenes}
        assert shown and not asked & shown


def test_a_real_dataset_needs_no_scenes():
    root = "data_samples/sources/grid-3d"
    samples = list(load_source("grid-3d", root, split="test"))
    (item,) = [source_question(sample, root) for sample in samples]
    assert item.scenes == () and item.hallucinated("x") is None
    assert item.check("True") and item.check("Yes, there is a green triangle.") and not item.check("False")
    painting = Sample(
        "s", "ok-vqa", "vqa", (), "Which craft made the circle?", "painting", meta={"answers": ["painting"] * 3}
    )
    assert source_question(painting, root).check("It was made by painting.")


def test_a_missing_or_unknown_source_is_named(index, tmp_path):
    with pytest.raises(DataError, match="'gqa' is no held-out source"):
        read_held_out_sources(index, ("gqa",))
    (tmp_path / "scene_graphs.jsonl").write_text("")
    with pytest.raises(DataError, match="lacks the held-out source 'vsr'.*evaluation.held_out_sources"):
        read_held_out_sources(TruthIndex(tmp_path), ("vsr",))
