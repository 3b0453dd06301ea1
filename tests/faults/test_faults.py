"""A short campaign: one fault of each kind that needs no new interpreter, on the two commands that are quickest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from tests.faults.report import Case, Report

ROOT = Path(__file__).parents[2]


def test_a_short_campaign_is_stood(tmp_path):
    command = [sys.executable, "-m", "tests.faults", "--out", str(tmp_path), "--short", "--kills", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [*command, "--only", "rewrite (server)", "serve"], env=environment, capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]
    found = json.loads((tmp_path / "faults.json").read_text())
    assert {(row["fault"], row["command"]) for row in found["rows"]} == {
        (fault, name)
        for fault in ("kill -9", "full disk", "two jobs", "clock jumps")
        for name in ("rewrite (server)", "serve")
    }
    assert all(row["well"] == row["cases"] and not row["records_lost"] for row in found["rows"])


@pytest.mark.parametrize("problem", ["", "other bytes in a"])
def test_a_report_counts_and_names_what_was_not_stood(tmp_path, problem):
    report = Report()
    report.add(Case("kill -9", "train", "after 1 s", seconds=1.5))
    report.add(Case("kill -9", "train", "after 2 s", problem))
    report.add(Case("two jobs", "train", records_lost=bool(problem)))
    report.write(tmp_path)
    suites = ElementTree.parse(tmp_path / "faults.xml").getroot()
    failed = 2 * bool(problem)
    assert suites.attrib == {"tests": "3", "failures": str(failed)} and len(list(suites.iter("failure"))) == failed
    found = json.loads((tmp_path / "faults.json").read_text())
    assert found["cases"] == 3 and found["failed"] == failed
    assert f"| kill -9 | train | 2 | {2 - bool(problem)} | 0 |" in (tmp_path / "faults.md").read_text()
