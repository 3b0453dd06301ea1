"""Reading what free text answers: verdicts, numbers, colors, objects, relations."""

import pytest

from flamingo_lib.evaluation.answer_reading import (
    answer_kind,
    answers_question,
    plain_answer,
    stated_color,
    stated_number,
    stated_object,
    stated_relation,
    stated_truth,
)
from flamingo_lib.scenes.graph import Scene
from flamingo_lib.scenes.questions import parse_question
from tests.scenes.conftest import make

LEFT = "The red circle is to the left of the blue square."


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("yes", "yes"),
        ("No.", "no"),
        ("True", "yes"),
        ("False.", "no"),
        ("Yes, the statement is true.", "yes"),
        ("No, that is not true.", "no"),
        ("That is not correct.", "no"),
        ("The statement is correct.", "yes"),
        ("Sure! Yes, the red circle is to the left of the blue square. Let me know if you need more!", "yes"),
        ("The red circle is located to the left of the blue square.", "yes"),
        ("The blue square is to the right of the red circle.", "yes"),
        ("The red circle is to the right of the blue square.", "no"),
        ("The red circle is not to the left of the blue square.", "no"),
        ("No, the red circle is to the right of the blue square.", "no"),
        ("It is true that the red circle is to the left of the blue square.", "yes"),
        ("Yes, the red circle is to the right of the blue square.", None),
        ("Yes, the green star is to the left of the black ring.", None),
        ("True. No.", None),
        ("The picture is nice.", None),
        ("", None),
    ],
)
def test_verdicts_on_a_statement_of_a_relation(text, verdict):
    assert stated_truth(text, statement=LEFT) == verdict


@pytest.mark.parametrize(
    ("statement", "text", "verdict"),
    [
        ("The left image contains a red circle.", "True", "yes"),
        ("The left image contains a red circle.", "No, the left image does not contain a red circle.", "no"),
        ("The left image contains a red circle.", "There is a red circle in the left image.", "yes"),
        ("The left image contains a red circle.", "There is no red circle in the left image.", "no"),
        ("The left image contains a red circle.", "There is a red circle in the right image.", None),
        ("The left image contains a red circle.", "True, the left image contains a green star.", None),
        ("The left image contains exactly two objects.", "The left image contains three objects.", "no"),
        ("The left image contains exactly two objects.", "The left image contains two objects.", "yes"),
        ("The left image contains exactly one object.", "No, the cyan cross is not located at the bottom left.", None),
        ("The left image contains a red circle.", "Yes, there is a red circle in the right image.", None),
        ("The left image contains a red circle.", "No, there is no red circle in the image.", "no"),
        ("Both images show the same number of objects.", "That is false.", "no"),
        ("Both images show the same number of objects.", "True or false: true.", "yes"),
    ],
)
def test_verdicts_on_a_statement_about_two_images(statement, text, verdict):
    assert stated_truth(text, statement=statement) == verdict


def test_a_yes_or_no_question_may_be_answered_true_or_false():
    question = parse_question("Is there a red ring?")
    for text, verdict in (("True", "yes"), ("False", "no"), ("No, there is no red ring.", "no"), ("A ring.", None)):
        assert stated_truth(text, question) == verdict


CORNERS = "How many corners does the shape at the top left have?"
NEXT = "Which number comes after the number of objects in the image?"


@pytest.mark.parametrize(
    ("text", "instruction", "number"),
    [
        ("3", CORNERS, "3"),
        ("Three.", CORNERS, "3"),
        ("The triangle at the top left has three corners.", CORNERS, "3"),
        ("There is one triangle, and it has 3 corners.", CORNERS, "3"),
        ("A circle has no corners.", CORNERS, "0"),
        ("The one at the top left has four sharp corners.", CORNERS, "4"),
        ("It has three corners and four corners.", CORNERS, None),
        ("It has corners.", CORNERS, None),
        ("There are three objects, so the next number is four.", NEXT, "4"),
        ("The number 4 comes after 3.", NEXT, "4"),
        ("The number of objects in the picture is four.", NEXT, None),
        ("The number of objects is three, and the next number is 4.", NEXT, "4"),
        ("The number of corners of the triangle is three.", CORNERS, "3"),
        ("There are 2 objects to the left of the ring.", "How many objects are to the left of the ring?", "2"),
        ("There are no objects above it.", "How many objects are above the ring?", "0"),
    ],
)
def test_numbers(text, instruction, number):
    assert stated_number(text, instruction) == number


@pytest.mark.parametrize(
    ("text", "color"),
    [
        ("orange", "orange"),
        ("You would get orange.", "orange"),
        ("If you mix red and yellow, you get orange.", "orange"),
        ("Red and yellow make orange.", "orange"),
        ("Red and yellow.", None),
        ("A nice color.", None),
    ],
)
def test_colors(text, color):
    assert stated_color(text) == color


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("blue square", "blue square"),
        ("The blue square is below the red circle.", "blue square"),
        ("It is a square.", "square"),
        ("The object below the red circle is a square. The blue square is large.", "blue square"),
        ("The red circle.", None),
        ("A star or a ring.", None),
        ("No, a blue square is not present in this scene.", None),
    ],
)
def test_objects(text, name):
    found = stated_object(text, "Which object is below the red circle?")
    assert (found.text() if found else None) == name


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("left", "left"),
        ("To the left of", "left"),
        ("The red circle is above the star.", "above"),
        ("The star is below the red circle.", "above"),
        ("It is to the right of the star.", "right"),
        ("The ring is above the cross.", None),
        ("Both are shapes.", None),
    ],
)
def test_relations(text, relation):
    assert stated_relation(text, "What is the relation between the red circle and the star?") == relation


def test_answers_of_every_kind_are_compared_in_one_spelling():
    kinds = {
        "True": "yes/no",
        "two": "number",
        "red": "color",
        "above": "relation",
        "blue star": "object",
        "odd": "words",
    }
    assert {answer: answer_kind(answer) for answer in kinds} == kinds
    assert (plain_answer("False"), plain_answer("Two."), plain_answer(" Red ")) == ("no", "2", "red")
    parity = "Is the number of objects in the image even or odd?"
    assert answers_question("The number of objects is odd.", "odd", instruction=parity)
    assert not answers_question("It is even or odd.", "odd", instruction=parity)
    assert answers_question(
        "There are two red objects.", "2", question=parse_question("How many red objects are there?")
    )
    assert answers_question("It is a famous painting.", "painting") and not answers_question("", "painting")
    assert answers_question("The star.", "star", instruction="Which shape has the same color as a tomato?")
    assert not answers_question("The green square.", "blue square", instruction="Which object is below the ring?")


def test_an_object_must_be_in_the_scene_as_it_is_named():
    scene = Scene("fixed", (make("circle", "red", "small", 0), make("square", "blue", "large", 4)))
    asked = "Which shape has the same color as the sky?"
    assert answers_question("The blue square.", "square", instruction=asked, scene=scene)
    assert not answers_question("The green square.", "square", instruction=asked, scene=scene)
