"""What README.md says of `make`, and what the Makefile and .ci/run promise; test_readme_runs.py executes the rest."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def make_lines() -> list[str]:
    """The lines of README's `sh` blocks that run `make`, without comments."""
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", README, flags=re.S)).splitlines()
    return [line.split(" #")[0].strip() for line in lines if line.startswith("make ")]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text("utf-8"), flags=re.M))


@pytest.mark.parametrize("line", make_lines())
def test_readme_make_line_runs_dry(line: str):
    """Each is the whole run, the whole suite, or a server."""
    assert {word for word in shlex.split(line)[1:] if "=" not in word} <= targets()
    done = subprocess.run(
        ["make", "-C", str(ROOT), "-n", "-o", ".venv/.installed", *shlex.split(line)[1:]],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert (
        "flamingo" in done.stdout or "docs/site" in done.stdout or "pytest" in done.stdout or "jupyter" in done.stdout
    )


def test_make_site_shows_a_run_only_if_one_is_named():
    def site(*settings: str) -> str:
        command = ["make", "-C", str(ROOT), "-n", "-o", ".venv/.installed", "site", *settings]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert "--run" not in site() and "--run 'runs/night'" in site("RUN=night")


def test_readme_shows_the_two_commands_first():
    first_screen = "\n".join(README.splitlines()[:30])
    assert "make pipeline" in first_screen and "make test" in first_screen


def test_readme_links_point_to_files():
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if "://" not in link:
            assert (ROOT / link).exists(), link


def test_make_help_lists_every_target():
    printed = subprocess.run(
        ["make", "-C", str(ROOT), "--no-print-directory", "help"], capture_output=True, text=True, check=True
    ).stdout
    assert {"help", "pipeline", "test", "lab", "bench", "lint", "clean"} <= targets()
    for target in targets():
        assert re.search(rf"^{target} ", printed, flags=re.M)


def test_make_passes_settings_on():
    done = subprocess.run(
        [
            "make",
            "-C",
            str(ROOT),
            "-n",
            "-o",
            ".venv/.installed",
            "pipeline",
            "PRESET=small",
            "SEED=3",
            "RUN=try",
            "SET=a.b=1 c=2",
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "flamingo pipeline --preset small --seed 3 --run \"try\" --set 'a.b=1' --set 'c=2'" in done.stdout


@pytest.mark.parametrize("code", [0, 1, 7])
def test_ci_exits_as_the_tests_do(tmp_path: Path, code: int):
    fake = tmp_path / "make"
    fake.write_text(f'#!/bin/sh\necho "ran $@"\nexit {code}\n')
    fake.chmod(fake.stat().st_mode | stat.S_IEXEC)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(ROOT / ".ci" / "run")], capture_output=True, text=True, env=os.environ | {"PATH": path}
    )
    assert done.returncode == code
    assert "ran --no-print-directory test" in done.stdout
