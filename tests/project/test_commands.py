"""What README.md, the Makefile and .ci/run promise can be run."""

from __future__ import annotations

import ast
import inspect
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


@pytest.mark.parametrize("line", [line for line in commands() if not line.startswith("make")])
def test_readme_command_is_understood(line: str):
    """The program itself parses it: the command, its options and their values, and what is required."""
    words = shlex.split(line)
    assert words[0].endswith("flamingo"), f"unknown command in README: {line}"
    command, rest = COMMAND, words[1:]
    while rest and hasattr(command, "get_command") and not rest[0].startswith("-"):
        name = rest.pop(0)
        command = command.get_command(typer.Context(command), name)
        assert command is not None, f"flamingo has no command {name!r}"
    try:
        command.make_context(words[0], rest).close()
    except SystemExit as ended:
        assert not ended.code
    except typer.Exit as ended:
        assert ended.exit_code == 0 and "--help" in words


@pytest.mark.parametrize("line", [line for line in commands() if line.startswith("make")])
def test_readme_make_line_runs_dry(line: str):
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


@pytest.mark.parametrize("block", re.findall(r"```python\n(.*?)```", README, flags=re.S))
def test_readme_python_names_what_is_there(block: str):
    """Its imports work, and its calls fit the functions' signatures."""
    tree, names = ast.parse(block), {}
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    exec(compile(ast.Module(imports, []), "README.md", "exec"), names)
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    checked = [call for call in calls if call.func.id in names]
    assert imports and checked
    for call in checked:
        keywords = {keyword.arg: None for keyword in call.keywords}
        inspect.signature(names[call.func.id]).bind(*call.args, **keywords)


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
