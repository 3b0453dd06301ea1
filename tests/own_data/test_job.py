"""The whole way of a dataset, with a rewriter that needs no model: same format out, resumable, honest about drops."""

from __future__ import annotations

import json

import pytest

from flamingo_lib.cli.own_data import show_forecast, show_outcome
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.own_data import job
from flamingo_lib.own_data.containers import open_container
from flamingo_lib.own_data.samples import OwnData
from flamingo_lib.own_data.schemas import find_schema
from flamingo_lib.pipeline.find_record import find_record, record_pictures
from flamingo_lib.presets import load_preset
from flamingo_lib.records import Rewrite, Verdict
from flamingo_lib.rewriting.backends.settings import BackendConfig

from .conftest import ROWS, write

PRESET = load_preset("tiny", ["rewriting.shard_size=2"])
BACKEND = BackendConfig(kind="server", url="http://127.0.0.1:9/v1")


class FakeWork:
    """Says "The answer is RAW."; drops answers that hold a 2; stops at a given record."""

    tokens = tokens_read = 0
    stop_at: str | None = None
    done: list[str] = []  # noqa: RUF012 - shared by all workers of a test

    def __call__(self, samples, tick):
        made = []
        for sample in samples:
            if sample.id == FakeWork.stop_at:
                raise KeyboardInterrupt
            FakeWork.done.append(sample.id)
            self.tokens += 5
            self.tokens_read += 50_000
            keep = "2" not in sample.raw
            verdict = Verdict(keep, "nli", 0.1, 0.0, "" if keep else "contradicts")
            made.append(Rewrite(sample, f"The answer is {sample.raw}.", verdicts=(verdict,)))
        tick(len(samples))
        return made


@pytest.fixture(autouse=True)
def fake(monkeypatch):
    FakeWork.stop_at, FakeWork.done = None, []
    monkeypatch.setattr(job, "make_work", lambda *args, **options: FakeWork)


def opened(folder, rows, kind="jsonl"):
    container = open_container(write(folder, kind, rows))
    return OwnData(container, find_schema(container), folder / "out" / "images")


@pytest.mark.parametrize(("schema", "kind"), [("columns", "csv"), ("llava", "json"), ("sharegpt", "jsonl")])
def test_a_dataset_comes_back_in_its_own_format(folder, schema, kind):
    rows = [ROWS[schema](number) for number in range(4)]
    outcome = job.rewrite_data(opened(folder, rows, kind), "m", folder / "out", PRESET, BACKEND)
    assert (outcome.rows, outcome.kept) == (4, 3)  # the one with a 2 is dropped
    again = open_container(outcome.dataset)
    assert again.kind == kind
    layout = find_schema(again)
    assert layout.name == schema
    read = [row for _, row in again.rows()]
    assert [layout.slots(row)[0].response for row in read] == [f"The answer is red {n}." for n in (0, 1, 3)]
    assert [layout.slots(row)[0].images for row in read] == [(f"images/{n}.png",) for n in (0, 1, 3)]
    history = [json.loads(line) for line in (folder / "out" / job.HISTORY).read_text().splitlines()]
    assert len(history) == outcome.funnel["total"]["in"]
    assert [line["final"] for line in history if not line["kept"]] == [None] * (
        len(history) - outcome.funnel["total"]["kept"]
    )
    summary = json.loads((folder / "out" / job.SUMMARY).read_text())
    assert (summary["rows"], summary["rows_written"], summary["schema"]) == (4, 3, schema)
    page = (folder / "out" / job.REPORT).read_text()
    assert find_record(folder / "out", "own-data/1/0").sample.raw == "red 1"
    assert len(record_pictures(folder / "out")(find_record(folder / "out", "own-data/1/0").sample)) == 1
    assert "4 rows read, 3 written" in page


def test_dropped_rows_may_stay_as_they_were(folder):
    rows = [ROWS["columns"](number) for number in range(4)]
    outcome = job.rewrite_data(opened(folder, rows), "m", folder / "out", PRESET, BACKEND, drop=False)
    read = [row for _, row in open_container(outcome.dataset).rows()]
    assert [row["answer"] for row in read] == [
        "The answer is red 0.",
        "The answer is red 1.",
        "red 2",
        "The answer is red 3.",
    ]


class Refuses(FakeWork):
    """Has no text for the records named."""

    refused: tuple[str, ...] = ()

    def __call__(self, samples, tick):
        done = super().__call__(samples, tick)
        why = {"error": "the prompt has 70 tokens"}
        return [
            Rewrite(rewrite.sample, "", flags=("too_long",), scores=why) if rewrite.sample.id in self.refused else
            Rewrite(rewrite.sample, rewrite.output)
            for rewrite in done
        ]  # fmt: skip


