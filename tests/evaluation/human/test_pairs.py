"""Pairs are blind: sides and order follow the seed, the page tells nothing, and the sides can be found again."""

from __future__ import annotations

import json
import re

import pytest

from flamingo_lib.errors import DataError
from flamingo_lib.evaluation.human.page import write_judging_page
from flamingo_lib.evaluation.human.pairs import make_pairs, read_pairs, write_pairs


def test_sides_and_order_follow_the_seed(answers):
    first, again, other = (make_pairs(*answers, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert [pair.id for pair in first.pairs] != [pair.id for pair in other.pairs]
    assert {pair.left_system for pair in first.pairs} == {"a", "b"}
    for pair in first.pairs:
        assert pair.answer("a") == "red"
        assert pair.answer(pair.system("left")) == pair.left
        assert pair.answer(pair.system("right")) == pair.right


def test_missing_images_are_counted_and_the_first_named(answers, tmp_path):
    for number in (3, 4, *range(10, 17)):
        (tmp_path / f"{number}.png").unlink()
    with pytest.raises(
        DataError, match=r"9 images are missing: (\S+\.png \(record q\d+\),? ?){5}and 4 more\. Say with"
    ) as told:
        write_judging_page(tmp_path / "page.html", make_pairs(*answers), tmp_path)
    assert str(told.value).count(str(tmp_path)) == 5 and not (tmp_path / "page.html").exists()


def test_the_set_is_read_back_and_changes_are_noticed(answers, tmp_path):
    pairs = make_pairs(*answers, limit=5)
    write_pairs(tmp_path / "key.json", pairs)
    assert read_pairs(tmp_path / "key.json") == pairs
    values = json.loads((tmp_path / "key.json").read_text())
    values["pairs"][0]["left"] = "blue"
    (tmp_path / "key.json").write_text(json.dumps(values))
    with pytest.raises(DataError, match="changed since the page was made"):
        read_pairs(tmp_path / "key.json")
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(DataError, match="not a file of pairs"):
        read_pairs(tmp_path / "other.json")


def test_the_page_names_no_system_and_no_address(answers, tmp_path):
    pairs = make_pairs(*answers, names=("curtbot", "politebot"))
    page = write_judging_page(tmp_path / "page.html", pairs, tmp_path).read_text()
    assert "curtbot" not in page and "politebot" not in page and "left_system" not in page
    assert not re.search(r"https?://", page)
    assert page.count("data:image/jpeg;base64,") == 20
    assert "known to be right" in page and '"reference": "red"' not in page
    shown = write_judging_page(tmp_path / "page.html", pairs, tmp_path, reference=True).read_text()
    assert '"reference": "red"' in shown


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"id": "q1"}', "no id, instruction and response"),
        ("[]", "not an answer but list"),
        ('{"id": "q0", "instruction": "Something else?", "response": "red"}', "different things under one id"),
        ('{"id": "z", "instruction": "What?", "response": "red"}', "no question stands in both"),
    ],
)
def test_files_that_do_not_fit(answers, tmp_path, line, message):
    (tmp_path / "c.jsonl").write_text(line + "\n")
    with pytest.raises(DataError, match=message):
        make_pairs(answers[0], tmp_path / "c.jsonl")


def test_an_id_that_comes_twice(answers, tmp_path):
    text = answers[1].read_text()
    (tmp_path / "c.jsonl").write_text(text + text)
    with pytest.raises(DataError, match="an id comes twice"):
        make_pairs(answers[0], tmp_path / "c.jsonl")
