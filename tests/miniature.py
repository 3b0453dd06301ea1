"""The smallest run that goes through every part: minutes on one core, its figures mean nothing.

The test of the whole pipeline and the notebooks under nbval share its folder, so that every step is done once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

from filelock import FileLock

ROOT = Path(__file__).parents[1]
RUN = ROOT / ".cache" / "miniature"
PRESET, SEED = "tiny", 0

SETTINGS = (
    "scenes.polite_scenes=60",
    "scenes.raw_scenes=40",
    "scenes.calibration_scenes=8",
    "scenes.evaluation_scenes=24",
    "scenes.held_out_scenes=12",
    "scenes.held_out_source_questions=8",
    "scenes.text_dialogues=60",
    "distortion.pairs=160",
    "rewriter.max_steps=6",
    "rewriting.limit_per_source=16",
    "rewriting.max_new_tokens=60",
    "stages.stage1.max_steps=3",
    "stages.stage2.max_steps=3",
    "stages.stage3.max_steps=2",
    "stages.raw.max_steps=3",
    "evaluation.questions=24",
    "evaluation.held_out_questions=16",
    "evaluation.held_out_source_questions=8",
    "evaluation.texts=6",
    "evaluation.max_new_tokens=24",
)


def pipeline() -> tuple[dict[str, Any], str]:
    """Run `flamingo pipeline` in the folder, without the notebooks; its figures, and what it said."""
    command = [sys.executable, "-c", "from flamingo_lib.cli import main; main()", "pipeline", "--json"]
    command += ["--no-notebooks", "--preset", PRESET, "--seed", str(SEED), "--run-dir", str(RUN)]
    command += [word for setting in SETTINGS for word in ("--set", setting)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"CI": "true"})
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


@cache
def made() -> dict[str, Any]:
    """The figures of the run, which is made first; of several workers one makes it, and the others wait.

    Where it fails it fails all who ask, without being tried again.
    """
    tests = os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    RUN.parent.mkdir(parents=True, exist_ok=True)
    note = RUN.with_name("miniature.json")
    with FileLock(note.with_suffix(".lock")):
        found = json.loads(note.read_text("utf-8")) if note.exists() else {}
        if found.get("tests") != tests:
            try:
                found = {"tests": tests, "figures": pipeline()[0]}
            except AssertionError as error:
                found = {"tests": tests, "failed": str(error)}
            note.write_text(json.dumps(found), "utf-8")
    assert "failed" not in found, found["failed"]
    return found["figures"]
