"""Teaching: checks of the notebooks' exercises, which say what is wrong and not just that it is.

>>> from flamingo_lib.teaching import check
>>> check.ex_06_4(lambda lengths, windows, context: sum(lengths) / (windows * context))
Exercise 06.4 is right: the share of window positions that hold a token, padding left out of the count.
"""

from __future__ import annotations

from . import checks as check

__all__ = ["check"]
