"""What may be wrong with one record, and how its reason is told."""

from __future__ import annotations

import json

from ..errors import DataError
from .locator import BadRecord

RECORD_ERRORS = (
    BadRecord, DataError, KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError, OverflowError
)  # fmt: skip
"""What work on one record may raise if the record is at fault."""


def reason_of(error: BaseException) -> str:
    """Why a record is put aside, in words."""
    if isinstance(error, BadRecord):
        return str(error)
    if isinstance(error, DataError):
        return f"{error.what}: {error.file}" if error.file is not None else error.what
    if isinstance(error, KeyError):
        return f"a field is missing: {error.args[0] if error.args else '?'}"
    if isinstance(error, json.JSONDecodeError):
        return f"not valid JSON: {error.msg}"
    if isinstance(error, UnicodeError):
        return "not UTF-8"
    if isinstance(error, ValueError):
        value = str(error).rpartition(": ")[2]
        if "literal" in str(error) or "convert" in str(error):
            return f"malformed: {value} is not a number"
        return "malformed: a list or line has more or fewer parts than it should"
    if isinstance(error, RecursionError):
        return "malformed: nested too deeply"
    if isinstance(error, OverflowError):
        return "malformed: a number is too large"
    if isinstance(error, IndexError):
        return "malformed: a list has fewer entries than it should"
    return "malformed: a field is of another type than it should be"
