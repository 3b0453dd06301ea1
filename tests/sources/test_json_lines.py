"""Lists, objects and JSON lines are told apart by what a file holds, whatever its name says."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.sources.json_lines import json_form, read_json_lines, read_lines, read_records

RECORDS = [{"id": number, "text": "x" * number} for number in range(3)]
LINES = "".join(json.dumps(record) + "\n" for record in RECORDS)


def save(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (json.dumps(RECORDS), "list"),
        (json.dumps(RECORDS, indent=1), "list"),
        (LINES, "lines"),
        ("\ufeff\n" + LINES, "lines"),
        (LINES.replace("\n", "\n\n"), "lines"),
        ('{"broken": }\n' + LINES, "lines"),
        (json.dumps(RECORDS[0]), "line"),
        (json.dumps({"a": RECORDS[0]}, indent=1), "object"),
        ('{\n "a": {"b": 1}\n}', "object"),
        ("<html>", ""),
    ],
)
def test_the_form_is_known_by_content(tmp_path: Path, text, form):
    assert json_form(save(tmp_path / "file.json", text)) == form


def test_a_first_line_longer_than_a_chunk(tmp_path: Path):
    long = [{"id": 0, "text": "y" * 600_000}, {"id": 1, "text": ""}]
    path = save(tmp_path / "file.json", "\n".join(map(json.dumps, long)))
    assert [value for _, _, value in read_records(path)] == long


@pytest.mark.parametrize("name", ["file.json", "file.jsonl", "file.json.gz", "packed.json"])
def test_lists_and_lines_give_the_same_records_and_keys(tmp_path: Path, name):
    packed = name.endswith(".gz") or name.startswith("packed")
    for text in (json.dumps(RECORDS), LINES, json.dumps(RECORDS, indent=1)):
        path = save(tmp_path / name, gzip.compress(text.encode()) if packed else text)
        assert list(read_records(path)) == [("", number, record) for number, record in enumerate(RECORDS)]
        assert list(read_records(path, {"data"})) == [
            ("" if text.startswith("[") else "data", number, record) for number, record in enumerate(RECORDS)
        ]
        assert [value for _, _, value in read_json_lines(path)] == RECORDS


def test_a_file_named_gz_that_was_unpacked_already(tmp_path: Path):
    assert [value for _, _, value in read_json_lines(save(tmp_path / "file.jsonl.gz", LINES))] == RECORDS


def test_a_single_line_is_one_record_and_an_object_of_records_gives_them(tmp_path: Path):
    assert list(read_records(save(tmp_path / "one.jsonl", json.dumps(RECORDS[1])))) == [("", 0, RECORDS[1])]
    path = save(tmp_path / "keyed.json", json.dumps({"a": RECORDS[1], "b": RECORDS[2]}))
    assert (
        list(read_records(path, keyed=True))
        == list(read_records(path))
        == [("", "a", RECORDS[1]), ("", "b", RECORDS[2])]
    )


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        (LINES, {"keyed": True}, "JSON lines, one value a line, not one JSON object"),
        (json.dumps(RECORDS), {"keyed": True}, "a JSON list, not one JSON object"),
        (LINES, {"sections": {"images", "annotations"}}, "JSON lines.*annotations, images"),
        (json.dumps(RECORDS), {"sections": {"images", "annotations"}}, "a JSON list"),
        (json.dumps({"data": RECORDS}, indent=1), {}, "one JSON object, beginning with 'data', and not a list"),
        ("<!DOCTYPE html><html>", {}, "not a JSON list or object but an HTML page"),
        ("[1]".encode("utf-16"), {}, "UTF-16 text"),
        ("version https://git-lfs.github.com/spec/v1\n", {}, "Git LFS pointer"),
    ],
)
def test_another_form_is_named(tmp_path: Path, text, options, message):
    with pytest.raises(DataError, match=f"{message}.*file.json"):
        list(read_records(save(tmp_path / "file.json", text), **options))


def test_an_object_over_lines_and_a_page_are_no_lines(tmp_path: Path):
    with pytest.raises(DataError, match="over several lines, neither a list nor JSON lines"):
        list(read_json_lines(save(tmp_path / "file.jsonl", json.dumps({"data": RECORDS}, indent=1))))
    with pytest.raises(DataError, match="not lines of text but an HTML page"):
        list(read_lines(save(tmp_path / "file.tsv", "<html><body>Not found</body></html>\n")))


def as_lines(path: Path) -> None:
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text("".join(json.dumps(record) + "\n" for record in content), encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("llava-instruct", "detail_23k.json"),
        ("a-okvqa", "aokvqa_v1p0_train.json"),
        ("vqa-e", "VQA-E_train_set.json"),
        ("chartqa", "ChartQA Dataset/train/train_human.json"),
        ("spot-the-diff", None),
        ("image2paragraph", "paragraphs_v1.json"),
        ("pf-1m", "PF-1M.json"),
        ("alpaca-gpt4", "data/alpaca_gpt4_data.json"),
        ("sharegpt", "sg_90k_part1_html_cleaned.json"),
        ("grid-3d", "grid-3d/questions.json"),
    ],
)
def test_lists_saved_as_lines_are_read_all_the_same(copy_of, read, name, file):
    root = copy_of(name)
    before, _ = read(name, root)
    as_lines(root / file if file else next(root.rglob("train.json")))
    samples, aside = read(name, root)
    assert not [entry for entry in aside if "malformed" in entry["reason"]]
    assert [sample.raw for sample in samples] == [sample.raw for sample in before]


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("gqa", "train_balanced_questions.json"),
        ("ocr-vqa", "dataset.json"),
        ("mscoco-captions", "annotations/captions_train2014.json"),
    ],
)
def test_lines_in_place_of_an_object_are_named(copy_of, read, name, file):
    root = copy_of(name)
    (root / file).write_text(LINES)
    with pytest.raises(DataError, match=rf"JSON lines.*{Path(file).name}"):
        read(name, root)
