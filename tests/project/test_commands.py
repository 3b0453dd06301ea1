"""What README.md, the Makefile and .ci/run promise can be run."""

from __future__ import annotations

import os
import re
import shlex
import stat
import subprocess
from pathlib import Path

import pytest
import typer.main

from flamingo_lib.cli import app

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
COMMAND = typer.main.get_command(app)


def commands() -> list[str]:
    """The lines of README's `sh` blocks, comments and continuation lines joined away."""
    blocks = re.findall(r"```sh\n(.*?)```", README, flags=re.S)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split(" #")[0].strip() for line in lines if line.strip() and not line.strip().startswith("#")]


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text("utf-8"), flags=re.M))


@pytest.mark.parametrize("line", commands())
def test_readme_command_exists(line: str):
    words = shlex.split(line)
    if words[0] == "make":
        assert {word for word in words[1:] if "=" not in word} <= targets()
    elif words[0].endswith("flamingo"):
        command, rest = COMMAND, words[1:]
        context = typer.Context(command)
        while rest and hasattr(command, "get_command") and not rest[0].startswith("-"):
            command = command.get_command(context, rest[0])
            assert command is not None, f"flamingo has no command {rest[0]!r}"
            rest = rest[1:]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        assert {word.split("=")[0] for word in rest if word.startswith("--")} <= known
    else:
        assert words[0] in {"git", "cd", "python", "conda"}, f"unknown command in README: {line}"


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
