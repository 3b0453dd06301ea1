"""Streaming JSON: the same values as `json.load`, whatever the size of the buffer; damaged files give up only what is
damaged.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flamingo_lib.errors import DataError
from flamingo_lib.sources import json_stream
from flamingo_lib.sources.json_lines import read_json_lines, read_lines
from flamingo_lib.sources.json_stream import read_blocks, read_items

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=6,
)
records = st.lists(st.dictionaries(st.sampled_from(["a", "b", "id"]), values, max_size=3) | scalars, max_size=8)
many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@many
@given(content=records, chunk=st.integers(1, 60), ascii_only=st.booleans(), indent=st.sampled_from([None, 1]))
def test_a_list_gives_the_values_of_json_load(tmp_path: Path, monkeypatch, content, chunk, ascii_only, indent):
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    path = tmp_path / "list.json"
    path.write_text(json.dumps(content, ensure_ascii=ascii_only, indent=indent), encoding="utf-8")
    assert [(key, value) for _, key, value in read_items(path)] == list(enumerate(content))


@many
@given(content=st.dictionaries(st.text(max_size=6), values, max_size=8), chunk=st.integers(1, 60))
def test_an_object_gives_its_items_by_key(tmp_path: Path, monkeypatch, content, chunk):
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    path = tmp_path / "object.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    assert [(key, value) for _, key, value in read_items(path)] == list(content.items())


@many
@given(first=records, second=records, skipped=values, chunk=st.integers(1, 60))
def test_only_the_wanted_sections_come_out(tmp_path: Path, monkeypatch, first, second, skipped, chunk):
    monkeypatch.setattr(json_stream, "CHUNK", chunk)
    path = tmp_path / "sections.json"
    path.write_text(
        json.dumps({"info": skipped, "images": first, "more": {"x": skipped}, "annotations": second}), encoding="utf-8"
    )
    found = list(read_items(path, {"images", "annotations"}))
    assert [value for section, _, value in found if section == "images"] == first
    assert [value for section, _, value in found if section == "annotations"] == second
    assert len(found) == len(first) + len(second)


def test_blocks_hold_many_records_and_are_not_fooled_by_nested_objects(tmp_path: Path):
    plain = [{"id": number, "text": '}, {"id": 1'} for number in range(500)]
    nested = [{"id": number, "parts": [{"id": 1}, {"id": 2}]} for number in range(500)]
    for content in (plain, nested):
        path = tmp_path / "blocks.json"
        path.write_text(json.dumps(content))
        blocks = list(read_blocks(path))
        assert [record for _, _, block in blocks for record in block] == content
        starts = [key for _, key, _ in blocks]
        assert starts == [sum(len(block) for _, _, block in blocks[:place]) for place in range(len(blocks))]
    path.write_text(json.dumps(plain))
    assert max(len(block) for _, _, block in read_blocks(path)) > 100


class Captioned(msgspec.Struct):
    """Two of a record's fields."""

    image_id: int
    caption: str


@pytest.mark.parametrize(
    "odd", [None, {"caption": "x"}, {"image_id": "7", "caption": "x"}, {"image_id": 7, "caption": None}, 7]
)
def test_records_of_a_kind_hold_what_is_wanted_and_others_come_whole(tmp_path: Path, odd):
    content = [
        {"image_id": number, "id": [number], "caption": f"{{{number}}}, {{", "score": 0.5} for number in range(300)
    ]
    content[150:150] = [] if odd is None else [odd]
    path = tmp_path / "kinds.json"
    plain = [{"z": number} for number in range(300)]
    path.write_text(json.dumps({"others": plain, "annotations": content}))
    typed, others = [], []
    for section, _, block in read_blocks(path, {"annotations": Captioned, "others": Captioned}):
        (typed if section == "annotations" else others).extend(block)
    assert others == plain
    assert len(typed) == len(content)
    for record, original in zip(typed, content, strict=True):
        if isinstance(record, Captioned):
            record = {**original, "image_id": record.image_id, "caption": record.caption}
        assert record == original
    assert (
        odd is not None or sum(isinstance(record, Captioned) for record in typed) == 298
    )  # not the first and the last


