"""Whether a model fits into memory, by what its files declare: asked before anything is loaded."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from contextlib import suppress
from math import prod
from pathlib import Path

from ..errors import ConfigError

MEMINFO, STATUS, CGROUP = Path("/proc/meminfo"), Path("/proc/self/status"), Path("/sys/fs/cgroup")

CGROUP_FILES = (
    ("memory.max", "memory.current"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
)
"""Limit and use of a control group, in its second and first version."""

LONGEST_HEADER = 100 << 20
"""Bytes that the header of a safetensors file may have, as the safetensors library bounds it."""


def check_memory(folders: Iterable[Path], device: str = "cpu", bytes_each: int = 4) -> None:
    """Refuse a model whose weights do not fit.

    Args:
        folders: the model's, with its adapter's.
        device: where it is loaded.
        bytes_each: of a parameter, in the number format it is loaded in.

    Raises:
        ConfigError: it needs more than is free, naming both.
    """
    folders = list(folders)
    needed = bytes_each * sum(map(parameters, folders))
    free = free_device_memory(device) if device.startswith("cuda") else free_memory()
    if free is not None and needed > free:
        raise ConfigError(
            f"the model does not fit into memory: its weights need {_gigabytes(needed)}, and {_gigabytes(free)} are "
            f"free on {device}",
            file=folders[0],
            remedy="Give a smaller model, --dtype bfloat16 or another --device.",
        )


def parameters(folder: Path) -> int:
    """The number of weights in a folder's safetensors files, by their headers; files that are broken count nothing."""
    total = 0
    for file in folder.glob("*.safetensors"):
        with suppress(OSError, ValueError, struct.error, AttributeError, TypeError), open(file, "rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length <= LONGEST_HEADER:
                entries = json.loads(opened.read(length))
                total += sum(prod(entry["shape"]) for name, entry in entries.items() if name != "__metadata__")
    return total


def free_memory() -> int | None:
    """Bytes that this process can still take: of the machine, its control group and its own limit; None if unknown."""
    found = [_table(MEMINFO).get("MemAvailable")]
    for limit, used in CGROUP_FILES:
        most, taken = _number(CGROUP / limit), _number(CGROUP / used)
        if most is not None and taken is not None:
            found.append(most - taken + _cached(CGROUP / limit))
    with suppress(ImportError):  # there is none on Windows
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[0]
        taken = _table(STATUS).get("VmSize")
        if most != resource.RLIM_INFINITY and taken is not None:
            found.append(most - taken)
    known = [max(0, value) for value in found if value is not None]
    return min(known) if known else None


def free_device_memory(device: str) -> int | None:
    """Bytes free on a GPU; None if there is no such GPU, which loading reports."""
    import torch

    with suppress(RuntimeError, AssertionError):
        return int(torch.cuda.mem_get_info(torch.device(device))[0])
    return None


def _cached(limit: Path) -> int:
    """Bytes of files that a control group keeps in memory and gives back when it needs to."""
    with suppress(OSError, ValueError):
        lines = (line.split() for line in (limit.parent / "memory.stat").read_text().splitlines())
        return sum(int(value) for name, value in lines if name in ("inactive_file", "active_file"))
    return 0


def _table(path: Path) -> dict[str, int]:
    """Lines such as ``MemAvailable: 1024 kB`` as bytes."""
    with suppress(OSError):
        parts = (line.split() for line in path.read_text().splitlines())
        return {part[0].rstrip(":"): int(part[1]) * 1024 for part in parts if len(part) == 3 and part[2] == "kB"}
    return {}


def _number(path: Path) -> int | None:
    with suppress(OSError, ValueError):  # no such file, or "max"
        return int(path.read_text())
    return None


def _gigabytes(size: float) -> str:
    return f"{size / 1e9:,.1f} GB"
