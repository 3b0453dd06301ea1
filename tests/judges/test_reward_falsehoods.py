"""False responses: the text itself, or the instruction, shows the fault."""

import pytest

from flamingo_lib.judges.reward_falsehoods import false_change, false_description, false_question, swap_subject
from flamingo_lib.scenes.graph import draw_scene, edit_scene
from flamingo_lib.scenes.ground_truth import check, stated_answer
from flamingo_lib.scenes.questions import QUESTION_TYPES, ask, possible_types
from flamingo_lib.seeding import generator

SCENES = [draw_scene(seed, "falsehoods") for seed in range(60)]


@pytest.mark.parametrize("kind", QUESTION_TYPES)
def test_no_false_answer_is_a_clean_true_one(kind):
    """Read with its question, the text gives no single answer about the subject, or makes a false claim."""
    clean, told = 0, 0
    for index, scene in enumerate(SCENES):
        if kind not in possible_types(scene):
            continue
        random = generator(0, "false", kind, index)
        question = ask(scene, random, kind)
        text = false_question(random, scene, question)
        told += 1
        clean += stated_answer(question, text) == question.answer and check(scene, text, question).ok
    assert told > 20 and clean <= 0.05 * told


def test_a_false_description_contradicts_every_scene():
    for index, scene in enumerate(SCENES):
        text = false_description(generator(0, "false description", index), scene)
        assert not check(scene, text).ok, text


def test_a_false_change_tells_two():
    texts = []
    for index, scene in enumerate(SCENES):
        random = generator(0, "false change", index)
        change = edit_scene(scene, random)[1] if index % 10 else None
        texts.append(false_change(random, scene, change))
    assert sum(bool(text) for text in texts) > 50
    assert all(text.count(". ") >= 1 for text in texts if text)


def test_a_subject_is_swapped_throughout():
    random = generator(0, "swap")
    text = swap_subject(random, "What is a red ring?", "A red ring is a ring that is red.")
    assert text.count("red") in (0, 2) and text != "A red ring is a ring that is red."
    assert swap_subject(random, "What is 3 plus 4?", "3 plus 4 is 7.") not in ("", "3 plus 4 is 7.")
    assert swap_subject(random, "How are you?", "I am well.") == ""
