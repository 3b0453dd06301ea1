"""Files and folders that are whole or not there, whatever happens on the way."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import threading

import pytest

from flamingo_lib.atomic import atomic_folder, atomic_write, is_disk_full, storage_error
from flamingo_lib.errors import DataError, StorageError


def write_file(path, text):
    with atomic_write(path) as file:
        file.write(text)


def write_folder(path, text):
    with atomic_folder(path) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "text").write_text(text)


def content(path):
    return (path / "inner" / "text").read_text() if path.is_dir() else path.read_text()


def permissions(path):
    return stat.S_IMODE(path.stat().st_mode)


def run_python(script, *arguments):
    return subprocess.run([sys.executable, "-c", script, *map(str, arguments)], capture_output=True, text=True)


@pytest.fixture(params=[write_file, write_folder], ids=["file", "folder"])
def write(request):
    """Both kinds of atomic output, as a function of path and text."""
    return request.param


@pytest.fixture
def umask():
    old = os.umask(0o022)
    yield os.umask
    os.umask(old)


def test_new_and_replaced_output(write, tmp_path):
    path = tmp_path / "deep" / "er" / "output"
    for text in ("first", "second, longer", ""):
        write(path, text)
        assert content(path) == text
    assert os.listdir(path.parent) == ["output"]


def test_text_is_utf8_with_plain_line_ends_and_bytes_stay_bytes(tmp_path):
    write_file(tmp_path / "a", "é\r\n😀\n")
    assert (tmp_path / "a").read_bytes() == "é\r\n😀\n".encode()
    with atomic_write(tmp_path / "a", "wb") as file:
        file.write(b"\xff\r\n")
    assert (tmp_path / "a").read_bytes() == b"\xff\r\n"


def test_replaced_folder_keeps_nothing_of_the_old_one(tmp_path):
    write_folder(tmp_path / "a", "old")
    with atomic_folder(tmp_path / "a") as folder:
        (folder / "new").touch()
    assert os.listdir(tmp_path / "a") == ["new"]


def test_old_content_is_there_until_the_block_ends(write, tmp_path):
    write(tmp_path / "a", "old")
    opened = atomic_write(tmp_path / "a") if write is write_file else atomic_folder(tmp_path / "a")
    with opened:
        assert content(tmp_path / "a") == "old"


@pytest.mark.parametrize("error", [RuntimeError("burnt"), KeyboardInterrupt(), DataError("bad")], ids=repr)
@pytest.mark.parametrize("old", [None, "old"])
def test_exception_inside_leaves_old_content_and_nothing_else(write, tmp_path, error, old):
    path = tmp_path / "a"
    if old:
        write(path, old)
    with (
        pytest.raises(type(error)) as caught,
        atomic_write(path) if write is write_file else atomic_folder(path) as output,
    ):
        if write is write_file:
            output.write("half")
        else:
            (output / "half").touch()
        raise error
    assert caught.value is error
    assert (content(path) if old else path.exists()) == (old or False)
    assert os.listdir(tmp_path) == (["a"] if old else [])


KILLED = """
import os, signal, sys, time
from flamingo_lib import storage
kind, path, moment = sys.argv[1:]
stop = lambda *args: (print("here", flush=True), time.sleep(60))
if moment == "before rename":
    os.replace = os.rename = stop
with getattr(storage, kind)(path) as output:
    target = output if kind == "atomic_write" else open(os.path.join(output, "new"), "w")
    target.write("new" * 100_000)
    if moment == "in the middle":
        stop()
