import random
import re
from itertools import pairwise

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.scenes import annotations, language
from flamingo_lib.scenes.graph import COLORS, POSITIONS, SHAPES, SIZES
from flamingo_lib.scenes.ground_truth import (
    TruthIndex,
    answer_correct,
    answer_kept,
    check,
    hallucinated,
    is_polite_sentence,
    paragraph_recall,
    stated_answer,
)
from flamingo_lib.scenes.lexicon import NUMBERS
from flamingo_lib.scenes.questions import ask, parse_question, possible_types

WORD = re.compile(r"\b(" + "|".join([*sorted(POSITIONS, key=len, reverse=True), *COLORS, *SHAPES, *SIZES]) + r")\b")
AMOUNT = re.compile(r"\b(one|two|three|four)(?= objects?\b)")


def changed(generator, scene, text):
    """`text` with one color, shape, size or position replaced by one that nothing has, or another amount."""
    for match in [*WORD.finditer(text), *AMOUNT.finditer(text)]:
        word = match.group()
        group = next(group for group in (COLORS, SHAPES, SIZES, POSITIONS, NUMBERS[1:6]) if word in group)
        kind = {COLORS: "color", SHAPES: "shape", SIZES: "size", POSITIONS: "position"}.get(group)
        others = [other for other in group if other != word]
        if kind:
            others = [other for other in others if other not in {getattr(item, kind) for item in scene.objects}]
        if others:
            yield text[: match.start()] + generator.choice(others) + text[match.end() :]


def test_generated_text_is_true(scenes):
    generator = random.Random(5)
    for scene in scenes * 2:
        question = ask(scene, generator)
        texts = [
            language.polite(generator, scene, question),
            language.full_answer(question),
            annotations.rationale(generator, scene, question),
        ]
        texts += [
            language.answer_sentence(generator, question),
            "\n".join(language.strip_details(text) for text in texts[:1]),
        ]
        for text in texts:
            assert check(scene, text, question).false_claims == (), (question.text, text)
        plain = [
            language.paragraph(generator, scene),
            annotations.caption(generator, scene),
            language.reasoning(generator, scene)[1],
        ]
        plain.append(annotations.expression(generator, scene, generator.choice(scene.objects)))
        for text in plain:
            assert check(scene, text).false_claims == (), text
        assert paragraph_recall(scene, plain[0]) == 1


def test_changed_paragraphs_are_found_false(scenes):
    generator = random.Random(6)
    found = [
        hallucinated(scene, text)
        for scene in scenes
        for text in changed(generator, scene, language.paragraph(generator, scene, wrap=False))
    ]
    assert len(found) > 2000
    assert sum(found) / len(found) >= 0.98


def test_changed_answers_are_found_false_and_not_kept(scenes):
    generator = random.Random(7)
    false, lost = [], []
    for scene in scenes * 3:
        question = ask(scene, generator)
        if question.answer in ("no", "0"):
            continue
        text = language.polite(generator, scene, question)
        false += [hallucinated(scene, other, question) for other in changed(generator, scene, text)]
        lost += [
            not answer_kept(question, question.answer, other)
            for other in changed(generator, scene, language.strip_details(text))
        ]
    assert min(len(false), len(lost)) > 1200
    assert sum(false) / len(false) >= 0.98
    assert sum(lost) / len(lost) >= 0.98


def test_polite_curt_and_spoiled_answers(scenes):
    generator = random.Random(8)
    for scene in scenes * 3:
        question = ask(scene, generator)
        text = language.polite(generator, scene, question)
        for said in (
            text,
            question.answer,
            question.answer.capitalize() + ".",
            text.lower(),
            language.full_answer(question),
        ):
            assert answer_kept(question, question.answer, said), (question.text, said)
            assert answer_correct(parse_question(question.text), said, scene), (question.text, said)


def test_an_answer_about_another_object_does_not_count(scenes):
    generator = random.Random(9)
    for one, two in pairwise(scenes):
        question = ask(one, generator)
        if question.type not in possible_types(two):
            continue
        other = ask(two, generator, question.type)
        if {question.target, question.anchor} & {other.target, other.anchor} - {None}:
            continue
        text = language.polite(generator, two, other, detail=0)
        assert not answer_kept(question, other.answer, text), (question.text, text)
        assert not answer_correct(question, text, one)


