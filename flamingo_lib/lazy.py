"""Lazy package exports (PEP 562): a package's public names load on first use, so that importing it stays cheap."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any


def exported_names(source: str) -> dict[str, str]:
    """Public name -> submodule, read from the imports under ``if TYPE_CHECKING:`` in a package's source."""
    return {
        alias.asname or alias.name: node.module
        for block in ast.parse(source).body
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module
        for alias in node.names
    }


def lazy_exports(package: str, otherwise: Callable[[str], Any] | None = None) -> Callable[[str], Any]:
    """The `__getattr__` of a package whose public names stand under ``if TYPE_CHECKING:``, its one list of them.

    A name that is a submodule's too can't be exported: once that is imported, the package's attribute is the submodule.

    Args:
        package: its `__name__`.
        otherwise: a `__getattr__` for other names, such as deprecated ones.
    """

    def load(name: str) -> Any:
        spec = find_spec(package)
        source = getattr(spec.loader, "get_source", lambda _: None)(package) if spec else None
        submodule = exported_names(source or "").get(name)
        if submodule is None and otherwise is not None:
            return otherwise(name)
        if submodule is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(f"{package}.{submodule}"), name)
        setattr(sys.modules[package], name, value)
        return value

    return load