@pytest.mark.parametrize(
    "content",
    [[{"a": number, "b": [1, 2]} for number in range(6)], {str(number): {"a": number} for number in range(6)}],
)
def test_every_cut_keeps_all_whole_records(tmp_path: Path, monkeypatch, content):
    monkeypatch.setattr(json_stream, "CHUNK", 16)
    text = json.dumps(content)
    whole = list(content.items()) if isinstance(content, dict) else list(enumerate(content))
    path = tmp_path / "cut.json"
    for length in range(1, len(text)):
        path.write_text(text[:length])
        reasons: list[str] = []
        found = [
            (key, value)
            for _, key, value in read_items(path, None, lambda record, reason, into=reasons: into.append(reason))
        ]
        assert found == whole[: len(found)]
        assert len(reasons) == 1 and "cut off" in reasons[0]
        ended = text[:length].count("}") if isinstance(content, list) else text[1:length].count("}")
        assert len(found) == min(ended, len(whole))
        with pytest.raises(DataError, match="cut off"):
            list(read_items(path))


def test_a_record_with_bytes_that_are_not_utf8_is_reported_alone(tmp_path: Path, monkeypatch):
    path = tmp_path / "bytes.json"
    good, bad = json.dumps({"text": "gut"}).encode(), b'{"text": "caf\xe9"}'
    path.write_bytes(b"[" + b", ".join([good] * 5 + [bad] + [good] * 5) + b"]")
    for chunk in (8, 1 << 16):
        monkeypatch.setattr(json_stream, "CHUNK", chunk)
        reports: list[tuple[str, str]] = []
        found = list(read_items(path, None, lambda record, reason, into=reports: into.append((record, reason))))
        assert [key for _, key, _ in found] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10]
        assert reports == [("5", "not UTF-8")]


def test_characters_cut_by_the_buffer_are_put_together(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(json_stream, "CHUNK", 3)
    path = tmp_path / "wide.json"
    path.write_text(json.dumps(["äöü€😀" * 5, "x"], ensure_ascii=False), encoding="utf-8")
    assert [value for _, _, value in read_items(path)] == ["äöü€😀" * 5, "x"]


def test_byte_order_mark_control_characters_and_gzip(tmp_path: Path):
    path = tmp_path / "bom.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'["a\tb", 1]')
    assert [value for _, _, value in read_items(path)] == ["a\tb", 1]
    packed = tmp_path / "packed.jsonl.gz"
    packed.write_bytes(gzip.compress(b'{"a": 1}\n\n{"a": 2}\n'))
    assert [(key, value["a"]) for _, key, value in read_json_lines(packed)] == [(1, 1), (3, 2)]
    packed.write_bytes(gzip.compress(b'{"a": 1}\n' * 1000)[:-12])
    with pytest.raises(DataError, match="cut off"):
        list(read_json_lines(packed))


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"", "zero bytes"), (b"<html>", "not a JSON list"), (b"  \n ", "not a JSON list"), (b"12", "not a JSON list")],
)
def test_what_is_no_annotation_file_at_all_is_an_error(tmp_path: Path, content, message):
    path = tmp_path / "no.json"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_items(path))
    with pytest.raises(DataError, match="missing"):
        list(read_items(tmp_path / "nowhere.json"))


def test_broken_json_in_the_middle_says_so_without_reading_on(tmp_path: Path):
    path = tmp_path / "broken.json"
    path.write_text('[{"a": 1}, {"a" 2}, {"a": 3}]' + " " * 100)
    reports: list[tuple[str, str]] = []
    assert [value for _, _, value in read_items(path, None, lambda *report: reports.append(report))] == [{"a": 1}]
    assert reports[0][0] == "after 0" and "not valid JSON" in reports[0][1]


def test_lines(tmp_path: Path):
    path = tmp_path / "lines.txt"
    path.write_bytes(b"\xef\xbb\xbfone\r\n\r\ntwo\xff\nthree")
    reports: list[tuple[str, str]] = []
    assert list(read_lines(path, lambda *report: reports.append(report))) == [(1, "one"), (4, "three")]
    assert reports == [("line 3", "not UTF-8")]
    path.write_text('{"a": 1}\n{"a": \n{"a": 3}\n')
    reports.clear()
    assert [value for _, _, value in read_json_lines(path, lambda *report: reports.append(report))] == [
        {"a": 1},
        {"a": 3},
    ]
    assert reports[0][0] == "line 2"
    path.write_text('[{"a": 1},\n {"a": 2}]')
    assert [value for _, _, value in read_json_lines(path)] == [{"a": 1}, {"a": 2}]
