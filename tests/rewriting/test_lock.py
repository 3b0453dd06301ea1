"""One job at a time in one folder."""

import errno
import fcntl
import os
import subprocess
import sys

import pytest

from flamingo_lib.errors import FlamingoError, StorageError
from flamingo_lib.rewriting.lock import only_job


def test_second_job_is_told_who_holds_the_folder(tmp_path):
    with only_job(tmp_path / "out"), pytest.raises(FlamingoError, match=rf"another job .*process {os.getpid()} on"):  # noqa: SIM117
        with only_job(tmp_path / "out"):
            pytest.fail("two jobs in one folder")
    with only_job(tmp_path / "out"):
        pass


def test_lock_ends_with_its_process(tmp_path):
    script = (
        "import os, sys; from pathlib import Path; from flamingo_lib.rewriting.lock import only_job;"
        "only_job(Path(sys.argv[1])).__enter__(); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", script, tmp_path]).returncode == 9
    with only_job(tmp_path):
        pass


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match=r"\(file .*file/out/.lock\)\. A part of the path is a file"):  # noqa: SIM117
        with only_job(tmp_path / "file" / "out"):
            pytest.fail("no folder")


def test_file_system_without_locks_is_not_another_job(tmp_path, monkeypatch):
    def flock(file, how):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with pytest.raises(StorageError, match="No locks available.*a file system that has locks"), only_job(tmp_path):
        pytest.fail("no lock")


def test_error_of_the_job_itself_passes(tmp_path):
    error = FileNotFoundError(errno.ENOENT, "No such file", str(tmp_path))
    with pytest.raises(FileNotFoundError) as caught, only_job(tmp_path):
        raise error
    assert caught.value is error
