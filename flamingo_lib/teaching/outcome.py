"""Outcome of an exercise's check, and the frame around every check: a wrong answer never raises."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..html import message, standalone

LONGEST = 120
"""Characters of a value shown in a message."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found; true if the answer is right.

    Attributes:
        exercise: its number, as in ``"03.2"``.
        passed: whether the answer is right.
        text: what is wrong, with an example, or what the right answer shows.
    """

    exercise: str
    passed: bool
    text: str

    def __bool__(self) -> bool:
        return self.passed

    def __repr__(self) -> str:
        return f"Exercise {self.exercise} is {'right' if self.passed else 'not right yet'}: {self.text}"

    def _repr_html_(self) -> str:
        return str(standalone(message(("✔ " if self.passed else "✘ ") + repr(self))))


ODD = (TypeError, ValueError, ArithmeticError, LookupError, AttributeError, RuntimeError)
"""What reading an answer raises that is nothing like the one asked for."""


class NotYetError(Exception):
    """An answer that is wrong; its message says what is, in a sentence for the reader."""


def exercise(number: str) -> Callable[[Callable[..., str]], Callable[..., Outcome]]:
    """Make a check of a function that returns what the right answer shows, or raises `NotYetError`.

    An answer that it cannot read at all is a wrong one, too; a call that lacks an argument still raises `TypeError`.
    """

    def wrap(check: Callable[..., str]) -> Callable[..., Outcome]:
        signature = inspect.signature(check)

        @functools.wraps(check)
        def checked(*answers: Any, **named: Any) -> Outcome:
            signature.bind(*answers, **named)
            try:
                return Outcome(number, True, check(*answers, **named))
            except NotYetError as wrong:
                return Outcome(number, False, str(wrong))
            except ODD as odd:
                return Outcome(number, False, f"your answer has an unexpected form: {shown(str(odd), plain=True)}")

        return checked

    return wrap


def require(condition: object, message: str) -> None:
    """Raise `NotYetError` with `message` unless `condition` holds."""
    if not condition:
        raise NotYetError(message)


def call(function: Any, *inputs: Any) -> Any:
    """The value of a reader's function; whatever it raises becomes a message that names the input.

    Raises:
        NotYetError: it is no function, it raised, or it returned nothing.
    """
    require(callable(function), f"give the function itself, without calling it; this is {shown(function)}")
    try:
        value = function(*inputs)
    except Exception as error:
        raise NotYetError(
            f"your function raised {type(error).__name__}: {shown(str(error), plain=True)}; its input was "
            f"{', '.join(map(shown, inputs))}"
        ) from error
    require(value is not None and value is not ..., "your function returned nothing: does it end in `return`?")
    return value


def number(value: Any, what: str = "your answer") -> float:
    """`value` as a number, or a message that says it is none."""
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise NotYetError(f"{what} should be a number, and is {shown(value)}") from error


def shown(value: Any, *, plain: bool = False) -> str:
    """A value for a message, at most `LONGEST` characters."""
    try:
        text = value if plain else repr(value)
    except Exception:
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"
