"""The prompt of the LLM-instructed way, and parsing of its completions (docs/method.md, section 1.1).

The model plays the assistant that gave the good answer. It is praised, asked for a concise version, and its next answer
is begun for it: it agrees, says that it now plays a cold robot, promises a style, and opens a quotation mark.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..text import without_markers
from .commands import StyleCommand

REQUEST = (
    "What a wonderful answer, thank you! Now give me a concise version of it that has only the key information, please."
)
"""The human's second turn."""

_ROLE = "Alright. From now on I am a cold robot: I hardly talk, and I have no social skills whatsoever."
_INTRODUCTION = 'This is the shortest version of my answer, and one of poor quality: "'

Message = dict[str, str]
"""``{"role": "user" or "assistant", "content": text}``."""


def prefill(command: StyleCommand | None) -> str:
    """The beginning of the model's answer; ends with an opening quotation mark."""
    promise = f" I will {command.promise}." if command else ""
    return f"{_ROLE}{promise} {_INTRODUCTION}"


def build_messages(instruction: str, response: str, command: StyleCommand | None) -> list[Message]:
    """The chat whose last message, the assistant's, is to be continued."""
    return [
        {"role": "user", "content": instruction},
        {"role": "assistant", "content": response},
        {"role": "user", "content": REQUEST},
        {"role": "assistant", "content": prefill(command)},
    ]


def plain_prompt(messages: list[Message]) -> str:
    """The chat in Guanaco's format, for models without a chat template and for completion endpoints.

    What people wrote begins no line as a turn does.
    """
    names = {"user": "### Human: ", "assistant": "### Assistant: "}
    return "\n".join(names[message["role"]] + without_markers(message["content"]) for message in messages)


class Cleaned(NamedTuple):
    """The draft in a completion, whether the completion marked its end, and the reason if there is no draft."""

    text: str
    closed: bool
    reason: str = ""


_QUOTES = str.maketrans({"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'})
_CHATTER = re.compile(
    (
        r"(?:alright|sure|okay|ok|of course|here|certainly|this is|the shortest|agreed|understood|i am|i "
        r"will)\b[^\"]{0,300}?[:.]\s*\""
    ),
    re.IGNORECASE,
)
_TURN = re.compile(r"\n\s*\n|\n?\s*#{2,}\s|\n\s*(?:human|user|assistant|system)\s*:|<\|", re.IGNORECASE)
_CLOSING = re.compile(r'(?<!\\)"')


def clean_completion(text: str, *, stopped: bool = False) -> Cleaned:
    """Take the draft out of a completion: up to the closing quotation mark, without chatter before or after.

    Args:
        text: what the model wrote after the prefilled text, or a whole new message if the server does not continue one.
        stopped: the model ended by itself, so that a missing closing mark does not mean that it was cut off.
    """
    text = text.translate(_QUOTES).lstrip()
    chatter = _CHATTER.match(text)
    if chatter:
        text = text[chatter.end() :]
    text = text[1:] if text.startswith('"') else text
    closing = _CLOSING.search(text)
    turn = _TURN.search(text)
    ends = [match.start() for match in (closing, turn) if match]
    text = text[: min(ends)] if ends else text
    return Cleaned(text.replace('\\"', '"').strip(), bool(ends) or stopped)


_REFUSAL = re.compile(
    r"\b(?:as an ai\b|(?:i'm|i am) (?:sorry|afraid|unable|not able)\b|my apologies|i apologi[sz]e|"
    r"i (?:can(?:no|')t|can not|won't|will not|refuse to|do not want to|am not going to) "
    r"(?:assist|help|do|provide|fulfil+|comply|answer|give|write|play|create|continue)\b)",
    re.IGNORECASE,
)


_OWN_WORDS = (
    "a wonderful answer",
    "a concise version of it",
    "a cold robot",
    "i hardly talk",
    "no social skills",
    "one of poor quality",
)


def rejection(draft: str, response: str, *, closed: bool = True) -> str:
    """Why a draft cannot be used; ``""`` if it can.

    Returns:
        ``"empty"``, ``"refusal"``, ``"echo"`` (of the prompt), ``"unfinished"``, ``"longer"`` (than the response) or
        ``"unchanged"``.
    """
    if not any(map(str.isalnum, draft)) and any(map(str.isalnum, response)):
        return "empty"
    if _REFUSAL.search(draft[:200]) and not _REFUSAL.search(response[:400]):
        return "refusal"
    lower = draft.lower()
    if any(phrase in lower and phrase not in response.lower() for phrase in _OWN_WORDS):
        return "echo"
    if not closed:
        return "unfinished"
    if len(draft) > len(response):
        return "longer"
    return "unchanged" if draft == response.strip() else ""
