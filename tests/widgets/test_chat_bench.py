"""The chat bench: the same conversation for each model, answers as they are written, and what can't be asked."""

from __future__ import annotations

import pytest
from PIL import Image

from flamingo_lib.html import paragraph
from flamingo_lib.records import Turn
from flamingo_lib.widgets.chat_bench import ChatBench, chat_view
from tests.serving.fakes import EchoBackend

PICTURES = {"first": Image.new("RGB", (36, 36), "tan"), "second": Image.new("RGB", (36, 36), "red")}


class Upper(EchoBackend):
    """Answers in capitals."""

    def decode(self, ids):
        return super().decode(ids).upper()


@pytest.fixture
def bench():
    opening = [("what is here?", ["first"]), ("and now?", ["first", "second"])]
    return ChatBench({"echo": EchoBackend(), "loud": Upper()}, PICTURES, opening)


def test_a_conversation_with_pictures():
    shown = chat_view([Turn("a?", "b", 1), Turn("c?")], [{"first": PICTURES["first"]}, {}], model="m", writing="so f")
    assert "picture first" in shown and "so f ▍" in shown and shown.count("<dt>m</dt>") == 2
    assert "Nothing has been said" in chat_view([], [], model="m")
    assert "What the model reads" in chat_view([], [], model="m", tokens=paragraph("tokens"))


def test_the_opening_is_asked_at_once(bench):
    assert [turn.response for turn in bench.session.turns] == ["what is here?", "and now?"]
    assert bench.view.value.count("<img") == 3


def test_another_model_is_asked_the_same(bench):
    bench.model.value = "loud"
    assert [turn.response for turn in bench.session.turns] == ["WHAT IS HERE?", "AND NOW?"]
    assert "<dt>loud</dt>" in bench.view.value and "AND NOW?" in bench.view.value


def test_answers_show_as_they_are_written(bench):
    frames = []
    bench.view.observe(lambda change: frames.append(change["new"]), names="value")
    bench.question.value, bench.shown.value = "yes?", ("second",)
    bench.send()
    assert [part for part in ("y ▍", "ye ▍", "yes ▍") if any(part in frame for frame in frames)] == [
        "y ▍",
        "ye ▍",
        "yes ▍",
    ]
    assert "▍" not in bench.view.value and bench.view.value.count("<img") == 4
    assert bench.question.value == "" and bench.shown.value == ()


def test_taking_back_and_beginning_anew(bench):
    bench.undo()
    assert len(bench.session.turns) == 1 and bench.view.value.count("<img") == 1
    bench.clear()
    assert "Nothing has been said" in bench.view.value
    bench.undo()
    bench.replay()
    assert bench.session.turns == []


def test_an_empty_question_is_refused_and_forgotten(bench):
    bench.question.value = "  "
    bench.send()
    assert "the instruction is empty" in bench.view.value and len(bench.session.turns) == len(bench.asked) == 2


def test_the_keyboard_reaches_every_control(bench):
    row = bench.children[0].children
    assert [child.description for child in row[-3:]] == ["send", "take back", "new chat"]
    assert all(child.tabbable is not False for child in row)


def test_no_answer_stands_under_another_models_name(bench):
    frames = []
    bench.view.observe(lambda change: frames.append(change["new"]), names="value")
    bench.model.value = "loud"
    assert "▍" in frames[0], "the question and a cursor, before the first piece of an answer"
    assert not any(f"<dt>loud</dt><dd>{words}" in frame for frame in frames for words in ("what", "and"))
