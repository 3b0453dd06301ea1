"""JSON values without what says how long something took, where it ran, or how long such a file is."""

from __future__ import annotations

import re
from typing import Any

VOLATILE = re.compile(r"seconds|per_second|speed|commit|resumed_from|host|created|started|memory|stretches|^files$")
"""Names of the fields that play no part."""


def steady(value: Any) -> Any:
    """`value` without them, at any depth."""
    if isinstance(value, dict):
        return {key: steady(inner) for key, inner in value.items() if not VOLATILE.search(key)}
    return [steady(item) for item in value] if isinstance(value, list) else value
