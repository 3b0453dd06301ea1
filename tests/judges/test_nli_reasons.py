"""Answers with their evidence: what follows from it, and what does not."""

from random import Random

import pytest

from flamingo_lib.judges.nli_reasons import (
    reasoned_other,
    reasoned_same,
    reasoned_torn,
    scene_answering,
    twice,
)
from flamingo_lib.judges.nli_wording import ANSWERS
from flamingo_lib.scenes.claims import read_claims
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.ground_truth import check, stated_answer
from flamingo_lib.scenes.language import REASONED, evidence
from flamingo_lib.scenes.questions import answer_question, ask, possible_types


def asked(kind, count=40):
    """`count` scenes with a question of this type."""
    found = []
    for seed in range(count * 3):
        scene = draw_scene(seed, "judges")
        if kind in possible_types(scene):
            found.append((Random(seed), scene, ask(scene, Random(seed), kind)))
    return found[:count]


@pytest.mark.parametrize("kind", REASONED)
def test_a_scene_is_found_for_every_answer(kind):
    for random, scene, question in asked(kind):
        for answer in ANSWERS[kind]:
            found = scene_answering(random, scene, question, answer)
            if found is None:
                assert kind == "count" and answer == "0"
                continue
            assert answer_question(found[0], question) == answer == found[1].answer
            assert check(found[0], evidence(random, *found), question).ok


@pytest.mark.parametrize("kind", REASONED)
def test_right_answers_give_the_answer_and_hold_in_the_scene(kind):
    texts = []
    for random, scene, question in asked(kind):
        text = reasoned_same(random, scene, question, question.answer)
        assert stated_answer(question, text) == question.answer and check(scene, text, question).ok, text
        texts.append(text)
    behind = sum(", so " in text for text in texts)
    assert len(texts) / 2 < behind <= len(texts)


@pytest.mark.parametrize("kind", REASONED)
def test_wrong_conclusions_stand_behind_right_and_wrong_evidence(kind):
    true = told = 0
    for random, scene, question in asked(kind):
        text = reasoned_other(random, scene, question, question.answer)
        if text is None or (kind == "existence" and "is in the image" in text):  # what is shown may answer by itself
            continue
        if kind == "side" and ", not to the " in text:  # no example comes of it: it gives the side after all
            continue
        told += 1
        assert stated_answer(question, text) != question.answer, text
        true += check(scene, text.partition(", so ")[0] + ".", question).ok
    assert told > 5 and 0 < true < told


@pytest.mark.parametrize("kind", REASONED)
def test_torn_answers_conclude_what_their_evidence_does_not_show(kind):
    told = 0
    for random, scene, question in asked(kind):
        annotation = f"Answer: {question.answer}."
        text = reasoned_torn(random, scene, question, question.answer, annotation)
        if text is None or ", so " not in text:
            continue
        shown, _, conclusion = text.partition(", so ")
        told += 1
        repeated = any(claim.kind == "repeated" for claim in read_claims(shown + ".").claims)
        assert repeated or not check(scene, shown + ".").ok or kind == "count", text
        assert stated_answer(question, f"{conclusion[0].upper()}{conclusion[1:]}") == question.answer, text
    assert told > 15


def test_torn_answers_speak_against_the_annotations_reason():
    against = 0
    for random, scene, question in asked("side"):
        one, other = question.subject, question.other
        reason = f"The {one.name()} is at the {one.position} and the {other.name()} is at the {other.position}."
        text = reasoned_torn(random, scene, question, question.answer, f"Answer: {question.answer}. {reason}")
        stated = stated_answer(question, text)
        against += stated == question.answer and not check(scene, text, question).ok
    assert against > 10


def test_an_object_is_listed_twice():
    for random, scene, question in asked("existence"):
        doubled = twice(random, scene, question)
        pairs = [item.pair for item in doubled.objects]
        assert len(set(pairs)) == len(pairs) - 1
        assert any(claim.kind == "repeated" for claim in read_claims(evidence(random, doubled, question)).claims)
