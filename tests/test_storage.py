"""JSON that names its broken lines, fingerprints, records put aside."""

import json
import os
from pathlib import Path

import pytest

from flamingo_lib.errors import DataError, StorageError
from flamingo_lib.storage import (
    Quarantine,
    fingerprint,
    fingerprint_files,
    read_json,
    read_jsonl,
    require_images,
    write_json,
    write_jsonl,
)


def test_missing_images_are_counted_once_each_and_the_first_named(tmp_path):
    (tmp_path / "a.png").touch()
    there = [(tmp_path / "a.png", "1"), (tmp_path / "a.png", "2")]
    require_images(there)
    gone = [(f"{number}.png", f"r{number}") for number in range(7)]
    with pytest.raises(
        DataError, match=r"^an image is missing: 0\.png \(record r0\)\. Put the images into their folder"
    ):
        require_images([*there, gone[0], gone[0]])
    with pytest.raises(
        DataError, match=r"^7 images are missing: 0\.png \(record r0\), .*4\.png \(record r4\) and 2 more"
    ):
        require_images([*gone, *there, *gone])
    with pytest.raises(DataError, match="an image is missing: a\x00b"):
        require_images([("a\x00b", "1")])


@pytest.mark.parametrize("text", ["é 😀 日本", "line\u2028separator\nand\ttab", "\x00\x7f"])
def test_json_round_trip(tmp_path, text):
    values = [{"text": text, "n": 1, "x": 0.1, "none": None}, [], "s"]
    write_json(tmp_path / "a.json", values)
    assert read_json(tmp_path / "a.json") == values
    assert write_jsonl(tmp_path / "a.jsonl", iter(values)) == 3
    assert list(read_jsonl(tmp_path / "a.jsonl")) == values


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), "\ud800", {"deep": [-float("inf")]}], ids=ascii)
def test_values_that_json_cannot_hold_are_not_written(tmp_path, bad):
    path = tmp_path / "a"
    write_json(path, 1)
    with pytest.raises(DataError, match=r"cannot be written as JSON: .*\(file .*a\)"):
        write_json(path, bad)
    with pytest.raises(DataError, match=r"cannot be written as JSON: .*\(file .*a, record line 2\)"):
        write_jsonl(path, [0, bad])
    assert read_json(path) == 1 and os.listdir(tmp_path) == ["a"]


def test_error_of_the_values_own_making_keeps_its_name(tmp_path):
    def values():
        yield 1
        raise ValueError("of the caller")

    with pytest.raises(ValueError, match="of the caller"):
        write_jsonl(tmp_path / "a", values())
    assert not os.listdir(tmp_path)


BROKEN = {
    "cut off": b'{"a": [1, 2',
    "not UTF-8": b'{"a": "\xff"}',
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": [-Infinity]}',
    "lone surrogate": b'{"a": "\\ud83d"}',
    "lone surrogate in capitals": b'{"\\uDC00": 1}',
    "nested too deeply": b"[" * 200_000,
    "two values": b"1 2",
}


@pytest.mark.parametrize("line", BROKEN.values(), ids=BROKEN)
def test_broken_line_is_named_or_put_aside(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": 1}\n\n' + line + b'\n{"a": 2}\n')
    reader = read_jsonl(path)
    assert next(reader) == {"a": 1}
    with pytest.raises(DataError, match="not valid JSON") as caught:
        next(reader)
    assert caught.value.file == path and caught.value.record == "line 3"
    quarantine = Quarantine()
    assert list(read_jsonl(path, quarantine)) == [{"a": 1}, {"a": 2}]
    assert [(entry["file"], entry["record"]) for entry in quarantine.entries] == [("a.jsonl", "line 3")]
    assert quarantine.counts() == {"not valid JSON": 1}


@pytest.mark.parametrize("text", [*BROKEN.values(), b""], ids=[*BROKEN, "empty"])
def test_broken_file_is_named(tmp_path, text):
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(DataError, match="not valid JSON|not UTF-8") as caught:
        read_json(tmp_path / "a.json")
    assert caught.value.file == tmp_path / "a.json"


def test_broken_json_file_names_the_line(tmp_path):
    (tmp_path / "a.json").write_text('{\n"a": 1,\n"b" 2}')
    with pytest.raises(DataError, match=r"line 3\). Download it again"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b""])
