"""A model that does not fit is refused by what its files declare, before a byte of it is read."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import pytest

from flamingo_lib.errors import ConfigError
from flamingo_lib.serving import memory


def write_header(file, shapes, size=None):
    """A safetensors file that declares these shapes and is as long as it says, without its data."""
    entries, end = {"__metadata__": {"format": "pt"}}, 0
    for number, (dtype, shape) in enumerate(shapes):
        length = {"F32": 4, "BF16": 2}[dtype]
        for side in shape:
            length *= side
        entries[f"w{number}"] = {"dtype": dtype, "shape": shape, "data_offsets": [end, end + length]}
        end += length
    head = json.dumps(entries).encode()
    with open(file, "wb") as opened:
        opened.write(struct.pack("<Q", len(head)) + head)
        opened.truncate(8 + len(head) + end)


def test_parameters_are_counted_from_headers(tmp_path):
    write_header(tmp_path / "model-1.safetensors", [("F32", [3, 4]), ("BF16", [5])])
    write_header(tmp_path / "model-2.safetensors", [("F32", [7]), ("F32", [])])
    (tmp_path / "broken.safetensors").write_bytes(b"\xff" * 40)
    (tmp_path / "empty.safetensors").write_bytes(b"")
    assert memory.parameters(tmp_path) == 12 + 5 + 7 + 1


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A machine with 2,000 kB free."""
    monkeypatch.setattr(memory, "MEMINFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "CGROUP", tmp_path / "cgroup")
    (tmp_path / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 2000 kB\nHugePages_Total: 0\n")
    (tmp_path / "cgroup").mkdir()
    return tmp_path


def test_free_memory_is_the_least_of_what_is_known(machine):
    assert memory.free_memory() == 2000 * 1024
    (machine / "cgroup" / "memory.max").write_text("max\n")
    (machine / "cgroup" / "memory.current").write_text("5000\n")
    assert memory.free_memory() == 2000 * 1024
    (machine / "cgroup" / "memory.max").write_text("100000\n")
    (machine / "cgroup" / "memory.stat").write_text("anon 3000\ninactive_file 500\nactive_file 1500\n")
    assert memory.free_memory() == 100_000 - 5000 + 2000
    (machine / "meminfo").unlink()
    (machine / "cgroup" / "memory.max").unlink()
    assert memory.free_memory() is None


def test_what_does_not_fit_is_refused(machine):
    write_header(machine / "model.safetensors", [("F32", [1000, 1000])])
    memory.check_memory([machine], bytes_each=2)
    with pytest.raises(ConfigError, match=r"need 0\.0 GB.*on cpu.*smaller model"):
        memory.check_memory([machine], bytes_each=4)


def test_the_command_says_so_in_one_line(tmp_path):
    from flamingo_lib.hub import checkpoints_folder

    folder = tmp_path / "huge"
    folder.mkdir()
    for file in (checkpoints_folder() / "openflamingo-tiny").iterdir():
        if file.suffix == ".json":
            (folder / file.name).write_bytes(file.read_bytes())
    write_header(folder / "model.safetensors", [("F32", [1 << 20, 1 << 19])])  # 2 TB, of which nothing is written
    for command in ("serve", "chat"):
        done = subprocess.run(
            [sys.executable, "-m", "flamingo_lib.cli", command, "--model", str(folder)],
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 2 and done.stdout == ""
        assert "does not fit into memory: its weights need 2,199.0 GB" in done.stderr
        assert len(done.stderr.splitlines()) == 1
