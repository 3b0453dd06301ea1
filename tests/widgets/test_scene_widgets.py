"""Widgets about one scene: models asked side by side, and a scene put together cell by cell."""

from __future__ import annotations

from pathlib import Path

import pytest

from flamingo_lib.errors import FlamingoError
from flamingo_lib.scenes.claims import read_claims
from flamingo_lib.scenes.ground_truth import check
from flamingo_lib.widgets.ask_the_scene import AskTheScene, SceneModel, asked_view
from flamingo_lib.widgets.scene_editor import EMPTY, SceneEditor, build_scene, claim_words, editor_view

CELLS = {0: ("ring", "red", "small"), 5: ("star", "blue", "large")}
SCENE = build_scene(CELLS)
QUESTION = "What color is the ring?"


def rewards(instructions, responses):
    assert len(instructions) == len(responses)
    return [float(len(text)) for text in responses]


def test_answers_stand_beside_truth_and_reward():
    shown = asked_view(SCENE, QUESTION, {"one": "red", "two": "The ring is green.", "three": "It is a star."}, rewards)
    assert "True answer: red." in shown and "+3.00" in shown and "+18.00" in shown
    assert shown.count("fl-good") == 1 and shown.count("not right") == 2
    assert "small red ring at the top left" in shown


@pytest.mark.parametrize(
    ("question", "answer", "words"),
    [
        ("Tell me about it", "There is a red ring.", ["No wording", "true"]),
        ("Tell me about it", "There is a green ring.", ["No wording", "false claim"]),
        ("Tell me about it", "Hello!", ["No wording", "no claim"]),
        ("What color is the cross?", "There is no cross.", ["True answer: none", "true"]),
    ],
)
def test_questions_without_an_answer(question, answer, words):
    shown = asked_view(SCENE, question, {"one": answer})
    assert all(word in shown for word in words)


def test_a_model_that_is_not_there_names_its_command():
    model = SceneModel(Path("no/such/model"), command="flamingo pipeline --run x")
    with pytest.raises(FlamingoError, match="flamingo pipeline --run x"):
        model(SCENE, QUESTION)
    bench = AskTheScene({"here": lambda scene, question: "red", "gone": model}, rewards)
    assert "not trained yet. Run flamingo pipeline --run x" in bench.view.value and "red" in bench.view.value


def test_each_question_is_asked_once_and_shuffling_asks_a_new_one():
    asked = []

    def model(scene, question):
        asked.append((scene.id, question))
        return "red"

    bench = AskTheScene({"one": model}, seed=3)
    first = bench.question.value
    assert asked == [("ask/0", first)]
    bench.to_html()
    assert len(asked) == 1
    bench.shuffle.click()
    assert asked[1][0] == "ask/1" and bench.question.value in bench.view.value
    bench.question.value = QUESTION
    assert asked[-1] == ("ask/1", QUESTION) and len(asked) == 3
    bench.unseen.value = True
    assert bench.scene.held_out and asked[-1] == ("ask/2", bench.question.value) and len(asked) == 4
    bench.question.value = "  "
    assert "Type a question." in bench.view.value and len(asked) == 4


def test_progress_is_shown_between_answers():
    seen = []
    bench = AskTheScene({"one": lambda scene, question: "red"})
    bench.models["two"] = lambda scene, question: seen.append(bench.view.value) or "blue"
    bench.refresh()
    assert "Asking two" in seen[0] and "red" in seen[0] and "Asking" not in bench.view.value


def test_a_built_scene_is_one_that_the_checker_knows():
    assert check(SCENE, "There is a red ring at the top left. The blue star is large.").ok
    assert [item.position for item in SCENE.objects] == ["top left", "middle right"]
    for item in SCENE.objects:
        box = item.box()
        assert int(box.x1 * 3) == int(box.x2 * 3) == item.column and int(box.y1 * 3) == int(box.y2 * 3) == item.row


def test_the_editor_shows_graph_questions_and_verdict():
    shown = editor_view(CELLS, "There is a red ring. There is a green star.")
    assert "small red ring" in shown and "2 of nine cells" in shown and "1 of 2 claims are false" in shown
    assert "side" in shown and "No claim" in editor_view(CELLS, "What a view!")
    assert "board is empty" in editor_view({}, "")
    assert "Two objects are a red ring" in editor_view({**CELLS, 8: ("ring", "red", "large")}, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("The ring is at the top left.", "ring, at the top left"),
        ("There is no cross.", "cross, exactly 0"),
        ("The ring is red.", "ring, color red"),
        ("The ring is to the left of the star.", "ring, left of star"),
    ],
)
def test_claims_in_words(text, words):
    assert words in [claim_words(claim) for claim in read_claims(text).claims]


def test_controls_of_the_editor_redraw():
    editor = SceneEditor(SCENE, "There is a red ring.")
    assert "0 of 1 claims" in editor.view.value
    shape, color, _ = editor.cells[0]
    color.value = "green"
    assert "1 of 1 claims" in editor.view.value and "small green ring" in editor.view.value
    shape.value = EMPTY
    assert "1 of nine cells" in editor.view.value
    editor.text.value = "There is a blue star."
    assert "0 of 1 claims" in editor.view.value
    assert "fl-card" in editor._repr_mimebundle_()["text/html"]
