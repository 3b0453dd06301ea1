"""Presets: one program at three sizes. `load_preset` returns a `Preset` by name."""

from __future__ import annotations

from importlib import import_module

from ..config import Preset
from ..errors import ConfigError

NAMES = ("tiny", "small", "paper")


def load_preset(name: str = "tiny", overrides: tuple[str, ...] | list[str] = (), seed: int | None = None) -> Preset:
    """The preset called `name`, with `key.path=value` overrides and another seed if given."""
    if name not in NAMES:
        raise ConfigError(f"there is no preset {name!r}", remedy=f"Choose one of {', '.join(NAMES)}.")
    preset = import_module(f"{__name__}.{name}").PRESET
    if seed is not None:
        preset = preset.model_copy(update={"seed": seed})
    return preset.override(*overrides) if overrides else preset


def describe(name: str) -> str:
    """What the preset is for, in a sentence: the first line of its module's docstring."""
    if name not in NAMES:
        raise ConfigError(f"there is no preset {name!r}", remedy=f"Choose one of {', '.join(NAMES)}.")
    return (import_module(f"{__name__}.{name}").__doc__ or name).splitlines()[0]
