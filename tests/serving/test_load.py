"""A short load on the endpoint: the benchmark's own clients, fewer and for less long."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

FILE = Path(__file__).parents[2] / "benchmarks" / "serving.py"


def test_no_request_fails_and_memory_stays(tmp_path):
    options = ["--clients", "8", "--seconds", "20", "--max-tokens", "12", "--out", str(tmp_path / "load.json")]
    done = subprocess.run(
        [sys.executable, str(FILE), *options],
        capture_output=True,
        text=True,
        timeout=600,
        env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    load = json.loads((tmp_path / "load.json").read_text())
    assert load["failed"] == load["tracebacks"] == 0 and load["requests"] >= 8
    assert 0 < load["first_text_seconds_p50"] <= load["first_text_seconds_p95"] < 60
    assert load["tokens_per_second"] > 0
    assert load["memory_mb_at_the_end"] - load["memory_mb_after_warm_up"] < 40
    assert "memory slope mb per minute" in done.stdout
