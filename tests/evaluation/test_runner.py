"""Evaluation on sources: what is stored, resuming to the same bytes, other settings and other predictions refused."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from flamingo_lib.chat.template import plain
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.evaluation.predictions import read_predictions
from flamingo_lib.evaluation.run_settings import RunSettings, SourceRequest, by_source, prepare
from flamingo_lib.evaluation.run_summary import summarize_run, summary_lines
from flamingo_lib.evaluation.runner import run
from flamingo_lib.judges.panel import Judges
from tests.evaluation.fakes import JUDGES, FakeGenerator

SAMPLES = Path(__file__).parents[2] / "data_samples" / "sources"


def settings(*names, **fields):
    sources = tuple(SourceRequest(name, SAMPLES / name) for name in names)
    return RunSettings("m", "weights", sources, **({"batch": 2} | fields))


def ask(out, given, generator=None, judges=JUDGES):
    prepare(out, given)
    return run(out, given, generator or FakeGenerator(), judges)


def test_every_kind_of_source_is_asked_and_measured(tmp_path):
    names = ("ok-vqa", "vsr", "mscoco-captions", "nlvr2", "refcocog", "elevater-mnist", "hrrsd", "spot-the-diff")
    given = settings(*names, "alpaca-gpt4", judges=dict.fromkeys(("sts", "nli", "reward", "clip"), "fake"))
    facts = ask(tmp_path, given)
    summary = summarize_run(tmp_path, given, facts)
    json.dumps(summary, allow_nan=False)
    metrics = {name: set(source["metrics"]) for name, source in summary["sources"].items()}
    assert {"vqa_accuracy", "vqa_accuracy_stated", "nli_accuracy"} <= metrics["ok-vqa"]
    assert {"yes_no_accuracy", "yes_no_recall", "yes_no_f1"} <= metrics["vsr"] & metrics["nlvr2"]
    assert {"rouge_l", "sts", "clipscore"} <= metrics["mscoco-captions"] & metrics["spot-the-diff"]
    assert "vqa_accuracy" not in metrics["vsr"] | metrics["mscoco-captions"] and "box_recall" in metrics["hrrsd"]
    assert {"label_named", "nli_accuracy"} <= metrics["elevater-mnist"] and "rouge_l" in metrics["alpaca-gpt4"]
    for source in summary["sources"].values():
        assert source["questions"] == sum(source["tasks"].values())
        assert {"guess"} <= source["metrics"]["reward_mean"].keys() and source["left_out"]
    lines = "\n".join(summary_lines(summary))
    assert all(f"m on {name}:" in lines for name in names) and "always the commonest answer" in lines
    pools = {item.source: item.pool for item in read_predictions(tmp_path / "predictions.jsonl")}
    assert (pools["vsr"], pools["mscoco-captions"], pools["alpaca-gpt4"]) == ("held_out_source", "captions", "texts")


def test_a_killed_run_goes_on_to_the_same_bytes(tmp_path):
    given = settings("vsr", "mscoco-captions", "elevater-mnist", batch=3)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    facts = ask(whole, given)
    expected = (whole / "predictions.jsonl").read_bytes()
    for killed_after in (1, 2, 1):
        with pytest.raises(KeyboardInterrupt):
            ask(broken, given, FakeGenerator(fail_after=killed_after))
        with open(broken / "predictions.jsonl", "ab") as file:
            file.write(b'{"id": "torn')
    generator = FakeGenerator()
    assert ask(broken, given, generator) == facts
    assert (broken / "predictions.jsonl").read_bytes() == expected and generator.batches < 6
    assert summarize_run(broken, given, facts) == summarize_run(whole, given, facts)


def test_other_settings_are_refused_by_name(tmp_path):
    given = settings("vsr")
    ask(tmp_path, given)
    (tmp_path / "metrics.json").write_text("{}")
    assert prepare(tmp_path, given)
    with pytest.raises(ConfigError, match=r"other settings \(model: 'm', now 'other'; limit: None, now 3\)"):
        prepare(tmp_path, replace(given, model="other", limit=3))
    with pytest.raises(ConfigError, match=r"weights: 'weights', now 'new'"):
        prepare(tmp_path, replace(given, weights="new"))
    (tmp_path / "settings.json").unlink()
    with pytest.raises(ConfigError, match=r"predictions.jsonl but no settings.json"):
        prepare(tmp_path, given)
    with pytest.raises(ConfigError, match="'vsr' is given twice"):
        prepare(tmp_path / "new", settings("vsr", "vsr"))


def test_predictions_of_another_set_are_refused(tmp_path):
    given = settings("vsr")
    ask(tmp_path, given)
    path = tmp_path / "predictions.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[1:] + lines[:1]))
    with pytest.raises(DataError, match=r"the stored prediction is of 'vsr.*but the source now gives 'vsr.*changed"):
        run(tmp_path, given, FakeGenerator(), JUDGES)
    path.write_text(lines[0].replace('"model": "m"', '"model": "x"'))
    with pytest.raises(DataError, match=r"a prediction of 'x' on 'vsr', which this run does not ask .*line 1"):
        run(tmp_path, given, FakeGenerator(), JUDGES)
    path.write_text('{"id": 1}\n')
    with pytest.raises(DataError, match=r"not a stored prediction: .*line 1"):
        run(tmp_path, given, FakeGenerator(), JUDGES)
    path.write_text("")
    with pytest.raises(DataError, match="holds no predictions"):
        by_source(path)


def test_limit_split_and_examples(tmp_path):
    generator = FakeGenerator()
    given = settings("vsr", split="dev", limit=1, shots=1)
    facts = ask(tmp_path / "train", given, generator, Judges())
    assert facts["vsr"] == {"questions": 1, "unusable": {}, "examples": ["vsr/train/000000000201-1"]}
    (chat,) = generator.chats
    assert [turn.response for turn in chat] == ["yes", None] and [turn.images for turn in chat] == [1, 1]
    ask(tmp_path / "page", replace(given, prompt="openflamingo"), generator, Judges())
    shown, asked, _ = plain(generator.chats[-1]).split("Short answer:")
    assert shown.startswith("<image>Question: ") and asked.startswith(" yes<|endofchunk|><image>Question: ")
    facts = ask(tmp_path / "own", settings("vsr", limit=2, shots=1), FakeGenerator(), Judges())
    stored = [item.id for item in read_predictions(tmp_path / "own" / "predictions.jsonl")]
    assert facts["vsr"]["examples"] == ["vsr/train/000000000201-1"] and len(stored) == 2
    assert facts["vsr"]["examples"][0] not in stored
    with pytest.raises(DataError, match=r"has \d records, too few for 40 examples"):
        ask(tmp_path / "many", settings("vsr", shots=40))
    with pytest.raises(DataError, match=r"ok-vqa has no record to ask"):
        ask(tmp_path / "none", settings("ok-vqa", shots=1))


def test_scenes_give_their_truth(tmp_path, data_root):
    given = RunSettings("m", "w", (SourceRequest("vqa-v2", data_root / "vqa-v2"),), split="val", limit=8, batch=4)
    summary = summarize_run(tmp_path, given, ask(tmp_path, given, FakeGenerator("yes"), Judges()))
    found = summary["sources"]["vqa-v2"]["metrics"]
    assert found["accuracy"]["n"] == 8 and found["accuracy"]["guess"]["n"] == 8 and found["hallucinated"]["n"] == 8
    assert found["accuracy"]["value"] <= found["accuracy"]["guess"]["value"]
