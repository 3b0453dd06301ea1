"""Record history as a diff: how a raw annotation became the exported response, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from typing import Any

KEPT, REMOVED, ADDED = "=", "-", "+"

_WORD = re.compile(r"\S+\s*|\s+")


def word_diff(before: str, after: str) -> list[dict[str, str]]:
    """Word diff of two texts: parts that are kept (``=``), removed (``-``) and added (``+``), in order.

    The parts of ``=`` and ``-`` together are `before`, those of ``=`` and ``+`` are `after`, letter by letter.

    Returns:
        ``{"op": ..., "text": ...}`` for each part.
    """
    old, new = _WORD.findall(before), _WORD.findall(after)
    parts: list[dict[str, str]] = []
    for kind, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind == "equal":
            parts.append({"op": KEPT, "text": "".join(old[a:b])})
            continue
        parts += [{"op": op, "text": "".join(words)} for op, words in ((REMOVED, old[a:b]), (ADDED, new[c:d])) if words]
    return parts


def history(raw: str, steps: Iterable[tuple[str, str]]) -> list[dict[str, Any]]:
    """The diff of each step from `raw` on.

    Args:
        raw: the annotation.
        steps: name of each step, and the text after it.

    Returns:
        ``{"step": name, "diff": [...]}`` for each.
    """
    made, before = [], raw
    for name, after in steps:
        made.append({"step": name, "diff": word_diff(before, after)})
        before = after
    return made


def apply_diff(parts: Sequence[dict[str, str]], *, backwards: bool = False) -> str:
    """The text after a diff, or before it."""
    kept = (KEPT, REMOVED) if backwards else (KEPT, ADDED)
    return "".join(part["text"] for part in parts if part["op"] in kept)
