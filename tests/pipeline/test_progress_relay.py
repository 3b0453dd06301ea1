"""Progress of another process is shown here; losing the watcher stops nobody."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from flamingo_lib import progress
from flamingo_lib.pipeline import progress_relay as relay

WORK = """
from flamingo_lib.progress import Progress, track
import time
for _ in track(range(4), "counting", unit="sheep"):
    time.sleep(0.3)
with Progress("resting", 2, "naps") as nap:
    time.sleep(0.6); nap.update(2, "deep"); time.sleep(0.6)
"""


def test_progress_of_a_child_is_shown(monkeypatch, capsys):
    monkeypatch.setenv("CI", "1")
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with relay.relayed_progress() as environment:
        done = subprocess.run(
            [sys.executable, "-c", WORK], env=os.environ | environment, capture_output=True, text=True
        )
    assert done.returncode == 0 and not done.stderr
    shown = capsys.readouterr().err
    assert "of 4 sheep" in shown and "resting: 2 of 2 naps" in shown


def test_work_goes_on_when_nobody_watches(tmp_path):
    environment = os.environ | {progress.STATUS_FILE: str(tmp_path / "gone" / "status.json")}
    done = subprocess.run([sys.executable, "-c", WORK], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("content", ["", "{", None])
def test_a_half_written_status_is_passed_over(tmp_path, content):
    path = tmp_path / "status.json"
    if content is not None:
        path.write_text(content)
    watcher = relay.Relay(path)
    watcher.look()
    watcher.close()
