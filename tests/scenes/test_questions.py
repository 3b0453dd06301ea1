import random
from collections import Counter

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.scenes.graph import HELD_OUT_PAIRS, Scene
from flamingo_lib.scenes.questions import (
    QUESTION_TYPES,
    WORDINGS,
    answer_question,
    ask,
    parse_question,
    possible_types,
    wordings,
)


def asked(scenes, times=8):
    generator = random.Random(1)
    return [(scene, ask(scene, generator)) for scene in scenes for _ in range(times)]


def test_every_wording_is_parsed_exactly(scenes):
    for scene, question in asked(scenes):
        for text in wordings(question):
            parsed = parse_question(text)
            assert (parsed.type, parsed.target, parsed.anchor, parsed.relation) == (
                question.type,
                question.target,
                question.anchor,
                question.relation,
            ), text
            assert answer_question(scene, parsed) == question.answer


def test_wordings_of_different_questions_differ(scenes):
    meaning = {}
    for _, question in asked(scenes):
        for text in wordings(question):
            key = (question.type, question.target, question.anchor, question.relation)
            assert meaning.setdefault(text, key) == key


def test_answers_follow_from_the_geometry(scenes):
    for scene, question in asked(scenes):
        one, other = question.subject, question.other
        if question.type == "side":
            assert question.answer == ("left" if one.cx < other.cx else "right")
        elif question.type == "relation":
            true = {
                "left of": one.cx < other.cx,
                "right of": one.cx > other.cx,
                "above": one.cy < other.cy,
                "below": one.cy > other.cy,
            }
            assert question.answer == ("yes" if true[question.relation] else "no")
        elif question.type == "position":
            column = ("left", "center", "right")[int(one.cx * 3)]
            assert column in question.answer
        elif question.type == "count":
            words = question.text.lower().rstrip("?").split()
            named = [
                item
                for item in scene.objects
                if item.color in words or any(word.startswith(item.shape) for word in words)
            ]
            everything = not question.target.color and not question.target.shape
            assert int(question.answer) == len(scene.objects if everything else named)


def test_yes_and_no_are_balanced_and_all_types_come(scenes):
    answers = Counter((question.type, question.answer) for _, question in asked(scenes))
    for kind in ("existence", "relation"):
        yes, no = answers[kind, "yes"], answers[kind, "no"]
        assert abs(yes - no) < 0.15 * (yes + no)
    assert {kind for kind, _ in answers} == set(QUESTION_TYPES) == set(WORDINGS)


def test_held_out_scenes_are_asked_about_the_unseen_pair(scenes):
    for _, question in asked([scene for scene in scenes if scene.held_out]):
        if question.subject is not None:
            assert question.subject.pair in HELD_OUT_PAIRS


def test_held_in_scenes_never_name_a_held_out_pair(scenes):
    for _, question in asked([scene for scene in scenes if not scene.held_out]):
        assert (question.target.shape, question.target.color) not in HELD_OUT_PAIRS


def test_only_possible_types_can_be_asked(scene):
    single = Scene("single", scene.objects[:1])
    assert "relation" not in possible_types(single) and "side" not in possible_types(single)
    assert "shape" in possible_types(single)
    # the star is of a held-out pair, so it is what is asked about, and its color does not tell it from the square
    assert set(possible_types(scene)) == set(QUESTION_TYPES) - {"shape"}
    with pytest.raises(DataError, match="allows no relation"):
        ask(single, random.Random(0), "relation")
    with pytest.raises(DataError, match="no question type"):
        ask(single, random.Random(0), "taste")


@pytest.mark.parametrize("text", ["Who made this?", "What color is the sky?", "How many red are there?", ""])
def test_other_questions_are_not_parsed(text):
    with pytest.raises(DataError, match="no question"):
        parse_question(text)


def test_an_unanswerable_question_has_no_answer(scene):
    assert answer_question(scene, parse_question("What shape is the blue object?")) == ""
    assert answer_question(scene, parse_question("Where is the green ring?")) == ""