def test_a_response_that_the_rewriter_did_not_give_takes_no_place(folder, monkeypatch, capsys):
    monkeypatch.setattr(job, "make_work", lambda *args, **options: Refuses)
    monkeypatch.setattr(Refuses, "refused", ("own-data/0/0",))
    rows = [ROWS["columns"](number) for number in range(2)]
    outcome = job.rewrite_data(opened(folder, rows), "m", folder / "out", PRESET, BACKEND, filtering=False, drop=False)
    assert [row["answer"] for _, row in open_container(outcome.dataset).rows()] == ["red 0", "The answer is red 1."]
    total = outcome.funnel["total"]
    assert (total["in"], total["kept"], total["set_aside"], total["dropped"]) == (2, 1, 1, {"output": 1})
    assert {alarm.records for alarm in outcome.alarms if alarm.name == "one sentence pattern"} == {1}
    line = json.loads((folder / "out" / job.HISTORY).read_text().splitlines()[0])
    assert (line["final"], line["kept"], line["set_aside"]) == (None, False, "no output: the prompt has 70 tokens")
    show_outcome(outcome, folder / "out")
    words = "1 of 2 records were not rewritten; the first, own-data/0/0: no output: the prompt has 70 tokens"
    assert f"warning: {words}" in capsys.readouterr().err and words in (folder / "out" / job.REPORT).read_text()
    show_forecast(job.dry_run(opened(folder, rows), "m", PRESET, BACKEND, filtering=False), None)
    shown = capsys.readouterr().out
    assert "own-data/0/0  no output: the prompt has 70 tokens" in shown and "of 2 records tried, 1 are kept" in shown


def test_a_rewriter_without_a_text_for_any_record_is_an_error(folder, monkeypatch):
    monkeypatch.setattr(job, "make_work", lambda *args, **options: Refuses)
    monkeypatch.setattr(Refuses, "refused", ("own-data/0/0", "own-data/1/0"))
    data = opened(folder, [ROWS["columns"](number) for number in range(2)])
    with pytest.raises(DataError, match=r"no record could be rewritten; the first: no output: .* 70 tokens") as raised:
        job.rewrite_data(data, "m", folder / "out", PRESET, BACKEND, filtering=False)
    assert raised.value.record == "own-data/0/0"
    assert sorted(path.name for path in (folder / "out").iterdir()) == ["job"]


def test_a_stopped_job_goes_on_with_the_same_bytes(folder, tmp_path_factory):
    rows = [ROWS["llava"](number) for number in range(4)]
    data = opened(folder, rows)
    whole = job.rewrite_data(data, "m", tmp_path_factory.mktemp("whole"), PRESET, BACKEND)
    FakeWork.stop_at, FakeWork.done = "own-data/2/1", []
    with pytest.raises(KeyboardInterrupt):
        job.rewrite_data(data, "m", folder / "out", PRESET, BACKEND)
    assert not (folder / "out" / whole.dataset.name).exists()
    FakeWork.stop_at, before = None, list(FakeWork.done)
    rest = job.rewrite_data(data, "m", folder / "out", PRESET, BACKEND)
    assert rest.dataset.read_bytes() == whole.dataset.read_bytes()
    assert FakeWork.done[len(before) :] == [f"own-data/{row}/{turn}" for row in (2, 3) for turn in (0, 1)]
    with pytest.raises(ConfigError, match="seed differs"):
        job.rewrite_data(data, "m", folder / "out", PRESET.model_copy(update={"seed": 5}), BACKEND)


def test_missing_images_stop_before_any_work(folder):
    data = opened(folder, [ROWS["columns"](number) for number in range(6)])
    with pytest.raises(DataError, match="2 of 6 images are missing"):
        job.rewrite_data(data, "m", folder / "out", PRESET, BACKEND)
    assert not FakeWork.done
    with pytest.raises(DataError, match="2 of 6 images are missing"):
        job.dry_run(data, "m", PRESET, BACKEND)


def test_a_dry_run_tries_records_from_all_over_and_forecasts(folder, capsys):
    rows = [{**ROWS["columns"](number % 4), "answer": str(number)} for number in range(40)]
    data = opened(folder, rows)
    forecast = job.dry_run(data, "m", PRESET, BACKEND, count=10)
    assert FakeWork.done == [f"own-data/{number}/0" for number in range(0, 40, 4)]
    assert (forecast.records, forecast.total_tokens, forecast.total_tokens_read) == (40, 200, 2_000_000)
    show_forecast(forecast, (2.5, 10.0))
    shown = capsys.readouterr().out
    assert "2,000,000 tokens read and 200 tokens written" in shown and "they cost about 5.00" in shown
    assert forecast.kept == sum("2" not in str(number) for number in range(0, 40, 4))
    assert not (folder / "out").exists()


def test_rows_of_another_layout_are_set_aside_and_told(folder):
    rows = [ROWS["columns"](0), {**ROWS["columns"](1), "answer": None}]
    outcome = job.rewrite_data(opened(folder, rows), "m", folder / "out", PRESET, BACKEND)
    assert (outcome.rows, outcome.kept) == (2, 1)
    aside = [json.loads(line) for line in (folder / "out" / job.ASIDE).read_text().splitlines()]
    assert aside[0]["record"] == "line 2"
