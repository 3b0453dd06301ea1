"""Parser of free text about scenes, first step: a sentence becomes items (mentions, attributes, relations...).

The reader knows more words than the grammar writes, since language models and people don't keep to the grammar.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .graph import SHAPES
from .lexicon import COLOR_WORDS, NUMBER_WORDS, SHAPE_WORDS, SIZE_WORDS, Reference

PICTURES = {"image", "picture", "scene", "photo", "frame", "background", "grid", "drawing"}
ROWS = {"top": 0, "upper": 0, "middle": 1, "center": 1, "central": 1, "bottom": 2, "lower": 2}
COLUMNS = {"left": 0, "center": 1, "middle": 1, "central": 1, "right": 2}
PLACE_TAILS = {"corner", "side", "edge", "part", "area", "section", "half", "cell", "hand", "portion"}
GENERIC = {*"object objects thing things item items shape shapes one ones figure figures".split()}
ADJECTIVES = {*COLOR_WORDS, *SIZE_WORDS}
NAMING = {*ADJECTIVES, *SHAPE_WORDS}
DETERMINERS = {
    "a",
    "an",
    "the",
    "this",
    "that",
    "another",
    "any",
    "some",
    "no",
    "all",
    "both",
    "every",
    "each",
    "other",
    "only",
    "single",
}
FILLERS = {"exactly", "just", "simply", "very", "quite", "bright", "solid", "of"}
NEGATIONS = {"not", "cannot", "never", "neither", "nor", "absent", "missing"}
NEAREST = {"closest", "nearest", "closer", "nearer"}
HYPOTHETICAL = {"would", "could", "if", "might", "may", "should", "without"}
COPULAS = {"is", "are", "was", "were", "be", "appears", "appear", "seems", "looks", "like", "shaped", "being"}
BOUNDARIES = {",", ";", ":", "and", "but", "while", "so", "since", "because", "which", "where", "whereas", "with"}
AFTER_NO = {"", ",", ";", "there", "i", "you", "the", "it", "a", "an", "this", "we", "that", "its"}
"""Words that, after "no", show it to be an answer rather than a determiner."""

OPENINGS = {"there", "i", "you", "let", "please", "also"}
"""Words that begin a new statement where text has lost its punctuation."""

SIZES_COMPARED = {"larger": "larger", "bigger": "larger", "smaller": "smaller"}


ANYTHING = Reference()


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of a sentence.

    Kinds and what `value` holds: ``mention`` (-), ``pronoun`` (-), ``attribute`` ((name, value)), ``position``
    (frozenset of cells), ``side`` ("left" or "right"), ``relation`` (a relation's name, or "larger"/"smaller"),
    ``number`` (int), ``polarity`` ("yes" or "no"), ``negation``, ``hypothesis``, ``copula``, ``boundary``, ``same``
    (attribute's name), ``more`` (the two references compared). Mentions carry `reference` and `determiner`.
    """

    kind: str
    value: Any = None
    reference: Reference = ANYTHING
    determiner: str = ""
    number: int | None = None
    plural: bool = False

    @property
    def indefinite(self) -> bool:
        """True of "a circle", "another circle", "one circle" and of a bare "red circle": it brings something new in."""
        return self.determiner in ("", "a", "an", "another", "any", "some", "single")


def tokens(sentence: str) -> list[str]:
    """Lower-case words, numbers, and the punctuation that parts clauses."""
    text = sentence.lower().replace("\u2019", "'").replace("-", " ").replace("centre", "center")
    return re.findall(r"[a-z]+(?:'[a-z]+)?|\d+|[,;:]", text)


def read(sentence: str) -> list[Item]:
    """The items of one sentence, in order; words that say nothing about a scene are left out."""
    words, items, index = tokens(sentence), [], 0
    while index < len(words):
        for matcher in _MATCHERS:
            found = matcher(words, index)
            if found is not None:
                some, index = found
                items += some
                break
        else:
            index += 1
    return items


Found = tuple[list[Item], int] | None


