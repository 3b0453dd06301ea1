"""The script that checks an accelerator, tried on the CPU."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def device(monkeypatch):
    """Runs the script with some options; returns its exit code."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    script = import_module("device")

    def run(*options):
        monkeypatch.setattr(sys, "argv", ["device.py", *map(str, options)])
        return script.main()

    return run


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_cuda_it_says_so_and_ends_well(device, capsys):
    assert device() == 0
    assert "no CUDA device" in capsys.readouterr().out


def test_checks_pass_on_the_cpu_and_stand_in_the_file(device, tmp_path, capsys):
    assert device("--device", "cpu", "--only", "forward, backward, greedy", "--json", tmp_path / "f.json") == 0
    figures = json.loads((tmp_path / "f.json").read_text("utf-8"))
    assert len(figures["checks"]) == 8 and all(row["ok"] for row in figures["checks"])
    assert "8 of 8 checks passed" in capsys.readouterr().out


def test_a_wrong_device_fails(device, monkeypatch, capsys):
    checks = import_module("device_checks")
    right = checks.outputs

    def wrong(model, ids, pixels):
        found = right(model, ids, pixels)
        if model.dtype == torch.bfloat16:
            found["gradient"] = found["gradient"] * 1.5
            found["tokens"] = [[token + 1 for token in row] for row in found["tokens"]]
        return found

    monkeypatch.setattr(checks, "outputs", wrong)
    assert device("--device", "cpu", "--only", "forward, backward, greedy") == 1
    assert "6 of 8 checks passed" in capsys.readouterr().out
    assert not checks.Check("x", float("nan"), 1.0).ok


def test_nothing_is_begun_after_the_time_is_over(device, capsys):
    assert device("--device", "cpu", "--minutes", "0", "--only", "jobs") == 0
    assert "left out, as the 0 minutes are over: jobs" in capsys.readouterr().out


def test_an_unknown_check_is_named(device, capsys):
    with pytest.raises(SystemExit):
        device("--device", "cpu", "--only", "colour")
    assert "no check 'colour'" in capsys.readouterr().err
