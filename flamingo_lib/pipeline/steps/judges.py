"""The judges that a run loads, as files whose content its results depend on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from ...config import Preset

SHIPPED = {"nli": "nli-tiny", "reward": "reward-tiny"}
"""The judges that the name ``tiny`` selects."""


def judge_files(*roles: str) -> Callable[[Preset], Sequence[Path]]:
    """Gives the files of the judges in these roles, as far as they are folders on this machine.

    A judge that is not there yet is left out: the step that loads it says how to get it.
    """

    def files(preset: Preset) -> list[Path]:
        from ...hub import local_folder

        found: list[Path] = []
        for role in roles:
            name = getattr(preset.judges, role)
            folder = local_folder(name, shipped_as=SHIPPED.get(role) if name == "tiny" else None)
            if folder is not None:
                found += [path for path in folder.iterdir() if path.suffix in {".json", ".safetensors", ".txt"}]
        return sorted(found)

    return files


def resolve_judges(preset: Preset) -> Preset:
    """The preset with the precision of the STS judge as it is on this machine's processor, never ``"auto"``."""
    from ...judges.precision import resolve_precision

    precision = resolve_precision(preset.judges.sts_precision, "cpu")
    return preset.model_copy(update={"judges": preset.judges.model_copy(update={"sts_precision": precision})})
