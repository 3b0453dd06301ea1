"""Exchanges that turn on knowledge."""

import re

from flamingo_lib.judges.reward_knowledge import object_exchange, reasoning_exchange, text_exchange, text_facts
from flamingo_lib.scenes.graph import draw_scene
from flamingo_lib.seeding import generator

SCENE = draw_scene(3, "knowledge", count=3)


def test_general_facts_are_true_and_new():
    facts = text_facts("What is 3 plus 4?", "3 plus 4 is 7.")
    assert "The number 7 is odd." in facts and "The number that comes right after 4 is 5." in facts
    assert text_facts("Is 4 even or odd?", "4 is an even number.") == ["The number that comes right after 4 is 5."]
    assert text_facts("What is a ring?", "A ring is a round shape with a hole in the center.") == []
    assert "The day after Sunday is Monday." in text_facts("Which day comes before Sunday?", "It is Saturday.")
    assert "A fish has no legs." in text_facts("Which is larger, a fish or a fly?", "A fish is larger.")


def test_a_text_without_facts_has_no_supported_answer():
    found = []
    for index in range(300):
        random = generator(0, "text", index)
        exchange = text_exchange(random, SCENE)
        text = exchange.supported(random)
        found.append(bool(text))
        if exchange.instruction.startswith("What is the opposite of hot"):
            assert not text
    assert 0.6 < sum(found) / 300 < 1


def test_a_plain_conclusion_keeps_the_answer():
    for index in range(60):
        random = generator(0, "reasoning", index)
        exchange = reasoning_exchange(random, SCENE)
        plain = re.findall(r"\w+", exchange.plain(random).lower())
        curt = re.findall(r"\w+", exchange.curt(random).lower())
        assert {"answer", "say", "yes", "no"} & set(plain)
        assert ("yes" in curt) == ("yes" in plain) and ("no" in curt) <= ("no" in plain)


def test_an_object_is_named_or_described():
    for index in range(60):
        random = generator(0, "object", index)
        exchange = object_exchange(random, SCENE)
        shapes = {item.shape for item in SCENE.objects}
        assert any(shape in exchange.plain(random) for shape in shapes)
        assert len({word for word in re.findall(r"\w+", exchange.false(random)) if word in
                    {"circle", "square", "triangle", "star", "cross", "ring"}}) == 2  # fmt: skip
