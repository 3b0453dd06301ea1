"""`flamingo sources` as people run it, the contact sheet, and small helpers."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import DataError
from flamingo_lib.seeding import derive_seed, seeder
from flamingo_lib.sources import CATALOG, load_source, open_images
from flamingo_lib.sources.html_text import html_to_text, looks_like_html
from flamingo_lib.sources.prompts import POOLS, lettered, listed, wording
from flamingo_lib.sources.sheet import sample_sheet


def run(*arguments):
    return CliRunner().invoke(app, ["sources", *map(str, arguments)])


def test_list():
    result = run("list")
    assert result.exit_code == 0
    assert all(name in result.output for name in CATALOG) and "223,244" in result.output
    rows = json.loads(run("list", "--json").stdout)
    assert [row["name"] for row in rows] == list(CATALOG)
    assert all(
        {"task", "format", "files", "splits", "adopted", "licence", "homepage", "citation"} <= set(row) for row in rows
    )


def test_check_tells_found_missing_counts_and_three_samples(samples_root, copy_of):
    result = run("check", "mscoco-captions", samples_root / "mscoco-captions")
    assert result.exit_code == 0
    assert (
        "train: 3 samples" in result.output
        and "found    captions: annotations/captions_train2014.json" in result.output
    )
    assert result.output.count("instruction  ") == 3
    root = copy_of("vqa-v2")
    (root / "v2_mscoco_val2014_annotations.json").unlink()
    (root / "train2014/COCO_train2014_000000000025.jpg").unlink()
    report = json.loads(run("check", "vqa-v2", root, "--json", "--quarantine", root / "aside.jsonl").stdout)
    assert report["splits"]["train"]["samples"] == 3 and report["splits"]["train"]["bad"] == 3
    assert "v2_mscoco_val2014_annotations.json" in report["splits"]["val"]["missing"]["annotations"]
    assert report["splits"]["val"]["error"] and len(report["examples"]) == 3
    assert len((root / "aside.jsonl").read_text().splitlines()) == 3


def test_check_of_an_empty_folder_fails_and_names_the_files(tmp_path):
    result = run("check", "gqa", tmp_path)
    assert result.exit_code == 1
    assert "train_balanced_questions.json" in result.output and "stopped" in result.output


def test_export_writes_one_line_a_sample(samples_root, tmp_path):
    out = tmp_path / "samples.jsonl"
    result = run("export", "llava-instruct", samples_root / "llava-instruct", "--split", "conversation", "--out", out)
    assert result.exit_code == 0 and "1 samples" in result.output
    line = json.loads(out.read_text())
    assert set(line) == {"id", "images", "task", "instruction", "raw", "n_turns", "turns"} and line["n_turns"] == 2
    assert line["images"] == ["train2017/000000000302.jpg"] and line["turns"][0]["response"] == line["raw"]
    run("export", "dior", samples_root / "dior", "--out", out)
    lines = [json.loads(text) for text in out.read_text().splitlines()]
    assert len(lines) == 3 and all(
        set(line["boxes"][0]) == {"name", "x1", "y1", "x2", "y2"} and line["n_turns"] == 1 for line in lines
    )
    assert (
        json.loads(run("export", "gqa", samples_root / "gqa", "--out", out, "--limit", 2, "--json").stdout)["samples"]
        == 2
    )


def test_export_counts_what_it_puts_aside_and_stops_over_the_share(copy_of, tmp_path):
    root = copy_of("vqa-v2")
    (root / "train2014/COCO_train2014_000000000025.jpg").unlink()
    out = tmp_path / "out" / "samples.jsonl"
    result = run("export", "vqa-v2", root, "--out", out, "--max-share", "0.1")
    assert isinstance(result.exception, DataError) and "more than the allowed 10%" in str(result.exception)
    assert not out.exists()
    result = run("export", "vqa-v2", root, "--out", out, "--max-share", "0.5")
    assert (
        result.exit_code == 0 and "3 records put aside" in result.output and "3 x the image is missing" in result.output
    )
    assert len((tmp_path / "out" / "quarantine.jsonl").read_text().splitlines()) == 3  # the first run's are gone
    assert len(out.read_text().splitlines()) == 6


def test_show_writes_a_page_that_needs_nothing_else(samples_root, tmp_path):
    out = tmp_path / "page.html"
    result = run("show", "refcocog", samples_root / "refcocog", "--out", out, "--count", 5)
    assert result.exit_code == 0
    page = out.read_text()
    assert page.count("<article") == 5 and page.count("data:image/jpeg;base64,") == 5
    assert "http://" not in page and "<script" not in page and ' src="data:' in page


def test_the_sheet_escapes_what_data_says_and_draws_boxes(samples_root):
    root = samples_root / "mscoco-captions"
    sample = next(load_source("mscoco-captions", root))
    from dataclasses import replace

    bad = replace(sample, instruction="<script>alert(1)</script>", raw='"><img src=x onerror=alert(1)>')
    page = sample_sheet([(bad, open_images(bad, root))], title="<b>", about="a & b")
    assert "<script>" not in page and "<img src=x" not in page and "&lt;b&gt;" in page
    assert page.count('class="fl-box') == len(sample.boxes)


def test_html_answers_become_text():
    assert (
        looks_like_html("<p>Hello</p>")
        and not looks_like_html("a < b and c > d")
        and not looks_like_html("Use <br> for a break.")
    )
    assert html_to_text("<p>One&nbsp;&amp; two</p><ul><li>a</li><li><p>b</p></li></ul>") == "One & two\n\n- a\n- b"
    assert (
        html_to_text("<div>x<button>Copy</button><pre><code>a  = 1\n  b</code></pre></div>")
        == "x\n\n```\na  = 1\n  b\n```"
    )
    assert html_to_text("<table><tr><td>1</td><td>2</td></tr></table>").strip() == "| 1 | 2"


def test_wordings_are_drawn_evenly_and_by_key():
    drawn = [wording("caption", seed=0, key=str(number)) for number in range(3000)]
    shares = [drawn.count(text) / 3000 for text in POOLS["caption"]]
    assert min(shares) > 0.6 / len(shares) and max(shares) < 1.4 / len(shares)
    assert wording("region", seed=0, key="x", color="red", mark="box").count("red box") == 1
    assert lettered(["a", "b"]) == "(A) a (B) b"
    assert listed(["a"]) == "a" and listed(["a", "b"]) == "a or b" and listed(["a", "b", "c"]) == "a, b, or c"
    assert all(len(set(pool)) == len(pool) >= 2 for pool in POOLS.values())


@pytest.mark.parametrize("prefix", [(), ("a",), ("a", 3)])
def test_a_seeder_is_derive_seed_with_a_fixed_beginning(prefix):
    assert all(seeder(5, *prefix)(key) == derive_seed(5, *prefix, key) for key in ("", "x", "1", "ä"))
