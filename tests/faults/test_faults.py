"""A short campaign: one fault of each kind that needs no new interpreter, on the two commands that are quickest."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.faults.report import Case, Report
from tests.faults.rounding import ROUNDING, distance

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


def test_rounding_is_told_from_other_results(tmp_path):
    def write(name, weights, loss, **more):
        folder = tmp_path / name
        folder.mkdir()
        save_file({key: torch.tensor(value) for key, value in weights.items()}, folder / "model.safetensors")
        (folder / "training.json").write_text(json.dumps({"curve": [[1, loss]], "seconds": loss, **more}))
        return [folder / "model.safetensors", folder / "training.json"]

    first = write("first", {"a": [1.0, 2.0]}, 2.0)
    rounded = write("rounded", {"a": [1.0, 2.000001]}, 2.000001)
    trained = write("trained", {"a": [1.0, 2.1]}, 2.1)
    other = write("other", {"b": [1.0, 2.0]}, 2.0, steps=3)
    assert [distance(*pair) for pair in zip(first, first, strict=True)] == [0, 0]
    assert all(0 < distance(*pair) < ROUNDING for pair in zip(first, rounded, strict=True))
    assert all(ROUNDING < distance(*pair) < 1 for pair in zip(first, trained, strict=True))
    assert all(distance(*pair) == float("inf") for pair in zip(first, other, strict=True))
    assert distance(first[0], tmp_path / "none") == float("inf")


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