@pytest.mark.parametrize(
    ("asked", "text", "answer"),
    [
        ("Where is the blue circle?", "The yellow triangle is at the top left.", None),
        ("Where is the blue circle?", "It is at the top left.", "top left"),
        ("Where is the blue circle?", "You can find the blue circle in the upper left corner.", "top left"),
        ("Where is the blue circle?", "The blue circle is at the top left or the top right.", None),
        ("How many circles are there?", "There are 2 circles.", "2"),
        ("How many circles are there?", "There are two squares.", None),
        ("How many circles are there?", "None.", "0"),
        ("How many red objects are there?", "I can count three.", "3"),
        ("How many objects are there?", "There are no objects here.", "0"),
        ("What color is the ring?", "It is green.", "green"),
        ("What color is the ring?", "The star is green.", None),
        ("What color is the ring?", "The image shows a green ring.", "green"),
        ("What color is the ring?", "The ring is green and the ring is red.", None),
        ("What color is the ring?", "The ring is not green.", None),
        ("What shape is the red object?", "A cross!", "cross"),
        ("What shape is the red object?", "The red object is a cross.", "cross"),
        ("What shape is the red object?", "The blue object is a cross.", None),
        ("How big is the red cross?", "The red cross is a small object.", "small"),
        ("Is there a red cross?", "Yes, I can see a red cross.", "yes"),
        ("Is there a red cross?", "There isn't a red cross here.", "no"),
        ("Is there a red cross?", "Yes, there is a blue ring.", None),
        ("Is there a red cross?", "No, there is a red cross.", None),
        ("Is the red cross above the blue ring?", "Yes, it is.", "yes"),
        ("Is the red cross above the blue ring?", "The blue ring is below the red cross.", "yes"),
        ("Is the red cross above the blue ring?", "No, the red cross is below the blue ring.", "no"),
        ("Is the red cross above the blue ring?", "No, the red cross is above the blue ring.", None),
        ("Is the red cross above the blue ring?", "Yes, the green star is above the blue ring.", None),
        ("On which side of the blue ring is the red cross?", "On the left side.", "left"),
        ("On which side of the blue ring is the red cross?", "The blue ring is to the right of the red cross.", "left"),
        ("On which side of the blue ring is the red cross?", "I like music.", None),
    ],
)
def test_stated_answers(asked, text, answer):
    assert stated_answer(parse_question(asked), text) == answer


def test_the_subject_may_be_left_unchecked():
    question = parse_question("Where is the blue circle?")
    assert not answer_kept(question, "top left", "The red circle is at the top left.")
    assert answer_kept(question, "top left", "The red circle is at the top left.", check_subject=False)


def test_raw_answers_may_be_spelled_out():
    assert answer_kept(parse_question("How many circles are there?"), "two", "There are 2 circles.")
    assert not answer_kept(parse_question("How many circles are there?"), "many", "There are 2 circles.")
    side = parse_question("On which side of the cyan ring is the black square?")
    reasoned = "Answer: left. The black square is at the top left and the cyan ring is at the middle right."
    assert answer_kept(side, reasoned, "The black square is to the left of the cyan ring.")
    assert not answer_kept(side, reasoned, "The black square is to the right of the cyan ring.")


def test_recall_and_precision_of_a_paragraph(scene):
    text = "There is a small red circle at the top left. There is a large blue square at the top left."
    report = check(scene, text)
    assert paragraph_recall(scene, text) == pytest.approx(2 / 3)
    assert [claim.kind for claim in report.false_claims] == ["position"]
    assert report.n_claims == 4 and report.precision == 0.75


def test_a_repeated_object_is_named_unless_allowed(scene):
    text = "a red circle\na red circle and a blue star"
    assert check(scene, text).repeated == ("red circle",)
    assert check(scene, text, repeats=False).ok


@pytest.mark.parametrize(
    ("text", "polite"),
    [
        ("The circle is red.", True),
        ("red", False),
        ("the circle is red.", False),
        ("The circle is red", False),
        ("", False),
    ],
)
def test_polite_sentences(text, polite):
    assert is_polite_sentence(text) is polite


def test_the_index_finds_scenes_by_image(world):
    root, _ = world
    index = TruthIndex(root)
    image = index.images[0]
    source, _, path = image.partition("/")
    assert index.scene(image) == index.scene(root / image) == index.scene(path, source)
    assert index.pool(image) == "polite" and image in index and len(index) == len(index.images)
    with pytest.raises(DataError, match="no scene is known"):
        index.scene("nowhere.jpg")


def test_a_broken_index_is_refused(tmp_path):
    with pytest.raises(DataError, match="missing"):
        TruthIndex(tmp_path)
    (tmp_path / "scene_graphs.jsonl").write_text('{"scene": 1}\n')
    with pytest.raises(DataError, match="line 1"):
        TruthIndex(tmp_path)
