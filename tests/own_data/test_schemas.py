"""Schemas find the responses of a row, and put other texts in their place."""

from __future__ import annotations

import pytest

from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.own_data.containers import open_container
from flamingo_lib.own_data.layouts import put
from flamingo_lib.own_data.schemas import CAPTION_INSTRUCTION, Columns, find_schema

from .conftest import ANSWER, QUESTION, ROWS, write


@pytest.mark.parametrize("name", list(ROWS))
def test_every_layout_is_found_and_gives_the_same_slots(folder, name):
    schema = find_schema(open_container(write(folder, "jsonl", [ROWS[name](number) for number in range(2)])))
    assert schema.name == name
    slots = schema.slots(ROWS[name](1))
    assert slots[0].response == f"{ANSWER} 1"
    assert slots[0].instruction.split() == f"{QUESTION} 1".split()
    assert slots[0].images == ("images/1.png",)
    if name in ("llava", "sharegpt", "messages"):
        assert [(slot.instruction, slot.response, slot.turn) for slot in slots[1:]] == [("And its size?", "small", 1)]
    changed = put(ROWS[name](1), {slots[0].path: "It is red."})
    assert schema.slots(changed)[0].response == "It is red."
    assert put(changed, {slots[0].path: f"{ANSWER} 1"}) == ROWS[name](1)


def test_columns_by_name(folder):
    container = open_container(write(folder, "csv", [{"bild": "images/0.png", "frage": "?", "antwort": "rot"}]))
    with pytest.raises(DataError, match=r"no column may be the response.*bild, frage, antwort"):
        find_schema(container)
    schema = find_schema(container, Columns.parse("image=bild, instruction=frage,response=antwort"))
    assert schema.slots({"bild": "a.png", "frage": "wo?", "antwort": "da"})[0].images == ("a.png",)
    with pytest.raises(DataError, match=r"no column 'answer' for the response.*bild"):
        find_schema(container, Columns("answer"))


@pytest.mark.parametrize("text", ["answer", "response=", "reply=a", "response=a,response=b", "image=a"])
def test_wrong_columns_are_refused(text):
    with pytest.raises(ConfigError):
        Columns.parse(text)


def test_captions_without_an_instruction(folder):
    schema = find_schema(open_container(write(folder, "csv", [{"image": "images/0.png", "caption": "a circle"}])))
    [slot] = schema.slots({"image": "images/0.png", "caption": "a circle"})
    assert (slot.instruction, slot.response) == (CAPTION_INSTRUCTION, "a circle")


def test_dataset_info_names_columns_and_tags(folder):
    row = {
        "talk": [{"who": "person", "says": "<image>What?"}, {"who": "machine", "says": "red"}],
        "pictures": ["images/2.png"],
    }
    info = {
        "formatting": "sharegpt",
        "columns": {"messages": "talk", "images": "pictures"},
        "tags": {"role_tag": "who", "content_tag": "says", "user_tag": "person", "assistant_tag": "machine"},
    }
    schema = find_schema(open_container(write(folder, "json", [row])), info=info)
    [slot] = schema.slots(row)
    assert (slot.instruction, slot.response, slot.images) == ("What?", "red", ("images/2.png",))


def test_a_later_turn_sees_the_images_before_it(folder):
    row = {
        "conversations": [
            {"from": "human", "value": "<image>What?"},
            {"from": "gpt", "value": "red"},
            {"from": "human", "value": "<image>And here?"},
            {"from": "gpt", "value": "blue"},
        ],
        "images": ["a.png", "b.png"],
    }
    schema = find_schema(open_container(write(folder, "json", [row])))
    assert [slot.images for slot in schema.slots(row)] == [("a.png",), ("a.png", "b.png")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": []}, "speak of 1 images, but the row has 0"),
        ({"conversations": "text"}, "no list of turns"),
        ({"conversations": [{"from": "gpt", "value": "hello"}]}, "answers nothing"),
        ({"conversations": [{"from": "human", "value": "<image>hello"}]}, "no turn is a response"),
        ({"conversations": [{"from": "human"}]}, "has no text"),
    ],
)
def test_rows_of_another_layout_say_what_is_wrong(folder, change, message):
    schema = find_schema(open_container(write(folder, "json", [ROWS["sharegpt"](0)])))
    with pytest.raises(DataError, match=message):
        schema.slots({**ROWS["sharegpt"](0), **change})