"""


@pytest.mark.parametrize("moment", ["in the middle", "before rename"])
def test_killed_process_leaves_the_old_content(write, tmp_path, moment):
    path = tmp_path / "a"
    write(path, "old")
    kind = "atomic_write" if write is write_file else "atomic_folder"
    process = subprocess.Popen([sys.executable, "-c", KILLED, kind, path, moment], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "here\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert content(path) == "old"
    assert all(name == "a" or (name.startswith(".a.") and name.endswith(".part")) for name in os.listdir(tmp_path))
    write(path, "new")
    assert content(path) == "new"


def test_concurrent_writers_leave_one_whole_output(write, tmp_path):
    path, errors = tmp_path / "a", []
    texts = [str(number) * 5000 for number in range(6)]
    together = threading.Barrier(len(texts))

    def work(text):
        together.wait()
        for _ in range(15):
            try:
                write(path, text)
            except Exception as error:
                errors.append(error)

    threads = [threading.Thread(target=work, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and content(path) in texts and os.listdir(tmp_path) == ["a"]


def test_another_writer_takes_the_old_folder_away_first(tmp_path, monkeypatch):
    write_folder(tmp_path / "a", "old")
    rename, calls = os.rename, []

    def after_another(source, target):
        calls.append(str(target))
        if len(calls) == 2:
            shutil.rmtree(tmp_path / "a")
        rename(source, target)

    monkeypatch.setattr(os, "rename", after_another)
    write_folder(tmp_path / "a", "new")
    assert len(calls) == 3 and content(tmp_path / "a") == "new" and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(("mask", "folder_mode"), [(0o022, 0o755), (0o077, 0o700), (0o002, 0o775)])
def test_permissions_follow_the_umask(tmp_path, umask, mask, folder_mode):
    umask(mask)
    write_file(tmp_path / "file", "x")
    with atomic_folder(tmp_path / "folder") as folder:
        (folder / "inner").mkdir(0o700)
        for path in (folder / "weights", folder / "inner" / "weights"):
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))  # as libraries do that use mkstemp
    assert permissions(tmp_path / "file") == folder_mode & 0o666
    assert permissions(tmp_path / "folder") == permissions(tmp_path / "folder" / "inner") == folder_mode
    for name in ("weights", "inner/weights"):
        assert permissions(tmp_path / "folder" / name) == folder_mode & 0o666


def test_permissions_outside_and_wider_ones_stay(tmp_path, umask):
    outside = tmp_path / "secret"
    outside.touch(0o600)
    with atomic_folder(tmp_path / "folder") as folder:
        (folder / "link").symlink_to(outside)
        (folder / "run.sh").touch()
        (folder / "run.sh").chmod(0o755)
    assert permissions(outside) == 0o600 and permissions(tmp_path / "folder" / "run.sh") == 0o755


def test_read_only_folder_is_a_storage_error(write, read_only_folder):
    for path in (read_only_folder / "new", read_only_folder / "deep" / "er" / "new"):
        with pytest.raises(
            StorageError, match=r"Permission denied \(file .*new\)\. Check the permissions.*nothing was"
        ):
            write(path, "new")
    assert os.listdir(read_only_folder) == ["old"]


@pytest.mark.parametrize("taken", ["parent is a file", "grandparent is a file"])
def test_file_in_the_path_is_a_storage_error(write, tmp_path, taken):
    (tmp_path / "file").write_text("old")
    path = tmp_path / "file" / ("new" if taken.startswith("parent") else "deep/new")
    with pytest.raises(StorageError, match=r"could not write: .*\(file .*new\)\. A part of the path is a file"):
        write(path, "new")
    assert content(tmp_path / "file") == "old" and os.listdir(tmp_path) == ["file"]


def test_file_does_not_replace_a_folder(tmp_path):
    write_folder(tmp_path / "a", "old")
    with pytest.raises(StorageError, match=r"Is a directory \(file .*a\)\. A folder has this name"):
        write_file(tmp_path / "a", "new")
    assert content(tmp_path / "a") == "old" and os.listdir(tmp_path) == ["a"]


def test_folder_does_not_replace_a_file_and_says_so_before_the_work(tmp_path):
    write_file(tmp_path / "a", "old")
    with pytest.raises(StorageError, match=r"Not a directory \(file .*a\)"), atomic_folder(tmp_path / "a"):
        pytest.fail("work was done for nothing")
    assert content(tmp_path / "a") == "old" and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("target", ["old", "gone"])
def test_link_is_replaced_and_its_target_left_alone(write, tmp_path, target):
    (tmp_path / "elsewhere").mkdir()
    write(tmp_path / "elsewhere" / "old", "old")
    (tmp_path / "a").symlink_to(tmp_path / "elsewhere" / target)
    write(tmp_path / "a", "new")
    assert content(tmp_path / "a") == "new" and not (tmp_path / "a").is_symlink()
    assert content(tmp_path / "elsewhere" / "old") == "old" and sorted(os.listdir(tmp_path)) == ["a", "elsewhere"]


def test_long_names(write, tmp_path):
    write(tmp_path / ("é" * 127), "x")  # 254 bytes of the 255 that a name may have
    with pytest.raises(StorageError, match="File name too long.*Choose a shorter name"):
        write(tmp_path / ("é" * 128), "x")
    assert len(os.listdir(tmp_path)) == 1


@pytest.mark.parametrize(
    ("write", "call"), [(write_file, "fsync"), (write_file, "replace"), (write_folder, "rename")], indirect=["write"]
)
def test_full_disk_at_the_last_moment(write, call, tmp_path, monkeypatch):
    write(tmp_path / "a", "old")

    def full(first, *_):
        name = [] if call == "fsync" else [str(first)]  # a file descriptor has no name
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), *name)

    with monkeypatch.context() as patch:
        patch.setattr(os, call, full)
        with pytest.raises(
            StorageError, match=r"No space left on device \(file .*a\)\. Free some space.*nothing was c"
        ):
            write(tmp_path / "a", "new")
    assert content(tmp_path / "a") == "old" and os.listdir(tmp_path) == ["a"]


def test_old_folder_is_put_back_if_the_new_one_cannot_take_its_place(tmp_path, monkeypatch):
    write_folder(tmp_path / "a", "old")
    rename, calls = os.rename, []

    def fails_once_the_old_one_is_aside(source, target):
        calls.append(str(target))
        if len(calls) == 3:
            raise OSError(errno.EIO, os.strerror(errno.EIO), str(source))
        rename(source, target)

    monkeypatch.setattr(os, "rename", fails_once_the_old_one_is_aside)
    with pytest.raises(StorageError, match="Input/output error.*nothing was changed"):
        write_folder(tmp_path / "a", "new")
    assert len(calls) == 4 and content(tmp_path / "a") == "old" and os.listdir(tmp_path) == ["a"]


LIMITED = """
import resource, sys
from pathlib import Path
from flamingo_lib.errors import StorageError
from flamingo_lib.storage import atomic_folder, atomic_write
kind, path = sys.argv[1:]
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    if kind == "atomic_write":
        with atomic_write(path) as file:
            for _ in range(1000):
                file.write("new" * 1000)
    else:
        with atomic_folder(path) as folder:
            (folder / "new").write_text("new" * 3000)
