"""Sphinx extension: docstrings in the house's style, where a plural may follow code (`Sample`s)."""

from __future__ import annotations

import re

_values: dict[str, list[str]] = {}


def separate_plurals(app, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Put the escaped space that reStructuredText wants between code and letters that follow."""
    lines[:] = [re.sub(r"(``.+?``|`[^`]+`)(?=(\w?))", _separated, line) for line in lines]


def _separated(match: re.Match[str]) -> str:
    return match[1] + ("\\ " if match[2] else "")


def hide_values(app, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Keep docstrings of values from napoleon, which would take the words before a colon for a type."""
    if what in ("attribute", "data"):
        _values[name], lines[:] = list(lines), []


def show_values(app, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Put them back after napoleon."""
    if name in _values:
        lines[:] = _values.pop(name)


def setup(app) -> dict[str, bool]:
    """Sphinx calls this when it loads the extension; napoleon's own priority is 500."""
    app.connect("autodoc-process-docstring", separate_plurals, priority=400)
    app.connect("autodoc-process-docstring", hide_values, priority=410)
    app.connect("autodoc-process-docstring", show_values, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
