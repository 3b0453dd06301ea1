"""Records go to plain JSON and come back the same; what does not fit is named."""

import json
from dataclasses import FrozenInstanceError, fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flamingo_lib.errors import DataError
from flamingo_lib.records import (
    CAPTION_TASKS,
    TASKS,
    VQA_TASKS,
    Box,
    Conversation,
    Pair,
    Rewrite,
    Sample,
    Turn,
    Verdict,
    from_json,
    to_json,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
PLAIN = st.none() | st.booleans() | st.integers() | NUMBER | TEXT
JSON = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3))
MAPPING = st.dictionaries(TEXT, JSON, max_size=3)


def several(items):
    return st.lists(items, max_size=3).map(tuple)


BOXES = st.builds(Box, TEXT, NUMBER, NUMBER, NUMBER, NUMBER)
TURNS = st.builds(Turn, TEXT, st.none() | TEXT, st.integers(0, 3), st.none() | TEXT)
SAMPLES = st.builds(
    Sample,
    id=TEXT,
    source=TEXT,
    task=st.sampled_from(TASKS),
    images=several(TEXT),
    instruction=TEXT,
    raw=TEXT,
    boxes=several(BOXES),
    turns=several(TURNS),
    meta=MAPPING,
)
PAIRS = st.builds(Pair, TEXT, TEXT, several(TEXT), TEXT, TEXT, TEXT, TEXT, TEXT)
VERDICTS = st.builds(Verdict, st.booleans(), TEXT, st.none() | NUMBER, st.none() | NUMBER, TEXT, st.none() | TEXT)
REWRITES = st.builds(Rewrite, SAMPLES, TEXT, several(TEXT), MAPPING, several(VERDICTS))

SAMPLE = Sample("vqa-v2/1", "vqa-v2", "vqa", ("a.jpg",), "What is it?", "a cat", (Box("cat", 0, 0.1, 0.5, 1),))
REWRITE = Rewrite(SAMPLE, "It is a cat.", ("truncated",), {"reward": 1.5}, (Verdict(True, "length"),))


CONVERSATIONS = several(TURNS).map(
    lambda turns: Conversation("c", turns, tuple("a.png" for turn in turns for _ in range(turn.images)))
)


@settings(deadline=None)
@given(BOXES | TURNS | CONVERSATIONS | SAMPLES | PAIRS | VERDICTS | REWRITES)
def test_round_trip_through_json(record):
    back = from_json(type(record), json.loads(json.dumps(to_json(record), allow_nan=False)))
    assert back == record and type(back) is type(record)
    assert to_json(back) == to_json(record)


def test_json_is_plain_and_complete():
    values = to_json(REWRITE)
    assert set(values) == {item.name for item in fields(Rewrite)}
    assert values["sample"]["boxes"] == [{"name": "cat", "x1": 0, "y1": 0.1, "x2": 0.5, "y2": 1}]
    assert values["verdicts"][0] == {
        "keep": True, "filter": "length", "score": None, "threshold": None, "reason": "", "edit": None,
    }  # fmt: skip


def test_fields_with_defaults_may_be_left_out():
    least = {"id": "a", "source": "s", "task": "vqa", "images": [], "instruction": "q", "raw": "r"}
    assert from_json(Sample, least) == Sample("a", "s", "vqa", (), "q", "r")


def without(values, *path):
    """A deep copy of `values` without the entry that `path` leads to."""
    values = json.loads(json.dumps(values))
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    del inner[path[-1]]
    return values