def _word(words: list[str], index: int) -> str:
    return words[index] if 0 <= index < len(words) else ""


def _polarity(words: list[str], index: int) -> Found:
    word = words[index]
    if word in ("yes", "yeah", "yep", "correct"):
        return [Item("polarity", "yes")], index + 1
    if word in ("nope", "incorrect"):
        return [Item("polarity", "no")], index + 1
    if word == "no" and _word(words, index + 1) in AFTER_NO:
        return [Item("polarity", "no")], index + 1
    return None


def _relation(words: list[str], index: int) -> Found:
    start, word = index, words[index]
    if word in SIZES_COMPARED and _word(words, index + 1) == "than":
        return [Item("relation", SIZES_COMPARED[word])], index + 2
    if word in ("higher", "lower") and _word(words, index + 1) == "than":
        return [Item("relation", "above" if word == "higher" else "below")], index + 2
    if words[index : index + 3] == ["on", "top", "of"]:
        return [Item("relation", "above")], index + 3
    if word in ("above", "over"):
        return [Item("relation", "above")], index + 1
    if word in ("below", "under", "underneath", "beneath"):
        return [Item("relation", "below")], index + 1
    if word in ("to", "on", "at", "in", "toward", "towards"):
        index += 1
    article = _word(words, index) in ("the", "its")
    index += article
    side = _word(words, index)
    if side not in ("left", "right") or _word(words, index + 1) in ("center", "middle", "column", *ROWS):
        return None
    if NEAREST & set(words[max(0, index - 3) : index]):
        return [], index + 1
    index += 1
    while _word(words, index) in PLACE_TAILS:
        index += 1
    if _word(words, index) != "of":
        spoken = article and index - start >= 2
        return ([Item("side", side)], index) if spoken or _word(words, index - 1) == "side" else None
    index += 1
    if _word(words, index + (_word(words, index) in ("the", "this"))) in PICTURES:
        return [Item("position", frozenset(range(("left", "right").index(side) * 2, 9, 3)))], index
    return [Item("relation", f"{side} of")], index


def _place(words: list[str], index: int) -> Found:
    first, second = words[index], _word(words, index + 1)
    if first not in ROWS and first not in COLUMNS:
        return None
    if NEAREST & set(words[max(0, index - 3) : index]):
        return [], index + 1
    if first in ("left", "right"):
        if second in ("center", "middle"):
            cells, index = {3 + COLUMNS[first]}, index + 2
        elif second in ("top", "bottom"):
            cells, index = {ROWS[second] * 3 + COLUMNS[first]}, index + 2
        elif second in ("column", "half"):
            cells, index = set(range(COLUMNS[first], 9, 3)), index + 2
        else:
            return None
    elif second in COLUMNS:
        cells, index = {ROWS[first] * 3 + COLUMNS[second]}, index + 2
    elif second == "row" or first in ("top", "bottom", "upper", "lower"):
        cells, index = set(range(ROWS[first] * 3, ROWS[first] * 3 + 3)), index + 1 + (second == "row")
    elif second == "column":
        cells, index = {1, 4, 7}, index + 2
    else:
        cells, index = {4}, index + 1
    while _word(words, index) in PLACE_TAILS:
        index += 1
    return [Item("position", frozenset(cells))], index


def _same(words: list[str], index: int) -> Found:
    kind = _word(words, index + 1)
    if words[index] == "same":
        return ([Item("same", kind)], index + 2) if kind in ("color", "shape", "size") else ([], index + 1)
    return None


def _more(words: list[str], index: int) -> Found:
    if words[index] not in ("more", "fewer", "less"):
        return None
    first = _mention(words, index + 1)
    if first is None or first[0][0].kind != "mention" or _word(words, first[1]) != "than":
        return [], index + 1
    second = _mention(words, first[1] + 1)
    if second is None or second[0][0].kind != "mention":
        return [], index + 1
    pair = (first[0][0].reference, second[0][0].reference)
    return [Item("more", pair if words[index] == "more" else pair[::-1])], second[1]