except StorageError as error:
    print(error)
"""


def test_write_that_the_system_refuses_half_way(write, tmp_path):
    """The system's limit of file sizes stops a write as a full disk does: after a part of it, with an error number."""
    write(tmp_path / "a", "old")
    kind = "atomic_write" if write is write_file else "atomic_folder"
    done = run_python(LIMITED, kind, tmp_path / "a")
    assert f"could not write: File too large (file {tmp_path / 'a'})" in done.stdout and not done.stderr
    assert content(tmp_path / "a") == "old" and os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),  # safetensors
        OSError("encoder error -2 when writing image file"),  # Pillow: no number
    ],
    ids=["words", "nearly nothing free"],
)
def test_full_disk_in_the_words_of_another_library(tmp_path, monkeypatch, error):
    if isinstance(error, OSError):
        monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**9, 10**9 - 4096, 4096))
    assert is_disk_full(error, tmp_path)
    with (
        pytest.raises(StorageError, match=r"No space left on device \(file .*a\)\. Free some space"),
        atomic_folder(tmp_path / "a"),
    ):
        raise error
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("burnt"),
        OSError("cannot identify image"),
        ConnectionResetError(errno.ECONNRESET, "reset"),
        FileNotFoundError(errno.ENOENT, "No such file", "/input.jpg"),
    ],
    ids=repr,
)
def test_errors_about_other_things_pass_as_they_are(write, tmp_path, error):
    assert not is_disk_full(error, tmp_path)
    with (
        pytest.raises(type(error)) as caught,
        atomic_write(tmp_path / "a") if write is write_file else atomic_folder(tmp_path / "a"),
    ):
        raise error
    assert caught.value is error and not os.listdir(tmp_path)


def test_errors_that_are_not_about_files_are_not_explained():
    assert storage_error(ConnectionRefusedError(errno.ECONNREFUSED, "refused")) is None
    assert storage_error(OSError("a library's words")) is None
    known = storage_error(PermissionError(errno.EACCES, "Permission denied", "x.json"))
    assert str(known).startswith("could not use a file: Permission denied (file x.json). Check the permissions")
