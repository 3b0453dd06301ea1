"""Text from the fields of a record: present, visible, with single white space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..text import single_spaced
from .locator import BadRecord


def text_of(record: Mapping[str, Any], field: str) -> str:
    """The text in `field`, its white space made single, "" if it shows nothing.

    Raises:
        BadRecord: the field is not text.
        KeyError: it is missing.
    """
    value = record[field]
    if not isinstance(value, str):
        raise BadRecord(f"the field {field} is not text")
    return single_spaced(value)


def question_of(record: Mapping[str, Any], field: str = "question") -> str:
    """As `text_of`, of a question: one that shows nothing is a bad record."""
    return shown_text(text_of(record, field), "question")


def shown_text(text: Any, what: str) -> str:
    """`text`, or what `str` makes of it, with single white space; a bad record if there is nothing to see.

    Args:
        what: how the reason calls it, such as "answer".
    """
    text = single_spaced(str(text))
    if not text:
        raise BadRecord(f"empty annotation: no {what}")
    return text


def distinct(texts: Iterable[str]) -> list[str]:
    """`texts` in order, each once; case does not count."""
    return list({text.lower(): text for text in reversed(list(texts))}.values())[::-1]


def sentence(text: str) -> str:
    """`text` with a full stop at its end if it has no sentence end."""
    text = text.strip()
    return text if not text or text[-1] in ".!?\"'" else text + "."
