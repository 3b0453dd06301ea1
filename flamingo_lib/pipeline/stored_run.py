"""A run that is there: its folder, its settings and its results; no step is made."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from ..config import Preset, parse_preset
from ..errors import DataError, MissingAsset
from ..storage import read_json
from .environment import runs_folder
from .run_folder import ABOUT, Result, Workspace


def stored_run(run: str | PathLike) -> Path:
    """Folder of an existing run, by its name under ``runs/`` or its path.

    Raises:
        MissingAsset: there is no such run.
    """
    folder = runs_folder(run)
    if not (folder / ABOUT).is_file():
        raise MissingAsset(
            "there is no such run", file=folder, remedy="`flamingo pipeline` makes one; --run or --run-dir names it."
        )
    return folder


def stored_preset(folder: Path) -> Preset:
    """Settings that the run of `folder` was last worked on with.

    Raises:
        DataError: its ``run.json`` holds none.
        ConfigError: one of them is unknown to this version, or wrong.
    """
    about = read_json(folder / ABOUT)
    settings = about.get("settings") if isinstance(about, dict) else None
    if not isinstance(settings, dict):
        raise DataError("the run's settings are missing", file=folder / ABOUT, remedy="Choose another --run.")
    return parse_preset(settings)


def stored_result(run: str | PathLike, step: str) -> tuple[Result, Preset]:
    """The result of a step of an existing run, and the run's settings.

    Raises:
        MissingAsset: there is no such run, or its step is not done by today's code; it isn't done now either.
    """
    folder = stored_run(run)
    preset = stored_preset(folder)
    result = Workspace(folder, preset).result(step)
    if result is None:
        raise MissingAsset(
            f"this run has no step {step!r} made by today's code", file=folder, remedy="`flamingo pipeline` makes it."
        )
    return result, preset
