"""The prompt of rewriters other than Flamingo: one wording for the instruction and its draft, or a format prompt.

Flamingo's own prompt is in `flamingo_lib.chat.template`. Models with a chat template of their own read `REWRITE_PROMPT`
in the user's turn, after the images; training and rewriting fill it in here, so they can't differ.
"""

from __future__ import annotations

import re

from ...errors import ConfigError

REWRITE_PROMPT = (
    "Instruction: {instruction}\n\n"
    "Drafted response: {draft}\n\n"
    "Rewrite the drafted response as a helpful and polite assistant would answer the instruction. Keep what it says, "
    "use complete sentences, and add nothing that neither the draft nor the image supports. "
    "Write the revised response only."
)
"""What the user's turn says when a draft is to be rewritten."""

STYLE_PROMPT = "Answer the question politely, in complete sentences."
"""A format prompt for comparison: the model answers by itself, and reads no draft."""

FIELDS = ("instruction", "draft")

_FIELD = re.compile(r"\{(\w+)\}")
_HEADING = re.compile(r"(?<!\s)\s++(?=(?:instruction|drafted response)\s*:)", re.IGNORECASE)


def check_prompt(prompt: str) -> None:
    """Refuse a prompt with another field than `FIELDS`, or without the instruction; raises `ConfigError`."""
    found = _FIELD.findall(prompt)
    unknown = [name for name in found if name not in FIELDS]
    if unknown:
        raise ConfigError(
            f"the prompt has an unknown field {{{unknown[0]}}}", remedy="Use {instruction} and {draft}, nothing else."
        )
    if "instruction" not in found:
        raise ConfigError("the prompt lacks {instruction}", remedy="Say where the instruction stands in it.")


def user_text(prompt: str, instruction: str, draft: str) -> str:
    """`prompt` with its fields filled in; braces in the texts stay, and no line of them begins as a heading."""
    values = {"instruction": _plain(instruction), "draft": _plain(draft)}
    return _FIELD.sub(lambda match: values[match[1]], prompt)


def _plain(text: str) -> str:
    return _HEADING.sub(lambda run: " " if "\n" in run[0] else run[0], text.strip())


def style_prompt(text: str) -> str:
    """The prompt that asks for an answer in the style that `text` says, and shows no draft."""
    return "{instruction}\n" + text.replace("{", "(").replace("}", ")")
