"""PF-1M from sources to dataset by the command line, with a random rewriter: nothing lost, all explained."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.code_hash import closure
from flamingo_lib.errors import ConfigError, DataError, MissingAsset
from flamingo_lib.filters.corpus_alarms import BOUNDS
from flamingo_lib.pf1m.parquet import read_parquet
from flamingo_lib.pf1m.record import read_pf1m
from flamingo_lib.pf1m.sources import ImageSizes, SourceSpec, parse_source
from flamingo_lib.records import Sample
from flamingo_lib.rewriting.shards import read_shards
from flamingo_lib.sources import load_source

CHAIN = '["change", "repetition", "preamble", "sts", "nli", "clip"]'
LOOSE = [
    "rewriting.batch_size=8",
    "rewriting.max_new_tokens=12",
    "rewriting.shard_size=16",
    f"filters.chain={CHAIN}",
    "filters.sts_min=-1",
    "filters.nli_margin_max=0.1",
    "filters.clip_score_min=-5",
    "filters.max_repeats=12",
]
"""A random model writes rubbish that never ends; loose thresholds let some of it through."""


def run(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=True)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def sources(root):
    return [f"--source=vqa-v2={root}/vqa-v2:train:20", f"--source=mscoco-captions={root}/mscoco-captions:train",
            f"--source=spot-the-diff={root}/spot-the-diff:train"]  # fmt: skip


def build(root, rewriter, out, settings, *more, command="build-pf1m"):
    return run(
        command,
        *sources(root),
        "--rewriter",
        rewriter,
        "--out",
        out,
        "--json",
        *(f"--set={text}" for text in settings),
        *more,
    )


def contents(out):
    names = ("pf1m.json", "funnel.json", "alarms.json", "README.md", "funnel.html", "job.json", "plan.json")
    files = [
        *(out / name for name in names),
        *sorted((out / "shards").glob("*.jsonl")),
        *sorted((out / "data").glob("*")),
    ]
    return {str(path.relative_to(out)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def settings(judge_settings):
    return LOOSE + judge_settings


@pytest.fixture(scope="module")
def built(scenes_root, rewriter_folder, settings, tmp_path_factory):
    out = tmp_path_factory.mktemp("pf1m")
    return out, json.loads(build(scenes_root, rewriter_folder, out, settings).stdout)


def test_every_sample_is_accounted_for(built, scenes_root):
    out, report = built
    records = list(read_shards(out))
    expected = [sample.id for name, limit in (("vqa-v2", 20), ("mscoco-captions", None), ("spot-the-diff", None))
                for sample in load_source(name, scenes_root / name, "train", limit)]  # fmt: skip
    assert [record.sample.id for record in records] == expected
    total = report["funnel"]["total"]
    assert total["in"] == report["records"] == len(expected)
    assert total["kept"] + sum(total["dropped"].values()) == total["in"]
    assert total["kept"] > 0
    assert all(record.verdicts for record in records)


def test_what_is_kept_is_in_the_dataset(built):
    out, _ = built
    kept = [record for record in read_shards(out) if record.kept]
    released, parquet = list(read_pf1m(out / "pf1m.json")), list(read_parquet(out))
    assert [record.id for record in parquet] == [record.sample.id for record in kept]
    assert (
        [record.output for record in released]
        == [record.final for record in kept]
        == [record.output for record in parquet]
    )
    assert [record.to_json() for record in released] == [record.to_json() for record in parquet]
    assert all(
        record.reward is not None and (record.nli_similarity is None) != (record.sts_similarity is None)
        for record in parquet
    )
    card = (out / "README.md").read_text()
    assert f"{len(kept):,} visual instructions" in card and "rewriter" in card
    alarms = json.loads((out / "alarms.json").read_text())
    assert {alarm["name"] for alarm in alarms} == set(BOUNDS)
    assert next(alarm for alarm in alarms if alarm["name"] == "refusals")["records"] == len(kept)
    assert "## Alarms about the whole" in card and "Alarms about the whole" in (out / "funnel.html").read_text()


def test_nothing_kept_says_why(scenes_root, rewriter_folder, settings, tmp_path):
    source = f"--source=vqa-v2={scenes_root}/vqa-v2:train:5"
    loose = (f"--set={text}" for text in (*settings, 'filters.chain=["length"]', "filters.min_words=300"))
    result = run("build-pf1m", source, "--rewriter", rewriter_folder, "--out", tmp_path, "--json", *loose)
    assert json.loads(result.stdout)["funnel"]["total"]["kept"] == 0 and not list(read_pf1m(tmp_path / "pf1m.json"))
    assert "of 5, the filters dropped length 5 (100.0 %)" in result.stderr


def test_killed_and_continued_gives_the_same_bytes(built, scenes_root, rewriter_folder, settings, tmp_path):
    out, _ = built
    build(scenes_root, rewriter_folder, tmp_path, settings)
    (tmp_path / "shards" / "000001.jsonl").unlink()
    (tmp_path / "pf1m.json").unlink()
    (tmp_path / "data" / "train-00000.parquet").write_bytes(b"half")
    again = json.loads(build(scenes_root, rewriter_folder, tmp_path, settings).stdout)
    assert again["shards_found"] == again["shards"] - 1
    assert contents(tmp_path) == contents(out)


def test_two_workers_give_the_same_bytes(built, scenes_root, rewriter_folder, settings, tmp_path):
    build(scenes_root, rewriter_folder, tmp_path, settings, "--workers=2")
    assert contents(tmp_path) == contents(built[0])


def test_rewriting_alone_leaves_no_verdicts(scenes_root, rewriter_folder, settings, tmp_path):
    result = build(scenes_root, rewriter_folder, tmp_path, settings, command="rewrite")
    records = list(read_shards(tmp_path))
    assert json.loads(result.stdout)["records"] == len(records) and not any(record.verdicts for record in records)
    with pytest.raises(ConfigError, match="filters differs"):
        build(scenes_root, rewriter_folder, tmp_path, settings)


def test_a_changed_rewriter_setting_or_image_is_refused(
    built, scenes_root, rewriter_folder, settings, tmp_path, copy_of
):
    root, rewriter, out = copy_of(scenes_root, "data"), copy_of(rewriter_folder, "rewriter"), tmp_path / "out"
    build(root, rewriter, out, settings)
    assert contents(out)["shards/000000.jsonl"] == contents(built[0])["shards/000000.jsonl"], (
        "the folders' places play no part"
    )
    with pytest.raises(ConfigError, match=r"filters\.min_words differs .* now 4, then 3"):
        build(root, rewriter, out, [*settings, "filters.min_words=4"])
    with pytest.raises(ConfigError, match="seed differs"):
        build(root, rewriter, out, settings, "--seed=5")
    used = json.loads((out / "job.json").read_text())["judges.sts_precision"]
    other = {"float32": "bfloat16", "bfloat16": "float32"}[used]
    with pytest.raises(ConfigError, match=rf'judges\.sts_precision differs .* now "{other}", then "{used}"'):
        build(root, rewriter, out, [*settings, f"judges.sts_precision={other}"])
    build(root, rewriter, out, [*settings, f"judges.sts_precision={used}"])
    assert f"sts `all-MiniLM-L6-v2 in {used}`" in (out / "README.md").read_text()
    config = json.loads((rewriter / "config.json").read_text())
    (rewriter / "config.json").write_text(json.dumps(config | {"gate_init": 0.1}))
    with pytest.raises(ConfigError, match="rewriter differs"):
        build(root, rewriter, out, settings)
    picture = next(path for path in (root / "vqa-v2").rglob("*.jpg") if "train" in path.name)
    picture.write_bytes(picture.read_bytes() + b"\xff\xd9")
    with pytest.raises(DataError, match="the sources changed"):
        build(root, rewriter_folder, out, settings)


def test_shards_of_other_code_are_refused(scenes_root, rewriter_folder, settings, tmp_path, monkeypatch):
    build(scenes_root, rewriter_folder, tmp_path, settings, command="rewrite")
    (tmp_path / "shards" / "000001.jsonl").unlink()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    asked = []
    monkeypatch.setattr("flamingo_lib.pf1m.build.code_fingerprint", lambda modules: asked.extend(modules) or "other")
    with pytest.raises(ConfigError, match='code fingerprint differs .* now "other", then "[0-9a-f]{16}"'):
        build(scenes_root, rewriter_folder, tmp_path, settings, command="rewrite")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    made_of = closure(asked)
    assert {
        "flamingo_lib.filters.chain",
        "flamingo_lib.rewriting.backends.flamingo",
        "flamingo_lib.judges.nli",
    } <= made_of


def test_a_record_explained(built, tmp_path):
    out, _ = built
    records = list(read_shards(out))
    record = next(record for record in records if record.sample.task == "caption")
    text = run("explain", record.sample.id, "--in", out, "--html", tmp_path / "page.html").stdout
    assert record.sample.id in text and record.sample.instruction in text
    for verdict in record.verdicts:
        assert verdict.filter in text
    page = (tmp_path / "page.html").read_text()
    assert "<img" in page and "data:image/png" in page
    values = json.loads(run("explain", record.sample.id, "--in", out, "--json").stdout)
    assert values["sample"]["id"] == record.sample.id
    with pytest.raises(DataError, match="Similar ids"):
        run("explain", record.sample.id[:-1], "--in", out)
    with pytest.raises(DataError, match="no records"):
        run("explain", "x", "--in", tmp_path)


def test_calibration_runs_from_the_command_line(rewriter_folder, settings, tmp_path, monkeypatch):
    from dataclasses import replace

    from flamingo_lib.config import ScenesConfig
    from flamingo_lib.records import Rewrite
    from flamingo_lib.rewriting.backends.flamingo import FlamingoRewriter
    from flamingo_lib.scenes.answers import full_answer
    from flamingo_lib.scenes.questions import parse_question
    from flamingo_lib.scenes.writers import write_scenes
    from tests.rewriting.small_models import SIZES

    data = tmp_path / "data"
    write_scenes(data, ScenesConfig(**SIZES | {"calibration_scenes": 240}, image_size=72), seed=1)

    def faithful(self, samples, progress=None):
        """Writes the full answer, wrong at every third sample; captions are left to what they say."""
        made = []
        for number, sample in enumerate(samples):
            text = sample.raw.partition("\n")[0].capitalize() + "."
            if sample.task.startswith("vqa"):
                question = parse_question(sample.meta.get("question") or sample.instruction)
                answer = sample.raw.lower().removeprefix("answer: ").partition(".")[0]
                wrong = {"yes": "no", "no": "yes"}.get(answer, answer)
                text = full_answer(replace(question, answer=wrong if number % 3 == 0 else answer))
            made.append(Rewrite(sample, text))
        return made

    monkeypatch.setattr(FlamingoRewriter, "rewrite", faithful)
    options = [
        "--data",
        data,
        "--rewriter",
        rewriter_folder,
        "--target=0.9",
        "--out",
        tmp_path / "report.json",
        "--json",
    ]
    report = json.loads(run("calibrate-filters", *options, *(f"--set={text}" for text in settings)).stdout)
    overall = {"sts_min", "nli_margin_max", "clip_score_min"}
    assert overall <= set(report["settings"]) <= overall | {"sts_min_by_task", "clip_score_min_by_task"}
    assert all(0.88 <= row["faithful_kept"] <= 1 for row in report["judges"].values())
    assert report["quality"]["faults"]["answer changed"]["before"] > 0
    assert json.loads((tmp_path / "report.json").read_text()) == report


def test_sources_are_parsed(tmp_path):
    (tmp_path / "a:b").mkdir()
    folder = str(tmp_path)
    assert parse_source(f"vqa-v2={folder}") == SourceSpec("vqa-v2", folder)
    assert parse_source(f"vqa-v2={folder}:val") == SourceSpec("vqa-v2", folder, "val")
    assert parse_source(f"vqa-v2={folder}:val:30") == SourceSpec("vqa-v2", folder, "val", 30)
    assert parse_source(f"vqa-v2={folder}:30") == SourceSpec("vqa-v2", folder, None, 30)
    assert parse_source(f"vqa-v2={folder}/a:b:train:7") == SourceSpec("vqa-v2", f"{folder}/a:b", "train", 7)
    for text, message in (
        ("vqa-v2", "not a source"),
        ("no-such=/", "no-such"),
        ("vqa-v2=/no/such/place", "no such folder"),
        (f"vqa-v2={folder}:trian", "no split 'trian'"),
        (f"vqa-v2={folder}:train:0", "at least 1"),
    ):
        with pytest.raises((ConfigError, DataError), match=message):
            parse_source(text)


def test_bad_input_is_named(scenes_root, rewriter_folder, settings, tmp_path):
    with pytest.raises(MissingAsset, match="the rewriter"):
        build(scenes_root, "no-such-rewriter", tmp_path / "a", settings)
    bad = {"sts": "the STS judge", "nli": "the NLI judge", "reward": "the reward judge", "clip": "the CLIP model"}
    for role, words in bad.items():
        with pytest.raises(MissingAsset, match=f"{words} 'no-such-judge'"):
            build(scenes_root, rewriter_folder, tmp_path / role, [*settings, f"judges.{role}=no-such-judge"])
        assert not (tmp_path / role).exists(), "nothing is begun"
    with pytest.raises(ConfigError, match=r"filters\.chain\.0"):
        build(scenes_root, rewriter_folder, tmp_path / "filter", [*settings, 'filters.chain=["stss"]'])
    with pytest.raises(ConfigError, match="two folders"):
        run(
            "rewrite",
            f"--source=vqa-v2={scenes_root}/vqa-v2",
            f"--source=vqa-v2={scenes_root}",
            "--rewriter",
            rewriter_folder,
            "--out",
            tmp_path / "b",
        )
    with pytest.raises(ConfigError, match="no setting"):
        build(scenes_root, rewriter_folder, tmp_path / "c", ["rewriting.colour=1"])
    assert not list(Path(tmp_path).glob("*/shards"))


def test_sizes_of_plain_files_and_of_archives_with_a_sign_in_their_names(tmp_path):
    (tmp_path / "at@home").mkdir()
    for name, size in (("train@2x.jpg", 3), ("at@home/2.jpg", 4), ("set.zip", 5)):
        (tmp_path / name).write_bytes(bytes(size))
    images = ("train@2x.jpg", "at@home/2.jpg", "set.zip@a.jpg", "gone@3x.jpg", "../out.jpg")
    sample = Sample("vqa-v2/val/1", "vqa-v2", "vqa", images, "What?", "red")
    assert ImageSizes({"vqa-v2": str(tmp_path)})(sample) == [3, 4, 5, -1, -1]
