"""The 24 style commands of LLM-instructed distortion (docs/method.md, section 1.1), each with its offline operation."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from ..errors import ConfigError
from . import style_operations as operations


@dataclass(frozen=True, slots=True)
class StyleCommand:
    """One style.

    Attributes:
        name: stands in a pair's `command`.
        promise: what the prefilled answer says it will do: follows "I will ".
        operation: the same as a text operation.
        scope: what the rule backend applies it to: ``"curt"`` the compressed answer, ``"text"`` more often whole
            sentences, ``"any"`` more seldom.
    """

    name: str
    promise: str
    operation: Callable[[str, random.Random], str]
    scope: Literal["curt", "text", "any"] = "any"


STYLE_COMMANDS = (
    StyleCommand("plain", "leave out every punctuation mark and every capital letter", operations.plain),
    StyleCommand("typos", "let a few typing mistakes slip in", operations.typos),
    StyleCommand("grammar_errors", "make mistakes of grammar", operations.grammar_errors, "text"),
    StyleCommand("drop_random", "lose some words and some sentences along the way", operations.drop_random, "text"),
    StyleCommand("upper", "write everything in upper case", operations.upper),
    StyleCommand("lower", "write everything in lower case", operations.lower),
    StyleCommand("synonyms", "put other words of the same meaning in place of mine", operations.synonyms, "text"),
    StyleCommand("repetition", "say things again although nobody needs it", operations.repetition),
    StyleCommand("rearranged", "build the sentences in another order", operations.rearranged, "text"),
    StyleCommand("wrong_tenses", "get the tenses and the forms of verbs wrong", operations.wrong_tenses, "text"),
    StyleCommand("verbose", "use many more words than the matter needs", operations.verbose),
    StyleCommand("shortest", "keep it as short as it can possibly be", operations.shortest, "curt"),
    StyleCommand(
        "essentials", "give nothing but the essential words, with commas between them", operations.essentials, "curt"
    ),
    StyleCommand("no_formatting", "throw away all formatting", operations.no_formatting, "text"),
    StyleCommand("paraphrase", "say the same with different words that mean it too", operations.paraphrase, "text"),
    StyleCommand(
        "reversed_sentences",
        "begin with the last sentence and end with the first",
        operations.reversed_sentences,
        "text",
    ),
    StyleCommand("casual", "write sloppily, as one chats with a friend", operations.casual),
    StyleCommand("overly_complex", "choose complicated words and phrases", operations.overly_complex),
    StyleCommand("ambiguous", "leave open which of several things I mean", operations.ambiguous),
    StyleCommand("metaphors", "put in strange metaphors", operations.metaphors),
    StyleCommand("irrelevant", "add things that have nothing to do with it", operations.irrelevant),
    StyleCommand(
        "repeated_sentence", "say one sentence again and again with little changes", operations.repeated_sentence
    ),
    StyleCommand("five_words", "sum it up in five words", operations.five_words, "curt"),
    StyleCommand("incoherent", "write something incoherent that no person would say", operations.incoherent),
)
"""In the order of docs/method.md, section 1.1."""

_BY_NAME = {command.name: command for command in STYLE_COMMANDS}


def style_command(name: str) -> StyleCommand:
    """The command called `name`; an unknown one is a `ConfigError`."""
    if name not in _BY_NAME:
        raise ConfigError(f"there is no style command {name!r}", remedy=f"Choose one of {', '.join(_BY_NAME)}.")
    return _BY_NAME[name]


def draw_command(generator: random.Random, probability: float = 0.5) -> StyleCommand | None:
    """One of the commands, with `probability` (0 to 1), else None."""
    return generator.choice(STYLE_COMMANDS) if generator.random() < probability else None
