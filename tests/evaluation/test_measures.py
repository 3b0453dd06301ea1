"""Measures on texts whose truth is known: hand-made answers, right and wrong."""

import numpy as np
import pytest

from flamingo_lib.evaluation.accuracy import chat_accuracy, exact_accuracy, hallucination, share
from flamingo_lib.evaluation.politeness import polite_share, preferred_share, win_matrix
from flamingo_lib.evaluation.questions import EvalQuestion, ask_pool, ask_texts, pool_images, question_of
from flamingo_lib.evaluation.rewriting import (
    answer_preserved,
    follows_wrong_draft,
    paragraph_figures,
    rewriter_figures,
    rewriter_hallucinated,
    wrong_drafts,
)
from flamingo_lib.records import Rewrite, Sample
from flamingo_lib.scenes.graph import HELD_OUT_PAIRS, Scene, SceneObject
from flamingo_lib.scenes.language import polite
from flamingo_lib.scenes.questions import QUESTION_TYPES, ask
from flamingo_lib.seeding import generator

RING = SceneObject("ring", "red", "small", 0, 0.17, 0.17, 0.08)
STAR = SceneObject("star", "green", "large", 8, 0.83, 0.83, 0.13)
SCENE = Scene("s", (RING, STAR))


def asked(kind, seed=0):
    return EvalQuestion(SCENE, "s.png", ask(SCENE, generator(seed, "t"), kind))


class FakeIndex:
    """Knows one scene, whatever is asked."""

    folder = "root"

    def scene(self, image, source=None):
        return SCENE


def vqa(question, raw, number=0):
    return Sample(f"vqa-v2/val/{number}", "vqa-v2", "vqa", ("a.png",), question, raw)


def length_reward(instructions, responses):
    return np.array([len(text) for text in responses], np.float32)


def test_shares_count_by_group():
    result = share([True, False, True, True], ["a", "a", "b", "b"])
    assert (result.value, result.n, result.by_group) == (0.75, 4, {"a": (0.5, 2), "b": (1.0, 2)})
    assert np.isnan(share([]).value)


def test_exact_and_read_answers_differ_where_they_should():
    items = [asked(kind) for kind in QUESTION_TYPES]
    curt = [item.question.answer for item in items]
    sentences = [polite(generator(1, "x"), SCENE, item.question) for item in items]
    assert exact_accuracy(items, curt).value == exact_accuracy(items, [text.upper() + "." for text in curt]).value == 1
    assert exact_accuracy(items, sentences).value == 0
    assert chat_accuracy(items, curt).value == chat_accuracy(items, sentences).value == 1
    assert hallucination(items, sentences).value == 0
    item = EvalQuestion(
        SCENE, "s.png", next(q for seed in range(50) if (q := asked("color", seed).question).answer == "red")
    )
    assert chat_accuracy([item], ["The ring is green."]).value == 0 == exact_accuracy([item], ["green"]).value
    assert hallucination([item], ["The ring is green."]).value == 1


def test_politeness_is_measured_in_sentences_and_by_preference():
    assert polite_share(["The ring is red.", "red", "it is a red ring."]) == pytest.approx(1 / 3)
    assert preferred_share(length_reward, ["q", "q"], ["long one", "a"], ["x", "a"]) == 0.75
    names, matrix = win_matrix({"a": np.array([1.0, 2.0]), "b": np.array([0.0, 3.0])})
    assert names == ["a", "b"] and matrix.tolist() == [[0.5, 0.5], [0.5, 0.5]]


def test_questions_spread_over_types_and_stay_in_their_pool(index):
    inside, outside = (ask_pool(index, name, 32, seed=0) for name in ("held_in", "held_out"))
    for items in (inside, outside):
        assert {kind: sum(item.question.type == kind for item in items) for kind in QUESTION_TYPES} == dict.fromkeys(
            QUESTION_TYPES, 4
        )
    assert {index.pool(item.image) for item in inside} == {"evaluation"} and {
        index.pool(item.image) for item in outside
    } == {"held_out"}
    assert all(item.scene == index.scene(item.image) for item in inside)
    assert all(item.question.subject is None or item.question.subject.pair in HELD_OUT_PAIRS for item in outside)
    assert [item.question for item in ask_pool(index, "held_in", 8, seed=0)] == [item.question for item in inside[:8]]
    assert ask_pool(index, "held_in", 32, seed=1) != inside
    assert len(pool_images(index, "evaluation")) == 10
    assert len(set(ask_texts(20, seed=0))) > 10


def test_rewrites_are_checked_against_their_draft():
    sample = vqa("What color is the ring?", "red")
    cases = {
        "Sure! The ring is red.": True,
        "The ring is green.": False,
        "The star is red.": False,
        "Have a nice day!": False,
    }
    for text, kept in cases.items():
        assert answer_preserved([Rewrite(sample, text)]).value == kept, text
    caption = Sample("c", "mscoco-captions", "caption", ("a.png",), "Describe the image.", "a ring")
    assert answer_preserved([Rewrite(caption, "The ring is red.")]).n == 0
    wrapped = Sample(
        "x", "vqa-v2", "vqa", ("a.png",), "Answer me.", "red", meta={"question": "What color is the ring?"}
    )
    assert question_of(wrapped).type == "color" and question_of(caption) is None
    index = FakeIndex()
    assert rewriter_hallucinated([Rewrite(sample, "The ring is red.")], index).value == 0
    assert rewriter_hallucinated([Rewrite(sample, "The ring is red. It is quite large.")], index).value == 1


def test_wrong_drafts_contradict_the_image_and_spread_over_types():
    samples = [
        vqa(item.question.text, item.question.answer, number)
        for number, item in enumerate(asked(k, s) for s in range(6) for k in QUESTION_TYPES)
    ]
    wrong = wrong_drafts(samples, seed=0)
    assert len(wrong) == len(samples)
    for sample in wrong:
        question = question_of(sample)
        assert sample.raw != next(item.raw for item in samples if f"{item.id}/wrong" == sample.id)
        assert sample.raw in {"left", "right"} or question.type != "side"
    assert {question_of(sample).type for sample in wrong[:8]} == set(QUESTION_TYPES)
    assert len(wrong_drafts(samples, seed=0, limit=5)) == 5
    assert wrong_drafts([vqa("What color is the ring?", "I cannot say", 1)], seed=0) == []
    sample = next(item for item in wrong if question_of(item).type == "color")
    noun = question_of(sample).target.text()
    assert follows_wrong_draft([Rewrite(sample, f"The {noun} is {sample.raw}.")]).value == 1


def test_descriptions_are_measured_by_recall_and_false_claims():
    caption = Sample("c", "mscoco-captions", "caption", ("a.png",), "Describe the image.", "a ring")
    rewrites = [
        Rewrite(
            caption,
            "The image shows two objects. There is a small red ring at the top left. There is a large green star.",
        ),
        Rewrite(caption, "There is a red ring. There is a blue cross."),
    ]
    recall, false, count = paragraph_figures(rewrites, FakeIndex())
    assert (recall, false, count) == (0.75, 0.5, 2)
    figures = rewriter_figures(rewrites, [], FakeIndex(), length_reward)
    assert figures["rewriter.win_rate"] == 1 and figures["rewriter.paragraph_recall"] == 0.75
    assert set(figures) == {
        f"rewriter.{name}"
        for name in (
            "win_rate",
            "answer_preserved",
            "follows_wrong_draft",
            "hallucinated",
            "paragraph_recall",
            "paragraph_false_claim",
        )
    }
