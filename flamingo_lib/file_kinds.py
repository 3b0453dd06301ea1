"""Files by their content: what a file really is, and refusals of what stands in the place of weights."""

from __future__ import annotations

import json
import os
from pathlib import Path

from .errors import CheckpointError
from .storage import first_of
from .weight_bounds import check_layers, check_links, safetensors_shapes

WEIGHT_SUFFIXES = (".safetensors", ".bin", ".pt", ".pth", ".ckpt", ".gguf")
PICKLE_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt")

LFS_POINTER = "a git LFS pointer, not the file itself"
MAX_HEADER = 32 << 20
"""Bytes of the list of tensors in a safetensors file; that of a 70B model has some hundred thousand."""

_FETCH_AGAIN = "Download it again; a login page or a broken link may have been saved in its place."
_REMEDIES = {
    LFS_POINTER: "Fetch the file itself: git lfs pull in the repository, or download it from its page.",
    "an empty file": "Download it again.",
    "a web page (HTML)": _FETCH_AGAIN,
}
_SAFETENSORS, _GGUF = "a safetensors file", "a GGUF file"
_KINDS = {".safetensors": (_SAFETENSORS,), ".gguf": (_GGUF,)}
_PICKLES = ("a PyTorch file", "a pickle file", "a zip archive", _SAFETENSORS)
"""Kinds of files accepted by `torch.load(weights_only=True)`; also safetensors under another name."""


def describe_file(path: str | os.PathLike) -> str:
    """The kind of a file, in words, by its content and not by its name.

    One of: "a git LFS pointer, not the file itself", "an empty file", "a web page (HTML)", "a safetensors file", "a
    safetensors file that is cut off", "a PyTorch file", "a pickle file", "a GGUF file", "an HDF5 file", "a zip
    archive", "a JSON file", "a text file", "binary data".
    """
    path = Path(path)
    size = path.stat().st_size
    if not size:
        return "an empty file"
    with open(path, "rb") as file:
        head = file.read(1024)
    begin = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if begin.startswith((b"version https://git-lfs", b"version https://hawser")):
        return LFS_POINTER
    if begin.startswith((b"<!doctype html", b"<html", b"<head", b"<?xml")) or b"<html" in begin[:512]:
        return "a web page (HTML)"
    if head[:4] == b"GGUF":
        return "a GGUF file"
    if head[:8] == b"\x89HDF\r\n\x1a\n":
        return "an HDF5 file"
    if head[:4] == b"PK\x03\x04":
        return "a PyTorch file" if b"data.pkl" in head else "a zip archive"
    if head[:1] == b"\x80" and len(head) > 1 and head[1] <= 5:
        return "a pickle file"
    header = int.from_bytes(head[:8], "little")
    if head[8:9] == b"{" and 2 <= header <= MAX_HEADER:
        return "a safetensors file" if _whole_safetensors(path, size, header) else "a safetensors file that is cut off"
    if begin[:1] in (b"{", b"["):
        return "a JSON file"
    if b"\0" not in head and not any(byte < 9 or 13 < byte < 32 for byte in head.replace(b"\x1b", b"")):
        return "a text file"
    return "binary data"


def _whole_safetensors(path: Path, size: int, header: int) -> bool:
    if size < 8 + header:
        return False
    with open(path, "rb") as file:
        file.seek(8)
        try:
            tensors = json.loads(file.read(header))
        except ValueError:
            return True  # not a matter of length: the library that reads it says what is wrong
    ends = [
        entry["data_offsets"][1] for entry in tensors.values() if isinstance(entry, dict) and "data_offsets" in entry
    ]
    return size >= 8 + header + max(ends, default=0)


def check_weights_file(path: str | os.PathLike) -> str:
    """Refuse a file that stands in the place of weights and is something else, or is cut off; returns its kind.

    Raises:
        CheckpointError: it is a git LFS pointer, a web page, text, JSON, empty, another format than its name says, or
            a safetensors file that is cut off; the message says which.
    """
    kind = describe_file(path)
    if kind not in _KINDS.get(Path(path).suffix, _PICKLES):
        raise CheckpointError(
            f"this is {kind}" if "cut off" in kind else f"this holds no weights of that format: it is {kind}",
            file=path,
            remedy=_REMEDIES.get(kind, "Download it again."),
        )
    return kind


