"""The command line as a whole: every command explains itself, and starts without loading what it does not need."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer.main
from typer.testing import CliRunner

from flamingo_lib.cli import app

COMMAND = typer.main.get_command(app)


def leaves(command, path=()):
    """All commands with the words that call them."""
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from leaves(inner, (*path, name))
    else:
        yield path, command


COMMANDS = dict(leaves(COMMAND))


def test_the_commands_of_the_method_are_there():
    first = {path[0] for path in COMMANDS}
    assert {"pipeline", "pretrain", "distort", "train", "rewrite", "evaluate", "chat", "presets", "notebooks"} <= first


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help(path):
    done = CliRunner().invoke(app, [*path, "--help"])
    assert done.exit_code == 0 and COMMANDS[path].help
    for parameter in COMMANDS[path].params:
        assert getattr(parameter, "help", None) or parameter.name in ("help",), (
            f"{' '.join(path)}: {parameter.name} needs help"
        )


def test_help_does_not_load_torch():
    script = (
        "import sys; from flamingo_lib.cli import app; import typer.main; typer.main.get_command(app); "
        "print('torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.strip()
        == "False"
    )


@pytest.mark.parametrize("words", [["nonsense"], ["pipeline", "--nonsense"], ["pipeline", "--seed", "many"]])
def test_wrong_words_end_with_an_error(words):
    assert CliRunner().invoke(app, words).exit_code == 2