def changed(values, value, *path):
    """A deep copy of `values` with `value` where `path` leads to."""
    values = json.loads(json.dumps(values))
    inner = values
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (without(to_json(REWRITE), "output"), "not a Rewrite: .*'output'"),
        (without(to_json(REWRITE), "sample", "raw"), r"not a Sample: .*'raw' \(record vqa-v2/1\)"),
        (without(to_json(REWRITE), "sample", "boxes", 0, "x2"), "not a Box: .*'x2'"),
        (without(to_json(REWRITE), "verdicts", 0, "filter"), "not a Verdict: .*'filter'"),
        (changed(to_json(REWRITE), 1, "speed"), "a Rewrite has no field 'speed'"),
        (changed(to_json(REWRITE), 1, "sample", "speed"), r"a Sample has no field 'speed' \(record vqa-v2/1\)"),
        (changed(to_json(REWRITE), 1, "sample", "boxes", 0, "z"), "a Box has no field 'z'"),
        (changed(to_json(REWRITE), [7], "verdicts"), "not a Verdict: int instead of fields with names"),
        (changed(to_json(REWRITE), ["cat"], "sample", "boxes"), "not a Box: str instead of fields with names"),
        (changed(to_json(REWRITE), 3, "sample", "turns"), r"'turns' of a Sample is no list \(record vqa-v2/1\)"),
        (changed(to_json(REWRITE), None, "verdicts"), "'verdicts' of a Rewrite is no list"),
        (changed(to_json(REWRITE), None, "sample"), "not a Sample: NoneType"),
        ([to_json(REWRITE)], "not a Rewrite: list"),
        ("text", "not a Rewrite: str"),
    ],
)
def test_what_does_not_fit_is_named(values, message):
    with pytest.raises(DataError, match=message):
        from_json(Rewrite, values)


def test_unknown_task_is_refused_with_those_there_are():
    with pytest.raises(DataError, match=r"unknown task 'poem' \(record a\)\. Use one of caption, .*instruction"):
        Sample("a", "s", "poem", (), "", "")


def test_every_judged_task_is_a_task_and_judged_once():
    assert CAPTION_TASKS | VQA_TASKS | {"instruction"} == set(TASKS) and not CAPTION_TASKS & VQA_TASKS


def test_records_are_frozen_their_mappings_too():
    with pytest.raises(FrozenInstanceError):
        SAMPLE.raw = "a dog"
    back = from_json(Rewrite, to_json(REWRITE))
    with pytest.raises(TypeError):
        back.scores["reward"] = 2
    with pytest.raises(TypeError):
        SAMPLE.meta["new"] = 1


def test_rewrite_is_kept_if_no_filter_drops_it():
    kept, dropped = Verdict(True, "length"), Verdict(False, "sts", 0.1, 0.4)
    assert Rewrite(SAMPLE, "x").kept and Rewrite(SAMPLE, "x", verdicts=(kept,)).kept
    assert not Rewrite(SAMPLE, "x", verdicts=(kept, dropped)).kept


def test_final_text_is_the_last_edit():
    edits = [Verdict(True, "clip", edit=text) for text in ("one", "")]
    assert Rewrite(SAMPLE, "x").final == "x"
    assert Rewrite(SAMPLE, "x", verdicts=(edits[0], Verdict(True, "nli"))).final == "one"
    assert Rewrite(SAMPLE, "x", verdicts=tuple(edits)).final == ""


def test_a_conversation_counts_its_images():
    turns = (Turn("What is it?", "A cat.", 1), Turn("And these?", None, 2))
    assert Conversation("c", turns, ("a.png", "b.png", "c.png")).turns == turns
    with pytest.raises(DataError, match=r"the turns speak of 3 images, but there are 1 \(record c\)"):
        Conversation("c", turns, ("a.png",))


def test_a_sample_as_a_dialogue():
    turns = (Turn("Hi", "Hello."), Turn("What is it?", "A cat."))

    def dialogue(images, turns):
        return Sample("a", "s", "instruction", images, "Hi", "Hello.", turns=turns).dialogue

    assert SAMPLE.dialogue == (Turn("What is it?", "a cat", 1),)
    assert dialogue((), turns) == turns
    assert [turn.images for turn in dialogue(("a", "b"), turns)] == [2, 0]  # nothing says where they stand
    assert [turn.images for turn in dialogue(("a",), (turns[0], Turn("What?", "A cat.", 1)))] == [0, 1]


def test_turns_of_older_files_have_no_images():
    assert from_json(Turn, {"instruction": "q", "response": "r"}) == Turn("q", "r", 0, None)
