"""Chats and PF-1M records as training data, and what is wrong with them, by file and line."""

import json

import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.records import Turn
from flamingo_lib.training.chat_files import read_examples

CHAT = {"id": "a", "images": ["a.png"], "turns": [{"instruction": "q", "response": "r", "images": 1}]}
RECORD = {"input": "<img_path>vqa-v2/1.png<img_path>\nWhat is it?", "output": "A ring.", "original": "ring"}


def lines(path, *values):
    path.write_text("".join(json.dumps(value) + "\n" for value in values), encoding="utf-8")
    return path


def test_chats_are_read_from_json_lines(tmp_path):
    second = {"turns": [{"instruction": "q", "response": "r", "draft": "d"}, {"instruction": "q2", "response": "r2"}]}
    file = lines(tmp_path / "chats.jsonl", CHAT, second)
    first, other = read_examples(file, tmp_path)
    assert first.id == "a" and first.images == (str(tmp_path.resolve() / "a.png"),)
    assert other.id == "2" and other.turns == (Turn("q", "r", 0, "d"), Turn("q2", "r2"))


@pytest.mark.parametrize("indent", [None, 1])
def test_chats_are_read_from_one_json_list(tmp_path, indent):
    file = tmp_path / "chats.json"
    file.write_text(json.dumps([CHAT, CHAT | {"id": 7}], indent=indent))
    assert [example.id for example in read_examples(file)] == ["a", "7"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"images": ["../a.png"]}, "outside"),
        ({"images": ["a.png", 3]}, "images is not a list of paths"),
        ({"images": "a.png"}, "images is not a list of paths"),
        ({"images": []}, "the turns speak of 1 images"),
        ({"id": ["a"]}, "id is a list"),
        ({"turns": []}, "turns is an empty list"),
        ({"turns": {"instruction": "q"}}, "turns is an object, not a list"),
        ({"turns": ["q"]}, "turn 1 is text, not an object"),
        ({"turns": [{"instruction": "q"}]}, "a turn without a response"),
        ({"turns": [{"instruction": "q", "response": " \u200b"}]}, "response of turn 1 is empty or shows nothing"),
        ({"turns": [{"response": "r"}]}, "turn 1 has no instruction"),
        ({"turns": [{"question": "q", "response": "r"}]}, "unknown field 'question'"),
        ({"turns": [{"instruction": 7, "response": "r"}]}, "instruction of turn 1 is a number, not text"),
        ({"turns": [{"instruction": None, "response": "r"}]}, "instruction of turn 1 is missing"),
        ({"turns": [{"instruction": "q", "response": {"a": 1}}]}, "response of turn 1 is an object, not text"),
        ({"turns": [{"instruction": "q", "response": ["r"]}]}, "response of turn 1 is a list, not text"),
        ({"turns": [{"instruction": "q", "response": "r", "draft": True}]}, "draft of turn 1 is true or false"),
        ({"turns": [{"instruction": "q", "response": "r", "images": "1"}]}, "images of turn 1 is text, not a whole"),
        ({"turns": [{"instruction": "q", "response": "r", "images": -1}]}, "images of turn 1 is negative"),
        ({"turns": [{"instruction": "q", "response": "\udc80", "images": 1}]}, "half of a surrogate pair"),
    ],
)
def test_a_wrong_field_is_named_with_file_and_line(tmp_path, change, message):
    file = lines(tmp_path / "chats.jsonl", CHAT, CHAT, CHAT | change)
    with pytest.raises(DataError, match=f"{message}.*chats.jsonl.*line 3"):
        list(read_examples(file, tmp_path))
    file.write_text(json.dumps([CHAT, CHAT | change]))
    with pytest.raises(DataError, match=f"{message}.*chats.jsonl.*record 2"):
        list(read_examples(file, tmp_path))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("[]", "the file holds no chat"),
        ("3\n", "not a chat but a number.*line 1"),
        ('{"id": ' + "9" * 5000 + "}\n", "thousands of digits.*line 1"),
        ('{"turns": []\n', "not valid JSON.*line 1"),
        ('[{"turns": ', "cut off"),
    ],
)
def test_a_file_that_holds_no_chats(tmp_path, text, message):
    file = tmp_path / "chats.jsonl"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        list(read_examples(file))


def test_blank_lines_count_as_lines(tmp_path):
    file = tmp_path / "chats.jsonl"
    file.write_text(json.dumps(CHAT) + "\n\n\n" + json.dumps(CHAT | {"turns": []}) + "\n")
    with pytest.raises(DataError, match="line 4"):
        list(read_examples(file, tmp_path))


def test_what_build_pf1m_wrote_is_read_with_its_datasets_folders(tmp_path):
    data, out = tmp_path / "vqa", tmp_path / "out"
    (out / "pf1m_images").mkdir(parents=True)
    data.mkdir()
    for file in (data / "1.png", out / "pf1m_images" / "2.png"):
        Image.new("RGB", (8, 8)).save(file)
    marked = RECORD | {"input": "<img_path>pf1m_images/2.png<img_path>What is in the red box?"}
    (out / "pf1m.json").write_text(json.dumps([RECORD, marked]))
    (out / "sources.json").write_text(json.dumps({"roots": {"vqa-v2": str(data)}}))
    for path in (out, out / "pf1m.json"):
        first, second = read_examples(path)
        assert first.turns == (Turn("What is it?", "A ring.", 1),) and first.images == (str(data.resolve() / "1.png"),)
        assert second.images == (str(out.resolve() / "pf1m_images" / "2.png"),)
    elsewhere = next(read_examples(out, tmp_path / "datasets"))
    assert elsewhere.images == (str(tmp_path.resolve() / "datasets" / "vqa-v2" / "1.png"),)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output": 3}, "'output' is missing or not text"),
        ({"input": "<img_path>../../x.png<img_path>What?"}, "leaves the root"),
        ({"output": "\udc80"}, "half of a surrogate pair"),
    ],
)
def test_a_wrong_record_is_named(tmp_path, change, message):
    (tmp_path / "pf1m.json").write_text(json.dumps([RECORD, RECORD | change]))
    with pytest.raises(DataError, match=f"{message}.*record 2"):
        list(read_examples(tmp_path))


def test_a_folder_without_records(tmp_path):
    with pytest.raises(DataError, match="holds no pf1m.json"):
        list(read_examples(tmp_path))
