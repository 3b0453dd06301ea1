"""The way out of the command line: one clear message and exit code 2, on a terminal of any encoding."""

import errno
import os
import subprocess
import sys

import pytest

from flamingo_lib import cli
from flamingo_lib.errors import ConfigError, StorageError

COMMAND = [sys.executable, "-m", "flamingo_lib.cli"]
SET = ("LC_", "LANG", "PYTHONIOENCODING", "PYTHONUNBUFFERED", "PYTHONUTF8")
PLAIN = {name: value for name, value in os.environ.items() if not name.startswith(SET)}
"""The environment without what these tests set."""


def flamingo(*words, stdout=subprocess.PIPE, **environment):
    return subprocess.run([*COMMAND, *words], stdout=stdout, stderr=subprocess.PIPE, env=PLAIN | environment)


def ends_with(monkeypatch, capsys, error):
    """Exit code and messages of `main` when a command raises `error`."""

    def app():
        raise error

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    return caught.value.code, capsys.readouterr().err


def system_error(number, name=None):
    return OSError(number, os.strerror(number), *([] if name is None else [name]))


@pytest.mark.parametrize("kind", [ConfigError, StorageError])
def test_error_of_ours_is_one_line_and_code_2(monkeypatch, capsys, kind):
    error = kind("it is broken", file="a.json", remedy="Mend it.")
    assert ends_with(monkeypatch, capsys, error) == (2, "error: it is broken (file a.json). Mend it.\n")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            system_error(errno.EACCES, "a/b"),
            "could not use a file: Permission denied (file a/b). Check the permissions",
        ),
        (system_error(errno.EPERM, "a/b"), "could not use a file: Operation not permitted (file a/b). Check the perm"),
        (system_error(errno.EROFS, "a/b"), "could not write: Read-only file system (file a/b). Choose a folder"),
        (system_error(errno.ENOSPC, "a/b"), "could not write: No space left on device (file a/b). Free some space"),
        (system_error(errno.ENOSPC), "could not write: No space left on device. Free some space"),
        (system_error(errno.EISDIR, "a/b"), "could not use a file: Is a directory (file a/b). A folder has this name"),
        (system_error(errno.ENOTDIR, "a/b"), "could not use a file: Not a directory (file a/b). A part of the path"),
        (
            system_error(errno.ENOENT, "a/b"),
            "could not use a file: No such file or directory (file a/b). Check the path",
        ),
    ],
    ids=lambda value: errno.errorcode[value.errno] if isinstance(value, OSError) else "",
)
def test_file_that_cannot_be_used_is_one_line_and_code_2(monkeypatch, capsys, error, message):
    monkeypatch.setattr(cli, "_discard_output", lambda: None)
    code, printed = ends_with(monkeypatch, capsys, error)
    assert code == 2 and printed.startswith(f"error: {message}") and printed.count("\n") == 1


@pytest.mark.parametrize("error", [OSError("a library's words"), ConnectionResetError(104, "reset"), ValueError("bug")])
def test_other_errors_keep_their_traceback(monkeypatch, error):
    def app():
        raise error

    monkeypatch.setattr(cli, "app", app)
    with pytest.raises(type(error)) as caught:
        cli.main()
    assert caught.value is error


@pytest.mark.parametrize("buffered", ["", "1"])
@pytest.mark.parametrize("words", [("presets", "list"), ("presets", "show")], ids=["short", "long"])
def test_output_on_a_full_disk(words, buffered):
    with open("/dev/full", "wb") as full:
        done = flamingo(*words, stdout=full, PYTHONUNBUFFERED=buffered)
    assert done.returncode == 2
    assert (
        done.stderr == b"error: could not write: No space left on device. Free some space or choose another folder.\n"
    )


@pytest.mark.parametrize("words", [("presets", "list"), ("presets", "show")], ids=["short", "long"])
def test_reader_that_wants_no_more(words):
    read, write = os.pipe()
    os.close(read)
    with open(write, "wb") as broken:
        done = flamingo(*words, stdout=broken)
    assert done.returncode == 1 and done.stderr == b""


@pytest.mark.parametrize(
    ("environment", "printed"),
    [
        ({"PYTHONIOENCODING": "utf-8"}, "— é 日 😀".encode()),
        ({"PYTHONIOENCODING": "ascii"}, rb"\u2014 \xe9 \u65e5 \U0001f600"),
        ({"PYTHONIOENCODING": "cp1252"}, b"\x97 \xe9 " + rb"\u65e5 \U0001f600"),
        ({"PYTHONIOENCODING": "latin-1:strict"}, b"\\u2014 \xe9 " + rb"\u65e5 \U0001f600"),
        ({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, rb"\u2014 \xe9 \u65e5 \U0001f600"),
        ({"LC_ALL": "C"}, "— é 日 😀".encode()),
    ],
    ids=str,
)
def test_text_that_the_terminal_cannot_show_is_escaped(environment, printed):
    script = "from flamingo_lib import cli;cli.app = lambda: print('\\u2014 \\u00e9 \\u65e5 \\U0001f600');cli.main()"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, env=PLAIN | environment)
    assert done.returncode == 0 and not done.stderr and done.stdout == printed + b"\n"


@pytest.mark.parametrize("words", [("--help",), ("presets", "show"), ("presets", "show", "nonsense"), ("nonsense",)])
@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_commands_on_other_terminals(words, encoding):
    done = flamingo(*words, PYTHONIOENCODING=encoding)
    assert done.returncode == (2 if "nonsense" in words else 0)
    assert b"Traceback" not in done.stderr and b"UnicodeEncodeError" not in done.stderr
    (done.stdout + done.stderr).decode(encoding)


def test_output_that_is_no_terminal_or_file(monkeypatch):
    """Under a test runner, in a notebook, or without any output at all."""
    called = []
    monkeypatch.setattr(cli, "app", lambda: called.append(True))
    for stream in (None, type("Stream", (), {"flush": lambda self: None})()):
        monkeypatch.setattr(sys, "stdout", stream)
        cli.main()
    assert called == [True, True]
