"""Deprecated aliases: old public names of a module still work, with a `DeprecationWarning` that says the new one."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any


def renamed(module: str, **names: Any) -> Callable[[str], Any]:
    """A module's `__getattr__` that resolves old names to their replacements.

    Args:
        module: the module's `__name__`.
        names: old name to the object that replaced it, or to that object's dotted path if importing it here would be
            circular.

    ```python
    __getattr__ = renamed(__name__, ChatTurn=Turn)
    ```
    """

    def __getattr__(name: str) -> Any:
        if name not in names:
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        new = names[name]
        if isinstance(new, str):
            module_name, _, attribute = new.rpartition(".")
            new = getattr(import_module(module_name), attribute)
        warnings.warn(
            f"{module}.{name} is deprecated, use {new.__module__}.{new.__qualname__}", DeprecationWarning, stacklevel=2
        )
        return new

    return __getattr__
