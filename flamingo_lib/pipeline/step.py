"""A step of the pipeline: a pure function from input folders and settings to one output folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..config import Preset


@dataclass(frozen=True)
class Job:
    """All that a step may read and where it writes.

    Attributes:
        folder: where the results go; it becomes the step's folder only if the step ends well.
        scratch: a folder that outlives a killed process and is emptied when the step is done, for work that can be
            resumed.
        cache: a folder that all steps share, for what can be made again at any time, such as image features.
        inputs: the finished folders of the steps this one is made from, by name.
        preset: the settings; a step reads only the sections it declares.
    """

    folder: Path
    scratch: Path
    cache: Path
    inputs: Mapping[str, Path]
    preset: Preset

    @property
    def seed(self) -> int:
        """The run's seed."""
        return self.preset.seed


@dataclass(frozen=True)
class Step:
    """One row of the pipeline.

    Attributes:
        name: also the name of the result's folder.
        title: what is done, a few words, shown with the progress.
        run: does the work and returns figures by their key in ``metrics.json``; its module, and every module of the
            library that one imports, is the code that the result depends on.
        inputs: names of the steps whose results it reads.
        config: the settings it reads, as dotted paths into the preset (``"scenes"``, ``"stages.stage1"``).
        assets: files outside the run that it reads, such as shipped weights.
        resolve_auto: replaces `auto` settings of the preset by this machine's values; the step runs with them, and its
            result counts as made from them.
    """

    name: str
    title: str
    run: Callable[[Job], Mapping[str, Any]]
    inputs: tuple[str, ...] = ()
    config: tuple[str, ...] = ()
    assets: Callable[[Preset], Sequence[Path]] | None = None
    resolve_auto: Callable[[Preset], Preset] | None = None

    def resolved(self, preset: Preset) -> Preset:
        """The preset that the step is run with."""
        return self.resolve_auto(preset) if self.resolve_auto else preset

    def settings(self, preset: Preset) -> dict[str, Any]:
        """The settings it reads, by their path, as it is run with them."""
        preset = self.resolved(preset)
        return {path: settings(preset, path) for path in self.config}


def table(steps: Iterable[Step]) -> dict[str, Step]:
    """Steps by name, in order; each may read only those before it (`ValueError` otherwise)."""
    rows: dict[str, Step] = {}
    for step in steps:
        missing = [name for name in step.inputs if name not in rows]
        if missing or step.name in rows:
            raise ValueError(
                f"step {step.name!r} "
                + (f"reads {missing[0]!r}, which does not come before it" if missing else "is there twice")
            )
        rows[step.name] = step
    return rows


def settings(preset: Preset, path: str) -> Any:
    """The part of `preset` at the dotted `path`, as plain JSON values; None where an optional part is absent."""
    value: Any = preset.model_dump(mode="json")
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
