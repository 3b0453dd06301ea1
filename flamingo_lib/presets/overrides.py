"""A preset as rows of key and value, and as the list of what was changed in it."""

from __future__ import annotations

import json
from typing import Any

from ..config import Frozen, Preset


def rows(config: Frozen, prefix: str = "") -> list[tuple[str, Any, str]]:
    """Every setting of `config` and the configs inside it: (dotted key, JSON value, description)."""
    found: list[tuple[str, Any, str]] = []
    for name, field in type(config).model_fields.items():
        value = getattr(config, name)
        if isinstance(value, Frozen):
            found += rows(value, f"{prefix}{name}.")
        elif isinstance(value, dict) and all(isinstance(item, Frozen) for item in value.values()):
            for key, item in value.items():
                found += rows(item, f"{prefix}{name}.{key}.")
        else:
            found.append(
                (f"{prefix}{name}", config.model_dump(mode="json", include={name})[name], field.description or "")
            )
    return found


def changes(preset: Preset) -> list[str]:
    """The ``key=value`` overrides, as `load_preset` takes them, that turn the named preset into `preset`."""
    from . import load_preset

    plain = {key: value for key, value, _ in rows(load_preset(preset.name, seed=preset.seed))}
    return [f"{key}={json.dumps(value)}" for key, value, _ in rows(preset) if plain.get(key, ...) != value]
