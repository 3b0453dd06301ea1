"""The 24 style commands as text operations: each takes a text and the record's generator and gives another text.

They change how a thing is said. Words that answer (colours, numbers, names) are moved, mistyped or left out, but never
exchanged for others.
"""

from __future__ import annotations

import random
import re
import string
from collections.abc import Callable

from . import lexicon
from .compress import content_words
from .segment import find_tokens, join_tokens, split_keeping, split_sentences, words
from .text_noise import noise_characters

_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_MARKUP = re.compile(r"^\s*(?:[-*+•]|#{1,6}|\d{1,3}[.)]|>)\s+|[*_`]{1,3}(?=\S)|(?<=\S)[*_`]{1,3}|~~", re.MULTILINE)
_JOINT = re.compile(r",\s+|\s+(?=(?:in|at|on|with|because|while|near|next to|to the|of)\s)", re.IGNORECASE)
_FILLERS = (
    "basically",
    "as it were",
    "so to speak",
    "in a manner of speaking",
    "if you will",
    "in actual fact",
    "needless to say",
)
_PADDING = (
    "It can be said that ",
    "What may be noted is that ",
    "It is the case that ",
    "The thing to say here is that ",
)
_DOUBTS = (
    "or maybe not quite",
    "or something like it, depending on how you read it",
    "or the other way round, who knows",
    "in some sense or other",
)
_LIKENESS = (
    "like a spoon in a dream",
    "like a quiet river of tin",
    "as bread is to the moon",
    "like an old shoe singing",
    "as sure as a wet candle",
)
_ASIDES = (
    "I had soup today.",
    "My cousin owns a boat.",
    "Trains are often late.",
    "The weekend is near.",
    "Some birds cannot fly.",
    "Paper is made of wood.",
)
_MUTTER = ("uh", "the the", "what", "so then of", "is it", "hmm", "therefore maybe")
_CASUAL_OPENERS = ("", "", "yo ", "so like ", "eh ", "lol ")
_CASUAL_CLOSERS = ("", "", " lol", " i guess", " or whatever", " idk")


def _sub_words(text: str, change: Callable[[str], str], share: float, generator: random.Random) -> str:
    """Replace every word by `change(word)`, where it gives one, with probability `share`; a first capital is kept."""

    def replaced(match: re.Match) -> str:
        word = match.group()
        new = change(word.lower())
        if not new or generator.random() >= share:
            return word
        return new[:1].upper() + new[1:] if word[0].isupper() else new

    return _WORD.sub(replaced, text)


def _sub_phrases(text: str, phrases: dict[str, str]) -> str:
    return _phrase_pattern(tuple(phrases)).sub(lambda match: phrases[match.group().lower()], text)


_PATTERNS: dict[tuple[str, ...], re.Pattern[str]] = {}


def _phrase_pattern(phrases: tuple[str, ...]) -> re.Pattern[str]:
    if phrases not in _PATTERNS:
        longest_first = sorted(phrases, key=len, reverse=True)
        _PATTERNS[phrases] = re.compile(r"\b(?:" + "|".join(map(re.escape, longest_first)) + r")\b", re.IGNORECASE)
    return _PATTERNS[phrases]


def _bare(text: str) -> str:
    """Without the final full stop."""
    return text.rstrip().rstrip(".")


def plain(text: str, generator: random.Random) -> str:
    """No punctuation (but inside numbers and words), no capitals."""
    return " ".join(words(text)).lower() or text


def typos(text: str, generator: random.Random) -> str:
    """A few mistyped letters."""
    action = generator.choice(("swap", "delete", "substitute", "insert"))
    return noise_characters(
        text, generator, action=action, word_rate=0.12, character_rate=0.1, alphabet=string.ascii_lowercase
    )


_ERRORS = {
    "a": ("an", "", "the"), "an": ("a", ""), "the": ("", "", "a"), "is": ("are", "", "be"),
    "are": ("is", "be"), "it": ("them", "he"),
    "there": ("their", "they're"), "has": ("have",), "have": ("has",), "does": ("do",),
    "of": ("off", ""), "to": ("too",),
    "its": ("it's",), "than": ("then",), "of the": ("of",), "at": ("in", "on"), "in": ("at", "on"), "on": ("in", "at"),
}  # fmt: skip


def grammar_errors(text: str, generator: random.Random) -> str:
    """Articles lost, verbs that do not agree, wrong prepositions."""

    def wrong(word: str) -> str:
        return generator.choice(_ERRORS[word]) or "\0" if word in _ERRORS else ""

    return re.sub(r"\0 ?", "", _sub_words(text, wrong, 0.5, generator), flags=re.IGNORECASE).strip()


def drop_random(text: str, generator: random.Random) -> str:
    """Words and whole sentences left out at random, never all."""
    pieces = [piece for piece in split_keeping(text) if generator.random() > 0.3] or split_keeping(text)[:1]
    found = [match.group() for match in find_tokens(" ".join(sentence for sentence, _ in pieces))]
    kept = [token for token in found if not token[0].isalnum() or generator.random() > 0.25]
    return join_tokens(kept) if any(token[0].isalnum() for token in kept) else join_tokens(found)


