"""Curt answers and vague ones, questions put as statements."""

from random import Random

from flamingo_lib.evaluation.answer_reading import statement_question
from flamingo_lib.judges.nli_examples import ANSWERS
from flamingo_lib.judges.nli_wording import as_statement, curt_text, vague_text
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.ground_truth import stated_answer
from flamingo_lib.scenes.questions import QUESTION_TYPES, ask, possible_types


def questions():
    for seed in range(60):
        scene = draw_scene(seed, "judges")
        for kind in possible_types(scene):
            yield Random(seed), ask(scene, Random(seed), kind)


def test_curt_texts_are_short_and_give_the_answer():
    read = [
        stated_answer(question, text) == question.answer
        for random, question in questions()
        if len((text := curt_text(random, question, question.answer)).split()) <= 5
    ]
    assert len(read) > 400 and sum(read) > 0.9 * len(read)


def test_curt_texts_have_many_forms():
    forms = {curt_text(Random(seed), question, question.answer) for seed, (_, question) in enumerate(questions())}
    assert {"Two.", "yes", "No", "to the left", "a red circle"} & forms and len(forms) > 150


def test_vague_texts_answer_other_questions():
    told = [stated_answer(question, vague_text(random, question.type, ANSWERS)) for random, question in questions()]
    assert told.count(None) > 0.95 * len(told)


def test_a_statement_asks_the_same_question():
    asked = [(random, question) for random, question in questions() if question.type == "relation"]
    assert asked and set(QUESTION_TYPES) == set(ANSWERS)
    for random, question in asked:
        text = as_statement(random, question)
        statement = next(part for part in text.replace("? ", ". ").split(". ") if " the " in part and "The " in part)
        read = statement_question(statement)
        assert read is not None and (read.target, read.anchor, read.relation) == (
            question.target, question.anchor, question.relation,
        )  # fmt: skip
