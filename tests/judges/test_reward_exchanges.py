"""Exchanges of every task: what they say is true, and each writer gives what it is named for."""

import pytest

from flamingo_lib.judges.reward_exchanges import TASKS, box_line, draw_exchange
from flamingo_lib.judges.reward_grades import polite_parts
from flamingo_lib.records import Box
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.scenes.ground_truth import check
from flamingo_lib.seeding import generator


def draws(task, count=40):
    for index in range(count):
        random = generator(1, "exchange", task, index)
        yield index, random, draw_exchange(random, index, task)


@pytest.mark.parametrize("task", TASKS)
def test_every_writer_writes(task):
    for _, random, exchange in draws(task):
        assert exchange.instruction and exchange.task == task and exchange.image == (task != "text")
        assert exchange.curt(random).strip()
        plain, supported, rich = exchange.plain(random), exchange.supported(random), exchange.rich(random)
        assert plain.endswith(".") and plain[0].upper() == plain[0]
        assert polite_parts(plain).openers == polite_parts(plain).closings == ()
        assert polite_parts(supported).openers == polite_parts(supported).closings == ()
        assert rich.endswith((".", "!", "?"))


@pytest.mark.parametrize("task", ["question", "description"])
def test_what_they_say_of_the_scene_is_true(task):
    checked = 0
    for index, random, exchange in draws(task):
        held_out = generator(1, "exchange", task, index).random() < 0.35
        scene = draw_scene(index, "judges", held_out=held_out)
        for text in (exchange.plain(random), exchange.supported(random), exchange.rich(random)):
            report = check(scene, text, repeats=False)
            assert report.ok, (exchange.instruction, text, report.false_claims)
            checked += 1
    assert checked == 120


def test_questions_are_asked_in_several_forms():
    asked = [exchange.instruction for _, _, exchange in draws("question", 150)]
    assert any("true" in text for text in asked) and any(" or " in text for text in asked)


def test_annotations_come_in_all_lengths():
    for task in ("question", "description", "change"):
        words = sorted(len(exchange.curt(random).split()) for _, random, exchange in draws(task, 80))
        assert words[8] <= 10 and words[-8] >= 12, task


def test_a_box_line():
    assert box_line(Box("red ring", 0.1, 0.25, 1 / 3, 1)) == "red ring: [0.100, 0.250, 0.333, 1.000]"
