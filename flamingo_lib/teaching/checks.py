"""Checks of the exercises, by notebook and number: `check.ex_03_2(answer)` says what is wrong, or what was shown.

A notebook's checks are loaded with the first of them that is used: most need no PyTorch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .distortion import ex_02_1, ex_02_2, ex_02_3, ex_02_4
    from .evaluation import ex_08_1, ex_08_2, ex_08_3, ex_08_4, ex_08_5
    from .filters import ex_05_1, ex_05_2, ex_05_3, ex_05_4
    from .full_size import ex_10_1, ex_10_2, ex_10_3, ex_10_4, ex_10_5
    from .generations import ex_09_1, ex_09_2, ex_09_3, ex_09_4
    from .model import ex_03_1, ex_03_2, ex_03_3, ex_03_4, ex_03_5
    from .overview import ex_00_1, ex_00_2, ex_00_3, ex_00_4, ex_00_5
    from .rewriter import ex_04_1, ex_04_2, ex_04_3, ex_04_4, ex_04_5, ex_04_6, ex_04_7, ex_04_8
    from .scenes_and_sources import ex_01_1, ex_01_2, ex_01_3, ex_01_4, ex_01_5
    from .talk import ex_11_1, ex_11_2, ex_11_3, ex_11_4, ex_11_5
    from .u_shape import ex_07_1, ex_07_2, ex_07_3, ex_07_4, ex_07_5, ex_07_6
    from .windows import ex_06_1, ex_06_2, ex_06_3, ex_06_4, ex_06_5, ex_06_6

NOTEBOOKS = {
    "00": "overview",
    "01": "scenes_and_sources",
    "02": "distortion",
    "03": "model",
    "04": "rewriter",
    "05": "filters",
    "06": "windows",
    "07": "u_shape",
    "08": "evaluation",
    "09": "generations",
    "10": "full_size",
    "11": "talk",
}
"""Modules that hold the checks, by the notebook's number."""

__all__ = [
    "ex_00_1",
    "ex_00_2",
    "ex_00_3",
    "ex_00_4",
    "ex_00_5",
    "ex_01_1",
    "ex_01_2",
    "ex_01_3",
    "ex_01_4",
    "ex_01_5",
    "ex_02_1",
    "ex_02_2",
    "ex_02_3",
    "ex_02_4",
    "ex_03_1",
    "ex_03_2",
    "ex_03_3",
    "ex_03_4",
    "ex_03_5",
    "ex_04_1",
    "ex_04_2",
    "ex_04_3",
    "ex_04_4",
    "ex_04_5",
    "ex_04_6",
    "ex_04_7",
    "ex_04_8",
    "ex_05_1",
    "ex_05_2",
    "ex_05_3",
    "ex_05_4",
    "ex_06_1",
    "ex_06_2",
    "ex_06_3",
    "ex_06_4",
    "ex_06_5",
    "ex_06_6",
    "ex_07_1",
    "ex_07_2",
    "ex_07_3",
    "ex_07_4",
    "ex_07_5",
    "ex_07_6",
    "ex_08_1",
    "ex_08_2",
    "ex_08_3",
    "ex_08_4",
    "ex_08_5",
    "ex_09_1",
    "ex_09_2",
    "ex_09_3",
    "ex_09_4",
    "ex_10_1",
    "ex_10_2",
    "ex_10_3",
    "ex_10_4",
    "ex_10_5",
    "ex_11_1",
    "ex_11_2",
    "ex_11_3",
    "ex_11_4",
    "ex_11_5",
]


def __getattr__(name: str) -> Any:
    """The check `name`."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{NOTEBOOKS[name[3:5]]}", __package__), name)


def __dir__() -> list[str]:
    """Names of all checks."""
    return [*__all__]
