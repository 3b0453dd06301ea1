"""A run folder: steps whose results are stored under a key of everything they depend on.

A step's key is a hash of its inputs' keys, the settings it reads, the seed, the number of threads if that is set, the
files it loads and the code it uses. A result with the right key is never made again. Results appear in one piece: a run
that is killed leaves whole steps, and `Job.scratch` for work that can be resumed. One process at a time works in a
folder; it may have steps made by others that it started (`schedule`).

    runs/NAME/run.json            format and settings
    runs/NAME/STEP/               the step's files
    runs/NAME/STEP/manifest.json  what, from what, how long, figures
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .. import __version__
from ..code_hash import code_fingerprint
from ..config import Preset
from ..errors import ConfigError, DataError, FlamingoError
from ..presets import load_preset
from ..storage import atomic_folder, fingerprint, fingerprint_files, is_disk_full, read_json, write_json
from ..threads import computing_threads
from .environment import runs_folder, versions
from .step import Job, Step, table

FORMAT = 1
"""Version of the folder's layout; a folder of another version is refused."""

LOCK_SECONDS = 20.0
"""Seconds to wait for another process that works in the same folder."""

MANIFEST, ABOUT = "manifest.json", "run.json"
SCRATCH, CACHE, LOCKS = ".scratch", ".cache", ".locks"


@dataclass(frozen=True)
class Result:
    """A finished step.

    Attributes:
        folder: where its files are.
        key: the hash of everything it depends on.
        metrics: its figures, by their key in ``metrics.json``.
        seconds: how long it took when it was made.
        fresh: True if this call made it, False if it was there.
    """

    name: str
    title: str
    folder: Path
    key: str
    metrics: Mapping[str, Any]
    seconds: float
    fresh: bool

    def __repr__(self) -> str:
        files = sum(path.is_file() for path in self.folder.rglob("*"))
        return f"{self.name}: {self.title} ({files - 1:,} files)"