def test_byte_order_mark_blank_lines_and_line_ends(tmp_path, end):
    path = tmp_path / "a"
    path.write_bytes(b'\xef\xbb\xbf{"a": "\\ud83d\\ude00"}' + (end and end + b" \t" + end + end + b"2" + end))
    assert list(read_jsonl(path)) == ([{"a": "😀"}, 2] if end else [{"a": "😀"}])
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}' + end)
    assert read_json(path) == {"a": 1}
    path.write_bytes(b"\xef\xbb\xbf" + end)
    assert list(read_jsonl(path)) == []


@pytest.mark.parametrize("text", ['[\n{"a": 1},\n{"a": 2}\n]', '{\n  "a": 1\n}'], ids=["list", "object"])
def test_json_in_place_of_json_lines_is_said(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(DataError, match=r"record line 1\)\. This file is read line by line, one JSON value a line"):
        list(read_jsonl(tmp_path / "a.json"))


@pytest.mark.parametrize("read", [read_json, lambda path: list(read_jsonl(path))], ids=["json", "jsonl"])
def test_missing_file_folder_and_unreadable_file(read, read_only_folder):
    with pytest.raises(DataError, match=r"the file is missing \(file .*none\)"):
        read(read_only_folder / "none")
    with pytest.raises(DataError, match=r"this is a folder, not a file \(file .*read only\)\. Give the file in it"):
        read(read_only_folder)
    with pytest.raises(DataError, match=r"cannot be read: Not a directory"):
        read(read_only_folder / "old" / "deeper")


def test_lines_are_read_one_at_a_time(tmp_path):
    (tmp_path / "a").write_text('1\n2\n{"cut')
    reader = read_jsonl(tmp_path / "a")
    assert [next(reader), next(reader)] == [1, 2]


def test_fingerprint_ignores_the_order_of_keys_only():
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1}) == "8213107d10b848cc"
    others = [{"a": 1, "b": [2, 1]}, {"a": "1", "b": [1, 2]}, {"a": 1}, "\ud800"]
    assert len({fingerprint(value) for value in others} | {"8213107d10b848cc"}) == 5


def test_fingerprint_of_files_follows_names_and_contents(tmp_path):
    def of(**files):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        return fingerprint_files(tmp_path / name for name in files)

    assert of(a="1", b="2") == of(b="2", a="1")
    assert len({of(a="1", b="2"), of(a="2", b="1"), of(a="1", c="2"), of(a="1")}) == 4
    odd = os.fsencode(tmp_path) + b"/caf\xe9"
    Path(os.fsdecode(odd)).write_text("1")
    assert fingerprint_files([os.fsdecode(odd)]) != of(a="1")


def test_quarantine_writes_each_record_at_once(tmp_path):
    quarantine = Quarantine(tmp_path / "deep" / "quarantine.jsonl")
    quarantine.add(file="a.json", record=3, reason="no image: x.jpg")
    assert list(read_jsonl(quarantine.path)) == [{"file": "a.json", "record": "3", "reason": "no image: x.jpg"}]
    quarantine.add(file="a.json", record="line 4", reason="no image: é.jpg")
    quarantine.add(file=os.fsdecode(b"caf\xe9"), record=5, reason="not text: \ud800")
    assert len(quarantine) == 3 and quarantine.counts() == {"no image": 2, "not text": 1}
    written = [json.loads(line) for line in quarantine.path.read_bytes().splitlines()]
    assert written == quarantine.entries


@pytest.mark.parametrize(("bad", "total", "stops"), [(1, 10, False), (2, 10, True), (1, 9, True), (3, 0, False)])
def test_quarantine_stops_above_its_share(bad, total, stops):
    quarantine = Quarantine(max_share=0.1)
    for number in range(bad):
        quarantine.add(file="a.json", record=number, reason="no image")
    if stops:
        with pytest.raises(DataError, match=rf"{bad} of {total} records.*10%.*no image \(file a.json, record 0\)"):
            quarantine.check(total)
    else:
        quarantine.check(total)


def test_quarantine_on_a_full_disk():
    quarantine = Quarantine("/dev/full")
    with pytest.raises(StorageError, match=r"No space left on device \(file /dev/full\)\. Free some space"):
        quarantine.add(file="a.json", record=1, reason="no image")


def test_quarantine_in_a_read_only_folder(read_only_folder):
    for path in (read_only_folder / "quarantine.jsonl", read_only_folder / "deep" / "quarantine.jsonl"):
        with pytest.raises(StorageError, match=r"Permission denied \(file .*quarantine.jsonl\)"):
            Quarantine(path).add(file="a.json", record=1, reason="no image")
