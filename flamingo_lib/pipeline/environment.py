"""Environment of a run: its folder, and the library versions that made it."""

from __future__ import annotations

import os
import platform
import subprocess
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from .. import __version__

LIBRARIES = ("torch", "transformers", "peft", "open_clip_torch", "sentence-transformers", "numpy")
"""Libraries whose versions are noted with every result."""


def project_root() -> Path:
    """The checkout that this library runs from; the current folder if it was installed without one."""
    root = Path(__file__).resolve().parents[2]
    return root if (root / "pyproject.toml").is_file() else Path.cwd()


def runs_folder(run: str | os.PathLike) -> Path:
    """A run's folder: a bare name stands for ``runs/NAME`` in the checkout, anything with a separator is a path."""
    text = os.fspath(run)
    if text in {"", ".", ".."} or os.sep in text or (os.altsep and os.altsep in text):
        return Path(text).expanduser().absolute()
    return project_root() / "runs" / text


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Versions of Python, this library and those it computes with."""
    found = {"python": platform.python_version(), "flamingo_lib": __version__}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


@lru_cache(maxsize=1)
def commit() -> str:
    """The checkout's commit, with ``-dirty`` if files differ from it; ``"unknown"`` outside a checkout."""
    try:
        root = project_root()
        head = subprocess.run(
            ["git", "-C", root, "rev-parse", "HEAD"], capture_output=True, text=True, check=True, timeout=20
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "-C", root, "status", "--porcelain", "--untracked-files=no"],
            capture_output=True,
            text=True,
            check=True,
            timeout=20,
        ).stdout.strip()
        return head + ("-dirty" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return "unknown"
