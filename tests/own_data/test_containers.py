"""Containers give back the rows they were given, and write them back as they were."""

from __future__ import annotations

import json

import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.own_data.containers import open_container
from flamingo_lib.own_data.writers import write_rows

from .conftest import ROWS, write


@pytest.mark.parametrize("kind", ["csv", "tsv", "jsonl", "json", "parquet"])
def test_rows_come_back_and_are_written_back(folder, kind):
    rows = [ROWS["columns"](number) for number in range(3)]
    path = write(folder, kind, rows)
    container = open_container(path)
    assert container.kind == kind
    read = [row for _, row in container.rows()]
    wanted = [{name: str(value) for name, value in row.items()} for row in rows] if kind in ("csv", "tsv") else rows
    assert read == wanted
    target = write_rows(container, (row for _, row in container.rows()), folder / "out")
    assert target.name == path.name
    assert [row for _, row in open_container(target).rows()] == read


@pytest.mark.parametrize(("kind", "separator"), [("csv", ","), ("tsv", "\t")])
def test_a_table_without_rows_keeps_its_header(folder, kind, separator):
    container = open_container(write(folder, kind, [ROWS["columns"](0)]))
    target = write_rows(container, [], folder / "out")
    assert target.read_text().split(separator) == ["image", "question", "answer", "x\n"]


@pytest.mark.parametrize("schema", ["llava", "messages", "prompt-completion"])
def test_nested_rows_survive_parquet(folder, schema):
    rows = [ROWS[schema](number) for number in range(3)]
    container = open_container(write(folder, "parquet", rows))
    target = write_rows(container, (row for _, row in container.rows()), folder / "out")
    assert [row for _, row in open_container(target).rows()] == [row for _, row in container.rows()]


def test_a_datasets_folder_keeps_its_features(folder):
    from datasets import Dataset, Features, Value, load_from_disk
    from datasets import Image as ImageFeature

    features = Features({"image": ImageFeature(), "question": Value("string"), "answer": Value("string")})
    rows = [{"image": Image.new("RGB", (8, 8), (n, 0, 0)), "question": "What?", "answer": f"yes {n}"} for n in range(3)]
    Dataset.from_list(rows, features=features).save_to_disk(str(folder / "set"))
    container = open_container(folder / "set")
    assert container.kind == "datasets"
    read = [row for _, row in container.rows()]
    assert all(row["image"]["bytes"] for row in read)
    target = write_rows(container, ({**row, "answer": row["answer"].upper()} for row in read), folder / "out")
    again = load_from_disk(str(target))
    assert again.features == features
    assert [row["answer"] for row in again] == ["YES 0", "YES 1", "YES 2"]
    assert [row["image"].getpixel((0, 0)) for row in again] == [(n, 0, 0) for n in range(3)]


def test_images_with_text_files(folder):
    for number in range(3):
        (folder / "images" / f"{number}.txt").write_text(f"a circle {number}\n")
    container = open_container(folder / "images")
    assert container.kind == "image-folder"
    rows = [row for _, row in container.rows()]
    assert [row["response"] for row in rows] == ["a circle 0", "a circle 1", "a circle 2"]
    assert [row["image"] for row in rows] == ["0.png", "1.png", "2.png"]  # below the folder, however that was named
    target = write_rows(container, ({**row, "response": "There is a circle."} for row in rows), folder / "out")
    assert (target / "1.txt").read_text() == "There is a circle.\n"
    assert not list(target.glob("*.png"))


def test_a_json_list_that_is_called_lines_and_lines_that_are_called_json(folder):
    rows = [ROWS["llava"](number) for number in range(2)]
    (folder / "a.jsonl").write_text(json.dumps(rows))
    (folder / "b.json").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert open_container(folder / "a.jsonl").kind == "json"
    assert open_container(folder / "b.json").kind == "jsonl"
    for name in ("a.jsonl", "b.json"):
        assert [row for _, row in open_container(folder / name).rows()] == rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", b"", "the file is empty"),
        ("binary.csv", b"\x00\x01\x02", "neither a table nor JSON nor Parquet"),
        ("twice.csv", b"a,a\n1,2\n", "two columns have one name"),
        ("short.csv", b"a,b\n1\n", "another number.*row 1"),
        ("latin.csv", "a,b\ncaf\xe9,1\n".encode("latin-1"), "not UTF-8"),
        ("list.json", b"[1, 2]", "not a record but int"),
        ("cut.parquet", b"PAR1 and no more", "not a Parquet file"),
    ],
)
def test_broken_files_are_named(folder, name, content, message):
    (folder / name).write_bytes(content)
    with pytest.raises(DataError, match=f"(?s){message}") as caught:
        list(open_container(folder / name).rows())
    assert str(caught.value.file).endswith(name)


def test_folders_that_are_no_dataset(folder):
    with pytest.raises(DataError, match="no such file"):
        open_container(folder / "nothing")
    (folder / "data.csv").write_text("a\n1\n")
    with pytest.raises(DataError, match=r"no dataset.*data\.csv"):
        open_container(folder)
    (folder / "dataset_dict.json").write_text("{}")
    with pytest.raises(DataError, match="several splits"):
        open_container(folder)
