"""Comparison of a job's settings with those it was begun with."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import ConfigError

SHOWN = 5
"""Differences that a message tells."""

LENGTH = 160
"""Characters of a value that a message tells."""

_NOTHING = object()


def refuse_differences(
    now: Mapping[str, Any], then: Mapping[str, Any], folder: object, *, remedy: str | None = None
) -> None:
    """Compare two job identities, plain JSON values; a `ConfigError` names each setting that differs.

    Args:
        folder: the job's folder, for the message.
        remedy: instead of the usual one.
    """
    found = list(differences(now, then))
    if not found:
        return
    (name, *values), *others = found
    text = f"{_words(name)} differs from what this job was begun with: {_both(*values)}"
    text += "".join(f"; also {_words(name)}: {_both(*values)}" for name, *values in others[: SHOWN - 1])
    if len(found) > SHOWN:
        text += f"; and {len(found) - SHOWN} more"
    raise ConfigError(f"{text} (folder {folder})", remedy=remedy or "Give what it was begun with, or another folder.")


def differences(now: Any, then: Any, name: str = "") -> Iterator[tuple[str, Any, Any]]:
    """The values that differ, each with its dotted name.

    Mappings are gone through by key, lists of as many mappings by position (``sources.0.limit``); other values are
    taken whole.
    """
    if isinstance(now, Mapping) and isinstance(then, Mapping):
        for key in [*now, *(key for key in then if key not in now)]:
            yield from differences(now.get(key, _NOTHING), then.get(key, _NOTHING), f"{name}.{key}" if name else key)
    elif _mappings(now) and _mappings(then) and len(now) == len(then):
        for position, pair in enumerate(zip(now, then, strict=True)):
            yield from differences(*pair, f"{name}.{position}")
    elif now != then:
        yield name, now, then


def _mappings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, Mapping) for item in value)


def _words(name: str) -> str:
    return name if "." in name else name.replace("_", " ")


def _both(now: Any, then: Any) -> str:
    return f"now {_short(now)}, then {_short(then)}"


def _short(value: Any) -> str:
    """The value as JSON; a long one without its middle, since names begin and fingerprints end what differs."""
    if value is _NOTHING:
        return "nothing"
    text, half = json.dumps(value, ensure_ascii=False), LENGTH // 2
    return text if len(text) <= LENGTH else f"{text[:half]}…{text[-half:]}"