class Workspace:
    """A run folder with its settings.

    Args:
        folder: the run folder; made if it is not there.
        preset: all settings.
        steps: the pipeline's rows; by default the real ones.
    """

    def __init__(self, folder: str | os.PathLike, preset: Preset, *, steps: Iterable[Step] | None = None) -> None:
        if steps is None:
            from .steps import build_steps

            steps = build_steps(preset)
        self.folder, self.preset, self.steps = Path(folder).absolute(), preset, table(steps)
        self._keys: dict[str, str] = {}
        self._known: dict[str, tuple[int, Result]] = {}
        self._check_folder()

    @classmethod
    def open(
        cls, run: str | os.PathLike, preset: str = "tiny", seed: int = 0, settings: Iterable[str] = ()
    ) -> Workspace:
        """The run called `run` (a name under ``runs/``, or a path), with the settings of a named preset.

        Args:
            run: name or path.
            preset: tiny, small or paper.
            seed: of every random choice.
            settings: changes, ``["key.path=value", ...]``.

        Raises:
            ConfigError: no such preset or setting, or `settings` is a text or a dict.
        """
        if not isinstance(run, (str, os.PathLike)) or not os.fspath(run):
            raise ConfigError(f"a run is called by a name or a path, not {run!r}")
        return cls(runs_folder(run), load_preset(preset, settings, seed))

    def step(self, name: str) -> Result:
        """The result of a step; the step and those it needs are run first if they are not done."""
        step = self._step(name)
        found = self.result(name)
        if found is not None:
            return found
        for other in step.inputs:
            self.step(other)
        with self.locked():
            return self.make(name)

    def make(self, name: str) -> Result:
        """The result of a step whose inputs are done, in a folder that is `locked` by this process or its parent.

        Raises:
            FlamingoError: a step that it reads is not done.
        """
        step, inputs = self._step(name), {}
        for other in step.inputs:
            found = self.result(other)
            if found is None:
                raise FlamingoError(f"step {name!r} reads {other!r}, which is not done", file=self.folder)
            inputs[other] = found.folder
        with self._lock(f"{LOCKS}/{name}.lock"):  # a process whose parent was killed may still be in it, for a moment
            return self.result(name) or self._make(step, inputs)

    def result(self, name: str) -> Result | None:
        """The result of a step if it is there, whole, and made from today's inputs, settings and code."""
        step, folder = self._step(name), self.folder / name
        try:
            changed = (folder / MANIFEST).stat().st_mtime_ns
            known, result = self._known.get(name, (None, None))
            if known == changed:
                return result
            manifest = read_json(folder / MANIFEST)
            files = manifest["files"]
            whole = manifest["key"] == self.key(name) and all(
                (folder / path).stat().st_size == size for path, size in files.items()
            )
            if not whole:
                return None
            result = Result(name, step.title, folder, manifest["key"], manifest["metrics"], manifest["seconds"], False)
            self._known[name] = changed, result
            return result
        except (DataError, OSError, KeyError, TypeError):
            return None

    def results(self) -> dict[str, Result]:
        """All results that are there, in the pipeline's order."""
        found = ((name, self.result(name)) for name in self.steps)
        return {name: result for name, result in found if result is not None}

    def key(self, name: str) -> str:
        """The hash of everything that the step's result depends on."""
        step = self._step(name)
        if name not in self._keys:
            self._keys[name] = fingerprint(
                FORMAT,
                name,
                self.preset.seed,
                step.settings(self.preset),
                {other: self.key(other) for other in step.inputs},
                fingerprint_files(step.assets(self.preset)) if step.assets else "",
                code_fingerprint([step.run.__module__]),
                *self._threads(),
            )
        return self._keys[name]

    def _threads(self) -> tuple[int, ...]:
        """The number of threads if it is a setting of the run; without it, a key is as in runs before there was one."""
        return () if self.preset.threads is None else (self.preset.threads,)

    def _step(self, name: str) -> Step:
        if name not in self.steps:
            raise FlamingoError(f"the pipeline has no step {name!r}", remedy=f"Its steps are {', '.join(self.steps)}.")
        return self.steps[name]

    def _make(self, step: Step, inputs: Mapping[str, Path]) -> Result:
        key, scratch = self.key(step.name), self.folder / SCRATCH / f"{step.name}-{self.key(step.name)}"
        self._remove_leftovers(step.name, keep=scratch)
        started, clock = datetime.now(UTC), time.monotonic()
        threads = computing_threads(self.preset.threads)
        with atomic_folder(self.folder / step.name) as folder, self._io_errors(step), threads:
            scratch.mkdir(parents=True, exist_ok=True)
            metrics = dict(
                step.run(Job(folder, scratch, self.folder / CACHE, inputs, step.resolved(self.preset))) or {}
            )
            seconds = round(time.monotonic() - clock, 3)
            write_json(
                folder / MANIFEST,
                {
                    "step": step.name,
                    "title": step.title,
                    "key": key,
                    "inputs": {other: self.key(other) for other in step.inputs},
                    "seed": self.preset.seed,
                    "threads": self.preset.threads,
                    "settings": step.settings(self.preset),
                    "started": started.isoformat(timespec="seconds"),
                    "seconds": seconds,
                    "versions": versions(),
                    "metrics": metrics,
                    "files": {
                        str(path.relative_to(folder)): path.stat().st_size
                        for path in sorted(folder.rglob("*"))
                        if path.is_file()
                    },
                },
            )
        shutil.rmtree(scratch, ignore_errors=True)
        return Result(step.name, step.title, self.folder / step.name, key, metrics, seconds, True)

    def _check_folder(self) -> None:
        """Refuse a folder that isn't a run of this version; note the settings in a new one."""
        about = self.folder / ABOUT
        if self.folder.exists() and not self.folder.is_dir():
            raise FlamingoError("the run folder is a file", file=self.folder, remedy="Choose another --run.")
        if about.exists():
            found = read_json(about)
            version = found.get("format") if isinstance(found, dict) else None
            if version != FORMAT:
                raise FlamingoError(
                    (
                        f"this run folder has format {version}, this version of the program ({__version__}) works "
                        f"with format {FORMAT}"
                    ),
                    file=about,
                    remedy="Choose another --run, or delete the folder; nothing was changed.",
                )
        elif self.folder.exists() and any(not path.name.startswith(".") for path in self.folder.iterdir()):
            raise FlamingoError(
                "the folder is not empty and not a run folder", file=self.folder, remedy="Choose another --run."
            )
        values = {"format": FORMAT, "version": __version__, "settings": self.preset.model_dump(mode="json")}
        if not about.exists() or read_json(about) != values:
            write_json(about, values)

    def _remove_leftovers(self, name: str, keep: Path) -> None:
        """Take away what killed processes left of this step, except the scratch folder that can be resumed."""
        for path in [
            *self.folder.glob(f".{name}.*.part"),
            *self.folder.glob(f".{name}.*.old"),
            *(self.folder / SCRATCH).glob(f"{name}-*"),
        ]:
            if path != keep:
                shutil.rmtree(path, ignore_errors=True)

    def locked(self) -> AbstractContextManager[None]:
        """The folder as this process's own: no other process makes steps in it meanwhile.

        Raises:
            FlamingoError: another one works in it.
        """
        return self._lock(".lock")

    @contextmanager
    def _lock(self, name: str) -> Iterator[None]:
        from filelock import FileLock, Timeout

        lock = FileLock(self.folder / name)
        Path(lock.lock_file).parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise FlamingoError(
                "another process is working in this run folder",
                file=self.folder,
                remedy="Wait until it is done, or choose another --run.",
            ) from None
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _io_errors(self, step: Step) -> Iterator[None]:
        """Say what an error of the operating system means for the run; errors of ours pass through."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, FlamingoError) and is_disk_full(error, self.folder):
                raise FlamingoError(
                    f"the disk is full; step {step.name!r} was not finished",
                    file=self.folder,
                    remedy="Free some space and run the same command again: finished steps are kept.",
                ) from error
            if isinstance(error, OSError):
                raise FlamingoError(
                    f"step {step.name!r} was not finished: {error.strerror or error}", file=error.filename
                ) from error
            raise
