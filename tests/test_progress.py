"""Progress: bars where people watch, lines where a log is kept, a status file where another process watches."""

import json
import sys

import pytest

from flamingo_lib import progress
from flamingo_lib.progress import STATUS_FILE, Progress, track, wants_bar


class Clock:
    """A clock that moves by hand."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("CI", "FLAMINGO_PLAIN_PROGRESS", STATUS_FILE):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


def on_terminal(monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)


def test_bar_on_a_terminal_and_in_a_notebook_only(monkeypatch):
    assert not wants_bar()  # pytest captures the output: no terminal
    monkeypatch.setitem(sys.modules, "ipykernel", object())
    assert wants_bar()
    monkeypatch.delitem(sys.modules, "ipykernel")
    on_terminal(monkeypatch)
    assert wants_bar()


@pytest.mark.parametrize("name", ["CI", "FLAMINGO_PLAIN_PROGRESS", STATUS_FILE])
def test_environment_turns_the_bar_off(monkeypatch, name):
    on_terminal(monkeypatch)
    monkeypatch.setenv(name, "1")
    assert not wants_bar()


def test_bar_shows_counts_and_note(monkeypatch, capsys):
    on_terminal(monkeypatch)
    with Progress("reading", 3, "rows") as bar:
        bar.update(2, "half way")
        bar.update()
    shown = capsys.readouterr().err
    assert "reading: 100%" in shown and "3/3" in shown and "half way" in shown and "\r" in shown


def test_log_gets_one_line_in_ten_seconds_and_no_bar(clock, capsys):
    with Progress("reading", 1000, "rows") as work:
        for _ in range(50):
            clock.now += 1
            work.update(10, "fine")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "reading: 100 of 1,000 rows · 10.0/s · 90 s left · fine"
    assert len(lines) == 6 and lines[-1].startswith("reading: 500 of 1,000 rows")  # five, and the end
    assert not any("\r" in line or "%" in line for line in lines)


def test_short_work_leaves_no_line(clock, capsys):
    with Progress("reading", 5) as work:
        clock.now += 9
        work.update(5)
    assert capsys.readouterr().err == ""


def test_unknown_total_has_no_time_left(clock, capsys):
    with Progress("reading") as work:
        clock.now += 20
        work.update(40)
    assert capsys.readouterr().err.splitlines()[0] == "reading: 40 records · 2.0/s"


def test_status_file_holds_the_latest_state(clock, monkeypatch, tmp_path, capsys):
    file = tmp_path / "status.json"
    monkeypatch.setenv(STATUS_FILE, str(file))
    with Progress("reading", 9, "rows") as work:
        assert json.loads(file.read_text())["done"] == 0
        work.update(4)
        assert json.loads(file.read_text())["done"] == 0  # not for every record
        clock.now += 1
        work.update(1, "fine")
        assert json.loads(file.read_text()) == {
            "description": "reading", "total": 9, "unit": "rows", "done": 5, "note": "fine",
        }  # fmt: skip
        work.update(4)
    assert json.loads(file.read_text())["done"] == 9
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"] and capsys.readouterr().err == ""


def test_work_goes_on_when_nobody_can_be_told(monkeypatch, tmp_path):
    monkeypatch.setenv(STATUS_FILE, str(tmp_path / "gone" / "status.json"))
    assert list(track(range(5), "counting")) == list(range(5))


def test_track_yields_the_items_and_knows_their_number(clock, capsys):
    def slow():
        for item in track(["a", "b"], "reading", unit="files"):
            clock.now += 11
            yield item

    assert list(slow()) == ["a", "b"]
    assert "reading: 1 of 2 files" in capsys.readouterr().err


def test_track_ends_the_bar_when_the_loop_breaks(clock, capsys):
    def never():
        yield 1
        raise RuntimeError("burnt")

    with pytest.raises(RuntimeError, match="burnt"):
        for _ in track(never(), "reading"):
            clock.now += 30
    assert "reading: 1 records" in capsys.readouterr().err
