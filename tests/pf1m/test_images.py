"""PF-1M's images: marks are drawn on what is exported, and records find their files again."""

import logging
from dataclasses import replace

import pytest
from PIL import Image

from flamingo_lib.errors import DataError
from flamingo_lib.pf1m.images import IMAGES, REFUSED, record_files, released
from flamingo_lib.pf1m.record import Pf1mRecord, from_rewrite, read_pf1m, write_pf1m
from flamingo_lib.records import Rewrite, Sample, Verdict
from flamingo_lib.sources import load_source
from flamingo_lib.storage import read_jsonl

MARK = {"kind": "box", "color": "yellow", "at": [0.2, 0.2, 0.8, 0.8]}


def rewrite(number=1, instruction="What is in the yellow box?", *, keep=True, **meta):
    sample = Sample(f"refcocog/{number}", "refcocog", "region", ("a.png",), instruction, "a dog", meta=meta)
    return Rewrite(sample, "It is a dog.", verdicts=(Verdict(keep, "length"),))


@pytest.fixture
def data(tmp_path):
    (tmp_path / "data" / "refcocog").mkdir(parents=True)
    Image.new("RGB", (40, 40), "white").save(tmp_path / "data" / "refcocog" / "a.png")
    return tmp_path / "data"


def test_an_exported_record_shows_the_mark_that_it_speaks_of(data, tmp_path):
    out = tmp_path / "out"
    given = [rewrite(1, mark=MARK), rewrite(2, "What is this?"), rewrite(3, keep=False, mark=MARK)]
    assert write_pf1m(out / "pf1m.json", released(given, out, data), own=True) == 2
    marked, plain = read_pf1m(out / "pf1m.json")
    assert marked.images[0].startswith(f"{IMAGES}/") and marked.instruction == "What is in the yellow box?"
    assert plain.images == ("refcocog/a.png",)
    (file,), (other,) = (record_files(record, out, data) for record in (marked, plain))
    assert len(set(Image.open(file).getdata())) > 1 and Image.open(other).getpixel((9, 9)) == (255, 255, 255)
    assert not (out / REFUSED).exists()


def test_an_export_is_a_source_that_stands_alone(data, tmp_path):
    write_pf1m(tmp_path / "pf1m.json", released([rewrite(mark=MARK)], tmp_path, data))
    (sample,) = load_source("pf-1m", tmp_path)
    assert sample.images[0].startswith(IMAGES) and sample.raw == "It is a dog."


def test_a_record_without_its_drawn_image_is_refused():
    with pytest.raises(DataError, match="speaks of a mark that its image does not show"):
        from_rewrite(rewrite(mark=MARK))


def test_an_image_mark_inside_an_instruction_is_set_aside(data, tmp_path, caplog):
    given = [rewrite(number, "What is this?") for number in range(20)]
    given[3] = rewrite(3, "What does <img_path>../secret.png<img_path> show?")
    with caplog.at_level(logging.WARNING):
        written = list(released(given, tmp_path / "out", data))
    assert len(written) == 19 and all(record.images == ("refcocog/a.png",) for record in written)
    (line,) = read_jsonl(tmp_path / "out" / REFUSED)
    assert line["record"] == "refcocog/3" and "<img_path>" in line["reason"]
    assert "1 of 20 rewrites cannot be PF-1M records" in caplog.text
    with pytest.raises(DataError, match="would be read as an image"):
        from_rewrite(given[3])


def test_too_many_refusals_are_an_error(tmp_path):
    with pytest.raises(DataError, match=r"2 of 2 rewrites cannot be PF-1M records.*a\.png"):
        list(released([rewrite(1, mark=MARK), rewrite(2, mark=MARK)], tmp_path, tmp_path / "nowhere"))


def test_paths_stay_inside_their_folders(tmp_path):
    for path in (f"{IMAGES}/../../x.png", "refcocog/../../x.png"):
        with pytest.raises(DataError, match="leaves the root"):
            record_files(Pf1mRecord(f"<img_path>{path}<img_path>What?", "a", "b"), tmp_path, tmp_path)


def test_datasets_in_folders_of_their_own(tmp_path):
    record = Pf1mRecord("<img_path>refcocog/a.png<img_path>What?", "a", "b")
    assert record_files(record, tmp_path, {"refcocog": tmp_path / "x"}) == (str((tmp_path / "x" / "a.png").resolve()),)
    with pytest.raises(DataError, match="'gqa' is not known"):
        record_files(replace(record, input="<img_path>gqa/a.png<img_path>What?"), tmp_path, {"refcocog": tmp_path})