def upper(text: str, generator: random.Random) -> str:
    """All upper case."""
    return text.upper()


def lower(text: str, generator: random.Random) -> str:
    """All lower case."""
    return text.lower()


def synonyms(text: str, generator: random.Random) -> str:
    """Words exchanged for others of the same meaning."""
    return _sub_words(text, lambda word: generator.choice(lexicon.SYNONYMS.get(word, ("",))), 0.8, generator)


def repetition(text: str, generator: random.Random) -> str:
    """Words and phrases repeated without need."""
    parts = text.split(" ")
    if len(parts) < 3:
        return f"{_bare(text)}, {_bare(text)}" + (f", {_bare(text)}" if generator.random() < 0.3 else "")
    start = generator.randrange(len(parts) - 1)
    run = parts[start : start + generator.randint(1, 3)]
    return " ".join([*parts[: start + len(run)], *run, *parts[start + len(run) :]])


def rearranged(text: str, generator: random.Random) -> str:
    """Parts of each sentence in another order."""
    sentences = []
    for sentence in split_sentences(text):
        parts = [part for part in _JOINT.split(_bare(sentence)) if part]
        if len(parts) > 1:
            cut = generator.randrange(1, len(parts))
            parts = [*parts[cut:], *parts[:cut]]
        sentences.append(" ".join(parts))
    return ". ".join(sentences)


def wrong_tenses(text: str, generator: random.Random) -> str:
    """Verbs in forms that do not fit."""
    return _sub_words(text, lambda word: generator.choice(lexicon.VERB_FORMS.get(word, ("",))), 0.9, generator)


def verbose(text: str, generator: random.Random) -> str:
    """More words than needed."""
    body = _bare(text)
    body = body[:1].lower() + body[1:] if body[1:2].islower() else body
    parts = body.split(" ")
    index = generator.randrange(len(parts)) + 1
    filler = generator.choice(_FILLERS)
    body = " ".join(parts[:index]) + f", {filler}" + (", " + " ".join(parts[index:]) if index < len(parts) else "")
    return generator.choice(_PADDING) + body if generator.random() < 0.5 else body


def shortest(text: str, generator: random.Random) -> str:
    """As it is: the text was made as short as it can be before."""
    return text


def essentials(text: str, generator: random.Random) -> str:
    """Only the words that matter, separated by commas."""
    return ", ".join(dict.fromkeys(content_words(text))) or text


def no_formatting(text: str, generator: random.Random) -> str:
    """Lists, headings, emphasis and line breaks taken away."""
    return " ".join(_MARKUP.sub("", text).split()) or text


def paraphrase(text: str, generator: random.Random) -> str:
    """Said in another way: synonyms, and parts in another order."""
    return rearranged(synonyms(text, generator), generator)


def reversed_sentences(text: str, generator: random.Random) -> str:
    """The last sentence first; a single sentence turns its parts around."""
    sentences = split_sentences(text)
    return " ".join(reversed(sentences)) if len(sentences) > 1 else rearranged(text, generator)


def casual(text: str, generator: random.Random) -> str:
    """As one would write to a friend in a hurry."""
    body = _sub_phrases(_bare(text), lexicon.CASUAL).lower()
    return generator.choice(_CASUAL_OPENERS) + body + generator.choice(_CASUAL_CLOSERS)


def overly_complex(text: str, generator: random.Random) -> str:
    """Grand words where plain ones would do."""
    grand = _sub_words(text, lambda word: lexicon.GRAND.get(word, ""), 0.8, generator)
    return grand if grand != text else f"The ascertained result is {_bare(text)}"


def ambiguous(text: str, generator: random.Random) -> str:
    """Open to more than one reading."""
    return f"{_bare(text)}, {generator.choice(_DOUBTS)}"


def metaphors(text: str, generator: random.Random) -> str:
    """With an image that does not fit."""
    return f"{_bare(text)}, {generator.choice(_LIKENESS)}"


def irrelevant(text: str, generator: random.Random) -> str:
    """With something added that has nothing to do with it."""
    aside = generator.choice(_ASIDES)
    body = text if text.rstrip().endswith((".", "!", "?")) else text + "."
    return f"{aside} {body}" if generator.random() < 0.4 else f"{body} {aside}"


def repeated_sentence(text: str, generator: random.Random) -> str:
    """One sentence, then again a little changed."""
    first = _bare(generator.choice(split_sentences(text) or [text]))
    again = synonyms(first, generator)
    if again == first:
        again = generator.choice(("again, {}", "{}, yes", "so {}", "{} it is", "{} here")).format(first.lower())
    return f"{first}. {again}"


def five_words(text: str, generator: random.Random) -> str:
    """At most five words."""
    return " ".join(content_words(text)[:5]) or text


def incoherent(text: str, generator: random.Random) -> str:
    """Words thrown together, with mutters between."""
    parts = words(text) or [text]
    for _ in range(max(1, len(parts) // 3)):
        one, two = generator.randrange(len(parts)), generator.randrange(len(parts))
        parts[one], parts[two] = parts[two], parts[one]
    parts.insert(generator.randrange(len(parts) + 1), generator.choice(_MUTTER))
    return " ".join(parts)
