"""Shards: the pieces a job's results are written in, each whole or not there at all.

A shard is a file of JSON lines, one `Rewrite` each, and a last line that says how many there are, from what input, and
what the lines before hash to. A file that was cut off, or changed since, does not pass for a shard.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import DataError
from ..records import Rewrite, Sample, from_json, to_json
from ..storage import atomic_write

FOLDER = "shards"
END = "end of shard"


class CorruptShard(DataError):
    """A shard's file that is cut off, changed, or made from other input."""


def shard_path(out: Path, number: int) -> Path:
    """The path of shard `number` of a job."""
    return out / FOLDER / f"{number:06d}.jsonl"


def digest(parts: Iterable[bytes]) -> str:
    """A 32-digit hexadecimal hash of byte strings in order."""
    total = hashlib.blake2b(digest_size=16)
    for part in parts:
        total.update(part)
        total.update(b"\n")
    return total.hexdigest()


def samples_digest(samples: Sequence[Sample], stamps: Sequence[object] = ()) -> str:
    """A hash of samples (and of what `stamps` adds, such as the sizes of their images)."""
    lines = [json.dumps(to_json(sample), ensure_ascii=False, sort_keys=True).encode() for sample in samples]
    return digest([*lines, repr(list(stamps)).encode()] if stamps else lines)


def encode_shard(rewrites: Sequence[Rewrite], given: str) -> bytes:
    """The bytes of a shard; `given` is its input's `samples_digest`."""
    lines = [json.dumps(to_json(rewrite), ensure_ascii=False, allow_nan=False).encode() for rewrite in rewrites]
    end = json.dumps({END: {"records": len(lines), "input": given, "content": digest(lines)}}).encode()
    return b"\n".join([*lines, end]) + b"\n"


def write_shard(path: Path, content: bytes) -> None:
    """Write a shard's bytes in one step."""
    with atomic_write(path, "wb") as file:
        file.write(content)


def check_shard(path: Path, given: str | None = None) -> int:
    """The number of records of a whole shard.

    Args:
        given: the digest that its input must have; None takes any.

    Raises:
        CorruptShard: it is not whole, or not made from that input.
    """
    return len(_lines(path, given))


def read_shard(path: Path) -> list[Rewrite]:
    """The records of a whole shard; raises `CorruptShard`."""
    return [from_json(Rewrite, json.loads(line)) for line in _lines(path, None)]


def read_shards(out: Path) -> Iterator[Rewrite]:
    """All records of a job's shards in order; holds one shard in memory."""
    for path in sorted((Path(out) / FOLDER).glob("*.jsonl")):
        yield from read_shard(path)


def _lines(path: Path, given: str | None) -> list[bytes]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorruptShard(f"the shard cannot be read: {error.strerror}", file=path) from error
    *lines, last = content[:-1].split(b"\n") if content.endswith(b"\n") else [content]
    try:
        end = json.loads(last)[END]
        whole = end["records"] == len(lines) and end["content"] == digest(lines)
    except (ValueError, KeyError, TypeError):
        whole = False
    if not whole:
        raise CorruptShard(
            "the shard is cut off or was changed", file=path, remedy="Run the job again; it makes the shard anew."
        )
    if given is not None and end["input"] != given:
        raise CorruptShard("the shard was made from other input", file=path, remedy="Run the job into another folder.")
    return lines
