"""Sphinx extension: docstrings in the house's style, in which a plural may follow code (`Sample`s)."""

from __future__ import annotations

import re


def separate_plurals(app, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Put the escaped space that reStructuredText wants between code and letters that follow."""
    lines[:] = [re.sub(r"(``.+?``|`[^`]+`)(?=(\w?))", _separated, line) for line in lines]


def _separated(match: re.Match[str]) -> str:
    return match[1] + ("\\ " if match[2] else "")


def setup(app) -> dict[str, bool]:
    """Sphinx calls this when it loads the extension."""
    app.connect("autodoc-process-docstring", separate_plurals, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
