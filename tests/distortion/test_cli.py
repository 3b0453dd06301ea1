"""`flamingo distort` on datasets in their official formats."""

import json

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.config import ScenesConfig
from flamingo_lib.errors import ConfigError
from flamingo_lib.records import Pair, from_json
from flamingo_lib.scenes.writers import write_scenes
from tests.distortion.test_server import serving


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "scenes"
    sizes = {
        "polite_scenes": 24,
        "raw_scenes": 1,
        "calibration_scenes": 1,
        "evaluation_scenes": 1,
        "held_out_scenes": 1,
    }
    write_scenes(path, ScenesConfig(**sizes, text_dialogues=20, image_size=72), 0)
    return path


def run(root, out, *more, captions=True):
    sources = [f"llava-instruct={root}/llava-instruct", f"ultrachat={root}/ultrachat", f"sharegpt={root}/sharegpt"]
    sources += [f"mscoco-captions={root}/llava-instruct"] if captions else []
    arguments = ["distort", "--out", str(out), "--set", "distortion.pairs=80", *more]
    for source in sources:
        arguments += ["--source", source]
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_pairs_summary_and_page(root, tmp_path):
    result = run(root, tmp_path, "--html", "--json", "--shown", "30")
    assert result.exit_code == 0, result.output
    pairs = [
        from_json(Pair, json.loads(line))
        for line in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    assert len(pairs) == 80 and {pair.way for pair in pairs} == {"llm", "noise", "retrieval"}
    assert {pair.source for pair in pairs} == {"llava-instruct", "ultrachat", "sharegpt"}
    assert all((root / "llava-instruct" / image).is_file() for pair in pairs for image in pair.images)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert (
        summary["pairs"] == 80
        and sum(summary["parts"].values()) == 80
        and json.loads(result.stdout.splitlines()[-1]) == summary
    )
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("<article") == 30
    image = page.split('<img src="')[1].split('"')[0]
    assert (tmp_path / image).is_file()


def test_a_preset_without_data_is_refused_instead_of_reading_scenes(tmp_path):
    result = CliRunner().invoke(app, ["distort", "--preset", "paper", "--out", str(tmp_path / "out")])
    assert isinstance(result.exception, ConfigError) and "sources.root is not set" in str(result.exception)
    assert not (tmp_path / "out" / "scenes").exists()


def test_without_a_source_the_presets_are_distorted(root, tmp_path):
    arguments = [
        "distort",
        "--preset",
        "tiny",
        "--out",
        str(tmp_path),
        "--html",
        "--shown",
        "5",
        "--set",
        "distortion.pairs=40",
    ]
    arguments += [
        "--set",
        "scenes.polite_scenes=12",
        "--set",
        "scenes.text_dialogues=12",
        "--set",
        "scenes.image_size=72",
    ]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    pairs = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(pairs) == 40 and {pair["way"] for pair in pairs} == {"llm", "noise", "retrieval"}
    assert (tmp_path / "page.html").read_text(encoding="utf-8").count("<article") == 5
    given = ["distort", "--out", str(tmp_path / "own"), "--set", f"sources.root={root}", "--set", "distortion.pairs=20"]
    assert CliRunner().invoke(app, given, catch_exceptions=False).exit_code == 0
    assert not (tmp_path / "own/scenes").exists() and len((tmp_path / "own/pairs.jsonl").read_text().splitlines()) == 20


def test_the_same_seed_gives_the_same_file(root, tmp_path):
    for name, seed in (("a", "5"), ("b", "5"), ("c", "6")):
        assert run(root, tmp_path / name, "--seed", seed).exit_code == 0
    one, two, other = ((tmp_path / name / "pairs.jsonl").read_bytes() for name in "abc")
    assert one == two != other


def test_a_split_and_no_captions(root, tmp_path):
    arguments = [
        "distort",
        "--out",
        str(tmp_path),
        "--set",
        "distortion.pairs=20",
        "--source",
        f"llava-instruct={root}/llava-instruct:conversation",
    ]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    lines = (tmp_path / "pairs.jsonl").read_text().splitlines()
    assert len(lines) == 20 and all("/conversation/" in line for line in lines)


def test_a_source_gives_no_more_samples_than_it_is_asked_for(root, tmp_path):
    arguments = [
        "distort",
        "--out",
        str(tmp_path),
        "--limit",
        "9",
        "--source",
        f"llava-instruct={root}/llava-instruct:conversation:3",
    ]
    assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
    lines = (tmp_path / "pairs.jsonl").read_text().splitlines()
    assert 1 <= len({tuple(json.loads(line)["images"]) for line in lines}) <= 3


def test_drafts_are_compared_with_raw_annotations(root, tmp_path):
    result = run(
        root,
        tmp_path,
        "--compare",
        f"vqa-v2={root}/vqa-v2:val",
        "--compare",
        f"mscoco-captions={root}/llava-instruct",
        "--set",
        "distortion.noise=0.4",
        "--json",
    )
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout.splitlines()[-1])["told_apart"]
    assert {"all", "noise"} <= set(told)
    assert all(0 <= entry["accuracy"] <= 1 and entry["count"] >= 10 for entry in told.values())


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("llava-instruct", "not a source"),
        ("llava-instruct=/no/such/folder", "no such folder"),
        ("vqa-v2={root}/vqa-v2", "cannot be distorted"),
        ("llava-instruct={root}/llava-instruct:no-such-split", "no split 'no-such-split'"),
        ("llava-instruct={root}/llava-instruct:0", "at least 1"),
    ],
)
def test_wrong_sources_are_refused_before_any_work(root, tmp_path, source, message):
    arguments = ["distort", "--out", str(tmp_path / "out"), "--source", source.format(root=root)]
    with pytest.raises(ConfigError, match=message):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert not (tmp_path / "out").exists()


def test_a_record_that_a_server_refuses_is_set_aside_and_counted(root, tmp_path):
    asked_first = []

    def behave(asked, attempt):
        asked_first.append(asked)
        if asked == asked_first[1]:
            return 400, {}, "too long"
        return 200, {}, json.dumps({"choices": [{"message": {"content": 'short"'}, "finish_reason": "stop"}]})

    values = {"backend": "server", "backend_model": "m", "llm_text": 1, "llm_visual": 0, "noise": 0}
    values |= {"retrieval": 0, "backend_concurrency": 1}
    settings = [part for key, value in values.items() for part in ("--set", f"distortion.{key}={value}")]
    with serving(behave) as (_, url):
        more = ("--set", f"distortion.backend_url={url}", "--json")
        result = run(root, tmp_path, *settings, *more, "--set", "distortion.pairs=6", captions=False)
    assert result.exit_code == 0, result.output
    summary = json.loads(result.stdout.splitlines()[-1])
    aside = [json.loads(line) for line in (tmp_path / "quarantine.jsonl").read_text().splitlines()]
    assert summary["pairs"] == 6
    assert summary["quarantined"] == len(aside) == summary["rejected"]["refused"] == 1
    assert "status 400: too long" in aside[0]["reason"] and aside[0]["file"].startswith(url)
