"""The 24 style commands as text operations, and the offline backend."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_lib.distortion.commands import STYLE_COMMANDS, draw_command, style_command
from flamingo_lib.distortion.compress import compress
from flamingo_lib.distortion.rule_backend import distort_by_rules, spelled
from flamingo_lib.errors import ConfigError
from flamingo_lib.scenes.graph import COLORS, SHAPES, SIZES, draw_scene
from flamingo_lib.scenes.language import polite
from flamingo_lib.scenes.questions import ask

TEXT = (
    "The small red ring is at the top left of the image. There are two objects in total. You can see a blue star, too."
)


def run(name, text=TEXT, seed=0):
    return style_command(name).operation(text, random.Random(seed))


def spread(name, text=TEXT, seeds=40):
    return [run(name, text, seed) for seed in range(seeds)]


def test_there_are_24_distinct_commands():
    assert len(STYLE_COMMANDS) == 24
    assert (
        len({command.name for command in STYLE_COMMANDS}) == len({command.promise for command in STYLE_COMMANDS}) == 24
    )
    with pytest.raises(ConfigError, match="no style command"):
        style_command("rude")


def test_each_command_does_what_it_promises():
    assert run("plain") == (
        "the small red ring is at the top left of the image there are two objects in total you can see a blue star too"
    )
    assert run("upper") == TEXT.upper() and run("lower") == TEXT.lower() and run("shortest") == TEXT
    assert all(text != TEXT and len(text.split()) == len(TEXT.split()) for text in spread("typos"))
    assert any(" a" not in text.lower() or "are at" in text for text in spread("grammar_errors"))
    assert all(len(text) < len(TEXT) for text in spread("drop_random"))
    assert all("red ring" in text and len(text.split()) >= 20 for text in spread("synonyms"))
    assert any(re.search(r"\b(\w+ \w+) \1\b", text) for text in spread("repetition"))
    assert all(sorted(re.findall(r"\w+", text)) == sorted(re.findall(r"\w+", TEXT)) for text in spread("rearranged"))
    assert all(
        re.search(r"\b(?:was|were|been|be|saw|seed|seeing|will be|could|cans)\b", text)
        for text in spread("wrong_tenses")
    )
    assert all(len(text) > len(TEXT) for text in spread("verbose"))
    assert run("essentials") == "small, red, ring, top, left, two, blue, star"
    assert run("no_formatting", "# Title\n\n- **one**\n- `two`\n1. three") == "Title one two three"
    assert run("paraphrase") != TEXT
    assert run("reversed_sentences").startswith("You can see a blue star") and run("reversed_sentences").endswith(
        "of the image."
    )
    assert "aint" in run("casual", "It is not red.") and "n" in run("casual", "red and blue").split()
    assert "visual composition" in " ".join(spread("overly_complex"))
    assert all(
        text.startswith(TEXT[:-1]) and len(text) > len(TEXT)
        for name in ("ambiguous", "metaphors")
        for text in spread(name)
    )
    assert all(TEXT in text and text != TEXT for text in spread("irrelevant"))
    assert all(
        max(text.lower().count(word) for word in ("ring", "two", "star")) == 2 for text in spread("repeated_sentence")
    )
    assert len(run("five_words").split()) == 5
    assert sorted(set(re.findall(r"\w+", TEXT)) - set(run("incoherent").split())) == []


def test_every_command_survives_any_text():
    for text in ("2", "red", "?", "a", "😀", "हिन्दी में", "Yes.", "一つ。二つ", "x\ny"):
        for command in STYLE_COMMANDS:
            for seed in range(5):
                assert command.operation(text, random.Random(seed)).strip()


def test_answers_are_never_exchanged():
    """Colours, shapes and numbers may be lost or mistyped, but no other colour, shape or number may appear."""
    answers = {*COLORS, *SHAPES, *SIZES, "one", "four"}
    for command in STYLE_COMMANDS:
        for seed in range(30):
            draft = set(re.findall(r"[a-z]+", command.operation(TEXT, random.Random(seed)).lower()))
            assert not (draft & answers) - {"small", "red", "ring", "two", "blue", "star"}


def test_drafts_are_short_reproducible_and_half_of_them_raw():
    exact = alike = total = 0
    for index in range(1500):
        generator = random.Random(index)
        scene = draw_scene(5, f"scene-{index}")
        question = ask(scene, generator)
        response = polite(generator, scene, question)
        drafts = [
            distort_by_rules(question.text, response, draw_command(random.Random(index)), random.Random(index))
            for _ in range(2)
        ]
        assert drafts[0] == drafts[1] and 0 < len(drafts[0]) <= len(response)
        exact += drafts[0] == question.answer
        alike += drafts[0].lower().rstrip(".") == question.answer
        total += 1
    assert 0.45 <= exact / total <= 0.65, exact / total
    assert 0.5 <= alike / total <= 0.75, alike / total


def test_spelling_is_mostly_as_it_is():
    spellings = [spelled("two", random.Random(seed)) for seed in range(500)] + [
        spelled("2", random.Random(seed)) for seed in range(500)
    ]
    assert set(spellings) == {"two", "Two", "two.", "Two.", "2", "2."}
    assert spellings.count("two") > 400 and spellings.count("2") > 400


TEXTS = st.text(max_size=60) | st.lists(
    st.sampled_from("Is the red or two? How many yes, no. 3.5 A! 😀 हिन्दी one\n- x".split(" ")), max_size=14
).map(" ".join)


@given(TEXTS, TEXTS, st.sampled_from([None, *STYLE_COMMANDS]), st.integers(0, 99))
@settings(max_examples=400, deadline=None)
def test_any_instruction_and_response_give_a_short_draft(instruction, response, command, seed):
    draft = distort_by_rules(instruction, response, command, random.Random(seed))
    assert draft == distort_by_rules(instruction, response, command, random.Random(seed))
    assert bool(draft.strip()) == bool(response.strip())
    assert len(draft) <= len(response)
    draft.encode("utf-8")


def test_empty_responses_stay_empty():
    assert all(distort_by_rules("What?", " ", command, random.Random(0)) == "" for command in (None, *STYLE_COMMANDS))
    assert compress("What?", "") == ""


def test_commands_are_drawn_evenly_half_of_the_time():
    drawn = [draw_command(random.Random(seed), 0.5) for seed in range(6000)]
    assert abs(sum(command is None for command in drawn) / 6000 - 0.5) < 0.03
    counts = [drawn.count(command) for command in STYLE_COMMANDS]
    assert min(counts) > 80 and max(counts) < 180
