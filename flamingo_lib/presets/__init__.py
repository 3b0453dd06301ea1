"""Presets: one program at three sizes. `load_preset` returns a `Preset` by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from numbers import Integral

from ..config import Preset
from ..errors import ConfigError

NAMES = ("tiny", "small", "paper")


def load_preset(name: str = "tiny", overrides: Iterable[str] = (), seed: int | None = None) -> Preset:
    """The preset called `name`, with `key.path=value` overrides and another seed if given.

    Raises:
        ConfigError: there is no such preset or setting, a value that it can't have, or overrides that are no list of
            texts.
    """
    if name not in NAMES:
        raise ConfigError(f"there is no preset {name!r}", remedy=f"Choose one of {', '.join(NAMES)}.")
    listed = not isinstance(overrides, (str, bytes, Mapping)) and isinstance(overrides, Iterable)
    overrides = tuple(overrides) if listed else ()
    if not listed or not all(isinstance(text, str) for text in overrides):
        raise ConfigError(
            'settings are a list of texts such as ["rewriting.max_new_tokens=64"]',
            remedy="Put each change into one text, key=value, and all of them into a list.",
        )
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, Integral)):
        raise ConfigError(f"the seed is a whole number, not {seed!r}")
    preset = import_module(f"{__name__}.{name}").PRESET
    if seed is not None:
        preset = preset.model_copy(update={"seed": int(seed)})
    return preset.override(*overrides) if overrides else preset


def describe(name: str) -> str:
    """What the preset is for, in a sentence: the first line of its module's docstring."""
    if name not in NAMES:
        raise ConfigError(f"there is no preset {name!r}", remedy=f"Choose one of {', '.join(NAMES)}.")
    return (import_module(f"{__name__}.{name}").__doc__ or name).splitlines()[0]