def _mention(words: list[str], index: int) -> Found:
    """A noun phrase; or, without a noun, the attributes or the number found on the way."""
    start = index
    determiners: list[str] = []
    number: int | None = None
    color: str | None = None
    size: str | None = None
    while index < len(words):
        word, after = words[index], _word(words, index + 1)
        adjective = color or size
        if word in SHAPE_WORDS:
            plural = word not in SHAPES
            return [_noun(Reference(color, SHAPE_WORDS[word], size), determiners, number, plural)], index + 1
        one = word in ("one", "ones") and (adjective or "the" in determiners) and after not in NAMING
        generic = word in GENERIC and word not in ("one", "ones", "shape", "figure")
        if (
            one
            or (generic and index > start)
            or (word in GENERIC and word not in ("one", "ones") and (adjective or number is not None))
        ):
            return [_noun(Reference(color, None, size), determiners, number, word.endswith("s"))], index + 1
        if generic:
            return [_noun(Reference(), determiners, number, word.endswith("s"))], index + 1
        if word in NUMBER_WORDS and number is None and not adjective and after != "of":
            number = NUMBER_WORDS[word]
        elif word.isdigit() and number is None and not adjective and after != "of":
            number = int(word)
        elif word in DETERMINERS and not adjective and not (word == "no" and after in AFTER_NO):
            determiners.append(word)
        elif word in COLOR_WORDS and color is None:
            color = COLOR_WORDS[word]
        elif word in SIZE_WORDS and size is None:
            size = SIZE_WORDS[word]
        elif not ((word in FILLERS and determiners) or (word == "," and adjective and after in ADJECTIVES)):
            break
        index += 1
    attributes = [Item("attribute", pair) for pair in (("color", color), ("size", size)) if pair[1]]
    if attributes:
        return attributes, index
    if number is not None and _word(words, index) in ("", ",", ";", "in", "of", "here", "altogether"):
        return [Item("number", number)], index
    return None


def _noun(reference: Reference, determiners: list[str], number: int | None, plural: bool) -> Item:
    strongest = next(
        (word for word in ("other", "only", "all", "both", "every", "each", "no", "another") if word in determiners), ""
    )
    determiner = strongest or (determiners[-1] if determiners else "")
    if determiner == "no":
        number = 0
    return Item("mention", None, reference, determiner, number, plural)


def _small_word(words: list[str], index: int) -> Found:
    word = words[index]
    if word == "it" and words[index + 1 : index + 3] in (["looks", "like"], ["seems", "that"], ["appears", "that"]):
        return [Item("boundary")], index + 3
    if word in ("it", "its"):
        begins = word == "it" and _word(words, index + 1) in COPULAS
        return [Item("boundary"), Item("pronoun")] if begins else [Item("pronoun")], index + 1
    if word == "it's":
        return [Item("boundary"), Item("pronoun"), Item("copula")], index + 1
    if words[index : index + 2] == ["shape", "of"]:
        return [Item("copula")], index + 2
    if word in NEGATIONS or word.endswith("n't"):
        return [Item("negation")], index + 1
    if (
        word == "would"
        and _word(words, index + 1) in ("be", "like")
        and _word(words, index + 2) in ("happy", "glad", "to")
    ):
        return [], index + 3
    if word in HYPOTHETICAL:
        return [Item("boundary"), Item("hypothesis")] if word == "if" else [Item("hypothesis")], index + 1
    if word in COPULAS:
        return [Item("copula")], index + 1
    if word in BOUNDARIES or (word in OPENINGS and index and _word(words, index - 1) not in BOUNDARIES):
        return [Item("boundary")], index + 1
    if words[index : index + 2] == ["number", "of"]:
        return [Item("number of")], index + 2
    if word in ("least", "most", "up") and _word(words, index + 1).isalnum() and _word(words, index - 1) == "at":
        return [], index + 2
    return None


_MATCHERS = (_polarity, _relation, _same, _more, _place, _mention, _small_word)
