"""Answers of an OpenAI-compatible server: the completion in them, or what they are instead."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import httpx


class NoText(Exception):
    """A well-formed answer without a text; asking again would give the same."""


def read_completion(answer: dict[str, Any]) -> tuple[str, bool]:
    """The text of an answer's JSON value, and whether the model ended by itself.

    Raises:
        NoText: the answer is well formed, but holds no text, or a part of one that a content filter left.
        KeyError, TypeError, IndexError, AttributeError: it is no completion.
    """
    choice = answer["choices"][0]
    message = choice.get("message")
    text = choice["text"] if message is None else message.get("content")
    if text and choice.get("finish_reason") == "content_filter":
        raise NoText("an answer that the server's content filter cut off (content_filter)")
    if text is None:
        said = [str(value)[:200] for value in ((message or {}).get("refusal"), choice.get("finish_reason")) if value]
        raise NoText("an answer without text" + (f" ({', '.join(said)})" if said else ""))
    if not isinstance(text, str):
        raise NoText(f"an answer whose content is a {type(text).__name__}, not text: {str(text)[:100]}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NoText("an answer with half a character (a lone surrogate)") from None
    return text, choice.get("finish_reason") != "length"


def token_usage(answer: dict[str, Any]) -> tuple[int, int] | None:
    """Tokens read and written for an answer, as its server counted them; None if it doesn't say."""
    match answer.get("usage"):
        case {"prompt_tokens": int(read), "completion_tokens": int(written)} if min(read, written) >= 0:
            return read, written
    return None


def excerpt(answer: httpx.Response) -> str:
    """The beginning of an answer in one line, for messages; a web page is called one."""
    text = " ".join(answer.text[:2000].split())
    page = text[:200].lower()
    if "<html" in page or page.startswith("<!doctype html"):
        return f"a web page (HTML): {text[:80]}"
    return text[:200] or "nothing"


def is_address(url: str) -> bool:
    """True for an http or https address with a host."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False


def retry_after(answer: httpx.Response) -> float:
    """The seconds that the ``Retry-After`` header asks for (a number or a date), 0 without one."""
    value = answer.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))  # in this order, "nan" is 0
    except ValueError:
        pass
    try:
        return max(parsedate_to_datetime(value).timestamp() - time.time(), 0.0)
    except (TypeError, ValueError, OverflowError):
        return 0.0