def check_weights(folder: str | os.PathLike, *, pickles: bool = False) -> None:
    """Refuse a model folder whose files cannot be loaded safely, by looking at the beginnings of its files only.

    Args:
        folder: the model's folder.
        pickles: also take PyTorch files, for loaders that read them with `torch.load(weights_only=True)`.

    Raises:
        CheckpointError: no weights; only pickles; a shard of the index is missing; a file that is a git LFS pointer, a
            web page, empty or cut off; a link out of the folder; or more layers than weights. The file is named.
    """
    folder = Path(folder)
    check_links(folder)
    files = sorted(path for path in folder.iterdir() if path.is_file()) if folder.is_dir() else []
    for path in files:
        if path.suffix in (".json", ".model", ".txt", ".jinja") and path.name != "README.md":
            kind = describe_file(path)
            if kind in (LFS_POINTER, "a web page (HTML)") or (kind == "an empty file" and path.suffix == ".json"):
                raise CheckpointError(f"this is {kind}", file=path, remedy=_REMEDIES[kind])
    safe = [path for path in files if path.suffix in (".safetensors", ".gguf")]
    unsafe = [path for path in files if path.suffix in PICKLE_SUFFIXES and path.stem != "training_args"]
    for path in [*safe, *unsafe] if pickles else safe or unsafe:
        check_weights_file(path)
    if not safe and unsafe and not pickles:
        raise CheckpointError(
            "the folder holds its weights as a pickle only, and loading a pickle could run code",
            file=unsafe[0],
            remedy="Give a folder with model.safetensors, or convert it on a machine that trusts it.",
        )
    if not safe and not unsafe:
        raise CheckpointError(
            "the model folder holds no weights",
            file=folder,
            remedy="Copy the whole folder, model.safetensors included.",
        )
    if safe and all(path.suffix == ".safetensors" for path in safe):
        check_layers(folder, sum(1 for _ in safetensors_shapes(folder)))
    for index in (path for path in files if path.name.endswith(".safetensors.index.json")):
        missing = [shard for shard in _shards(index) if not (folder / shard).is_file()]
        if missing:
            what = "a shard of the weights is" if len(missing) == 1 else f"{len(missing)} shards of the weights are"
            raise CheckpointError(f"{what} missing: {first_of(missing)}", file=folder, remedy="Copy them, too.")


def _shards(index: Path) -> list[str]:
    """The files that an index of sharded weights names; none if it is damaged, which loading reports."""
    try:
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
    except (ValueError, OSError, KeyError, TypeError, AttributeError):
        return []
    return sorted({name for name in names if isinstance(name, str)})


def describe_content(head: bytes) -> str:
    """What a file that is not an image is instead, by its first bytes: "a Git LFS pointer", "an HTML page", ...

    Empty if nothing is known of it.
    """
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"version https://git-lfs", b"version https://hawser")):
        return "a Git LFS pointer (run `git lfs pull` to fetch the file it stands for)"
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page, such as a server's error message"
    if b"<svg" in text[:1024]:
        return "an SVG drawing (convert it to PNG)"
    if text.startswith(b"<?xml"):
        return "an XML document"
    if head.startswith(b"%PDF"):
        return "a PDF document"
    if head.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6")):
        return "a PostScript document"
    if head.startswith(b"PK\x03\x04"):
        return "a ZIP archive"
    if head.startswith(b"\x1f\x8b"):
        return "a gzip archive"
    if head[4:8] == b"ftyp" and head[8:12] in (b"heic", b"heix", b"hevc", b"mif1", b"msf1"):
        return "a HEIC photo (convert it to JPEG)"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16 text (save it as UTF-8)"
    if head and not head.strip(b"\0"):
        return "a file of zeros, such as a download that was cut off"
    if text.startswith((b"{", b"[")):
        return "JSON text"
    try:
        decoded = head[:1024].decode("utf-8")
    except UnicodeDecodeError as error:
        decoded = head[: error.start].decode("utf-8") if len(head[:1024]) - error.start < 4 else ""
    return "a text file" if decoded.strip() and all(char.isprintable() or char.isspace() for char in decoded) else ""
