"""Bounds on weight files and model folders, checked by what they declare before memory is taken for it."""

from __future__ import annotations

import json
import os
import pickletools
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from .errors import CheckpointError, FlamingoError

if TYPE_CHECKING:
    from torch import Tensor, nn

MAX_TENSORS = 200_000
"""Tensors that a PyTorch file may hold; a 70B model has some hundreds."""

MAX_OPCODES = 20_000_000
"""Steps of the pickle that lists them."""

MAX_PICKLE_BYTES = 256 << 20
"""Length of that pickle."""

TIMES, SLACK = 16, 1 << 20
"""A configuration may describe so many times the weights in the files (some pack several into one), and so many more.
"""

NUMBERS = frozenset({"INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4"})
"""Steps that put a whole number on the pickle's stack."""

ALLOCATING = frozenset({"bytearray"})
"""Names that PyTorch's safe unpickler calls with a size of the file's own choosing."""

_LAYERS = re.compile(r"layers|depth|blocks")
_CONVERT = "Convert it to safetensors on a machine that trusts it, or download it again."


def check_torch_file(path: Path) -> None:
    """Refuse a PyTorch file, of the zip format or the old one, that declares more than it holds.

    Raises:
        CheckpointError: packed records, more bytes declared than the file has, too many tensors or steps, or a call
            that takes memory of a size it names.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            records = archive.infolist()
            if len(records) > MAX_TENSORS:
                raise _refused(path, f"it has {len(records):,} records, more than {MAX_TENSORS:,}")
            if packed := [record.filename for record in records if record.compress_type != zipfile.ZIP_STORED]:
                raise _refused(path, f"its record {packed[0][:80]} is packed, which no torch.save does")
            declared, size = sum(record.file_size for record in records), path.stat().st_size
            if declared > size:
                raise _refused(path, f"its records declare {declared:,} bytes, the file has {size:,}")
            for record in records:
                if record.filename.endswith("data.pkl"):
                    if record.file_size > MAX_PICKLE_BYTES:
                        raise _refused(path, f"its list of tensors has {record.file_size:,} bytes")
                    with archive.open(record) as file:
                        _check_pickle(file, path, 1)
    else:
        with open(path, "rb") as file:
            _check_pickle(file, path, 5)  # magic number, protocol, system, tensors, keys


def _check_pickle(file: IO[bytes], path: Path, pickles: int) -> None:
    """Look through a file's pickles without running them; what is no pickle is left to the loader, which says so."""
    size, steps, tensors = path.stat().st_size, 0, 0
    numbers: list[int] = []  # since the last mark: the sizes in the tuple that names a tensor's storage
    for _ in range(pickles):
        try:
            for opcode, value, _ in pickletools.genops(file):
                steps += 1
                if steps > MAX_OPCODES:
                    raise _refused(path, f"its list of tensors takes more than {MAX_OPCODES:,} steps")
                if opcode.name == "MARK":
                    numbers = []
                elif isinstance(value, int) and opcode.name in NUMBERS:
                    numbers.append(value)
                elif opcode.name == "BINPERSID":
                    tensors += 1
                    if tensors > MAX_TENSORS:
                        raise _refused(path, f"it has more than {MAX_TENSORS:,} tensors")
                    if large := [number for number in numbers if number > size or number < 0]:
                        raise _refused(path, f"a tensor declares {large[0]:,} elements, the file has {size:,} bytes")
                elif opcode.name in ("GLOBAL", "STACK_GLOBAL") and str(value).rpartition(" ")[2] in ALLOCATING:
                    raise _refused(path, f"it calls {str(value).replace(' ', '.')}, which takes memory at its wish")
        except FlamingoError:
            raise
        except Exception:  # the loader names what is damaged
            return


def check_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Refuse tensors that would take more memory than their file has bytes, or that hold no values of their own.

    Raises:
        CheckpointError: a tensor that repeats a few values over a large shape, a sparse or quantised one, or one
            without values; it is named.
    """
    import torch

    for name, tensor in tensors.items():
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
            raise _refused(path, f"{name} is no plain tensor")
        if tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
            raise _refused(path, f"{name} declares {tensor.numel():,} elements, and stores fewer")


def check_links(folder: Path) -> None:
    """Refuse a model folder with a link that leads out of it; those of the hub's cache into its blobs are its own.

    Raises:
        CheckpointError: the link is named.
    """
    inside = [folder.resolve()]
    inside += [parent.parent / "blobs" for parent in folder.resolve().parents if parent.name == "snapshots"]
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.is_symlink() and not any(path.resolve().is_relative_to(root) for root in inside):
            raise CheckpointError(
                "the model folder holds a link that leads out of it",
                file=path,
                remedy="Put the file itself in its place, if you trust what it leads to.",
            )


def check_layers(folder: Path, tensors: int) -> None:
    """Refuse a configuration that asks for more layers than there are weights, which would be built before it shows.

    Args:
        tensors: in the folder's files.

    Raises:
        CheckpointError: the setting is named.
    """
    config = folder / "config.json"
    try:
        values = json.loads(config.read_text("utf-8"))
    except (OSError, ValueError, RecursionError):
        return  # the loader says what is wrong with it
    for name, value in _numbers(values):
        if _LAYERS.search(name.rpartition(".")[2]) and value > tensors:
            raise CheckpointError(
                f"the configuration asks for {value:,} at {name}, and the files hold {tensors:,} weights",
                file=config,
                remedy="Copy the whole folder again.",
            )


def check_built_size(folder: str | os.PathLike, build: Callable[[], nn.Module]) -> None:
    """Refuse a configuration that describes a far larger model than the safetensors files of its folder hold.

    Args:
        build: makes the model; it is called where tensors have shapes and no memory.

    Raises:
        CheckpointError: it says how many weights are described, and how many are there.
    """
    import torch

    held = sum(count for _, count in safetensors_shapes(Path(folder)))
    try:
        with torch.device("meta"):
            described = sum(weight.numel() for weight in build().parameters())
    except NotImplementedError:
        return  # a model that reads values while it is built has none there; the loader compares its shapes
    if described > TIMES * held + SLACK:
        raise CheckpointError(
            f"the configuration describes a model of {described:,} weights, and the files hold {held:,}",
            file=folder,
            remedy="Copy the whole folder again, or put the configuration right.",
        )


def safetensors_shapes(folder: Path) -> Iterator[tuple[str, int]]:
    """Name and number of elements of each tensor in a folder's safetensors files, by their headers."""
    for file in sorted(folder.glob("*.safetensors")):
        with open(file, "rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            try:
                header = json.loads(stream.read(min(length, MAX_PICKLE_BYTES)))
            except (ValueError, RecursionError):
                continue  # the library that reads it says what is wrong
        for name, entry in header.items() if isinstance(header, dict) else ():
            if isinstance(entry, dict) and isinstance(entry.get("shape"), list):
                count = 1
                for side in entry["shape"]:
                    count *= side if isinstance(side, int) else 1
                yield name, count


def _numbers(value: Any, name: str = "") -> Iterator[tuple[str, int]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _numbers(inner, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value[:1000]:
            yield from _numbers(inner, name)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield name, value


def _refused(path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"the file is refused before it is loaded: {why}", file=path, remedy=_CONVERT)
