"""Alarms ring for faults of the whole, and only for those."""

from __future__ import annotations

import math

import pytest

from flamingo_lib.filters import corpus_alarms
from flamingo_lib.filters.corpus_alarms import (
    CorpusAlarms,
    alarm_lines,
    alarms_html,
    alarms_json,
    alarms_words,
    changed_answer,
    pattern,
)
from flamingo_lib.records import Rewrite, Sample

COLORS = "red green blue yellow purple orange cyan black".split()
WAYS = ("The {} is {}.", "You can see that the {} is {}.", "It looks like the {} has {} paint.", "{}: it is {}.")


def rewrite(number, output, raw="red", instruction=None, image=None, task="vqa"):
    instruction = instruction or f"What color is thing {number}?"
    return Rewrite(Sample(f"s/{number}", "s", task, (image or f"{number}.png",), instruction, raw), output)


def rings(rewrites):
    return {alarm.name for alarm in CorpusAlarms().update(rewrites).alarms() if alarm.rings}


def varied(count=80):
    return [rewrite(n, WAYS[n % 4].format(f"thing {n}", COLORS[n % 8]), raw=COLORS[n % 8]) for n in range(count)]


def test_varied_rewrites_ring_nothing():
    assert rings(varied()) == set()


def test_one_pattern_rings():
    made = [rewrite(n, f"The thing{n} is {COLORS[n % 8]}.", raw=COLORS[n % 8]) for n in range(50)]
    assert rings([*made, *varied(20)]) == {"one sentence pattern"}
    [alarm] = [alarm for alarm in CorpusAlarms().update(made).alarms() if alarm.rings]
    assert alarm.note == "“the * is *”" and alarm.examples == ("s/0",)


@pytest.mark.parametrize(
    ("output", "name"),
    [
        ("I'm sorry, I cannot help with that.", "refusals"),
        ("The thing is red. ### Human: next", "leaked prompt"),
        ("red", "unchanged outputs"),
        ("The thing is blue.", "changed answers"),
    ],
)
def test_single_faults_ring_when_there_are_many(output, name):
    some = [rewrite(1000 + n, output) for n in range(30)]
    assert name in rings([*varied(), *some])


def test_outputs_that_do_not_depend_on_the_image():
    def about(picture, output):
        return rewrite(0, output, instruction="Describe it.", raw="things", image=picture, task="caption")

    same = [about(f"{n}.png", "There are things.") for n in range(10)]
    other = [about(f"{n}.png", f"There are {n} things.") for n in range(10)]
    assert "image plays no part" in rings(same)
    assert "image plays no part" not in rings(other)


@pytest.mark.parametrize(
    ("instruction", "raw", "text", "changed"),
    [
        ("How many are there?", "2", "There are two circles.", False),
        ("How many are there?", "2", "There are three circles.", True),
        ("Is there a circle?", "no", "No, there is no circle.", False),
        ("Is there a circle?", "no", "Yes, there is a circle.", True),
        ("Is there a circle?", "yes", "There is a circle.", False),
        ("What is it?", "a very long draft that can't be compared", "Something else.", False),
        ("Where?", "top left", "It is at the top left.", False),
    ],
)
def test_changed_answers(instruction, raw, text, changed):
    assert changed_answer(instruction, raw, text) is changed


def test_patterns_and_nothing_at_all():
    assert pattern("The red cube is small. And so on.") == "the * is *"
    assert pattern("") == ""
    alarms = CorpusAlarms().alarms()
    assert all(math.isnan(alarm.share) and not alarm.rings for alarm in alarms)
    assert "not measured" in alarms_html(alarms)
    assert alarms_words(alarms) == "No alarm rings; 0 of 8 could be measured." and alarm_lines(alarms) == []
    assert {alarm["share"] for alarm in alarms_json(alarms)} == {None}


def test_memory_is_bounded_and_what_is_common_stays_counted(monkeypatch):
    monkeypatch.setattr(corpus_alarms, "MAX_KEYS", 64)
    made = []
    for n in range(600):
        made += [
            rewrite(n, f"Say {COLORS[n % 8]} and thing{n} is {n}.", raw="x"),
            rewrite(n, "The same again.", raw="x"),
        ]
    found = CorpusAlarms().update(made)
    assert max(map(len, (found.patterns, found.outputs, found.answers))) <= 65
    alarm = next(alarm for alarm in found.alarms() if alarm.name == "outputs that say the same")
    assert alarm.share == 0.5 and "600 records" in alarm.note
