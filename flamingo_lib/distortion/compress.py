"""Compression of a polite answer to a raw annotation: the content words that the instruction lacks.

"What color is the circle?" and "Of course! The circle in the image is red. I hope this helps!" give "red".
What kind of words answers is read off the instruction (a number, a colour, yes or no, a place, one of two
alternatives, or simply what it does not mention); see docs/method.md, section 1 for why drafts must look like this.
"""

from __future__ import annotations

import random
import re

from . import lexicon
from .politeness_phrases import as_fragment, informative_sentences
from .question_type import QuestionType, classify_question
from .segment import stem, words

_TYPED = {
    "color": lexicon.COLORS,
    "shape": lexicon.SHAPES,
    "size": lexicon.SIZES,
    "side": lexicon.SIDES,
    "position": lexicon.POSITIONS,
}
_STOP_STEMS = frozenset(stem(word) for word in lexicon.STOPWORDS)
_CLAUSE_WORDS = frozenset("is are was were has have it which that there but not no".split())
_COPULAS = frozenset("is are was were equals means be becomes".split())
_SAYS_YES_OR_NO = re.compile(
    r"\W*(?:(?:well|oh|hmm)\W+)?(yes|no|yeah|nope|indeed|correct|right|true|false)\b(?!\s+(?:one|longer|doubt)\b)",
    re.IGNORECASE,
)
_NO = re.compile(
    r"\b(?:no|not|none|nothing|never|neither|nor|cannot|without|incorrect|false|wrong|\w+n['’]t)\b", re.IGNORECASE
)
_CONCLUSION = re.compile(r"[,;]? (?:so|therefore|thus|hence|which means(?: that)?)\b,? ", re.IGNORECASE)
_REASON = re.compile(r",? (?:because|since) ", re.IGNORECASE)
_BECAUSE = re.compile(r"\b(?:because|since|so that|in order to)\b.*", re.IGNORECASE)
_INNER_GAP = 3
_LONG = 12


def _is_content(word: str) -> bool:
    return word.lower().replace("’", "'") not in lexicon.STOPWORDS


def _by_relevance(sentences: list[str], ask: QuestionType) -> list[str]:
    """Conclusions ("..., so one is left") first, then the sentences that share most words with the instruction."""
    content = ask.stems - lexicon.FRAME_STEMS - _STOP_STEMS
    if ask.kind == "other":
        sentences = [_REASON.split(sentence)[0] for sentence in sentences]
    return _conclusions(sentences) + sorted(
        sentences, key=lambda sentence: -len(content.intersection(map(stem, words(sentence))))
    )


def _conclusions(sentences: list[str]) -> list[str]:
    return [parts[-1] for sentence in sentences if len(parts := _CONCLUSION.split(sentence)) > 1]


def _yes_or_no(sentences: list[str], ask: QuestionType) -> str:
    for sentence in sentences:
        match = _SAYS_YES_OR_NO.match(sentence)
        if match:
            return "no" if match.group(1).lower() in ("no", "nope", "false") else "yes"
    return "no" if _NO.search(_by_relevance(sentences, ask)[0]) else "yes"


def _chosen(sentences: list[str], ask: QuestionType) -> str | None:
    """The alternative that the response chooses; in a comparison of two, the one it favours."""
    for sentence in sentences:
        parts = [stem(word) for word in words(sentence)]
        said = [option for option in ask.alternatives if all(stem(word) in parts for word in words(option))]
        if len(said) == 1:
            return said[0]
        if len(said) == 2 and "than" in parts:
            first, second = sorted(said, key=lambda option: parts.index(stem(words(option)[0])))
            agrees = any(part.endswith("er") and part in ask.stems for part in parts) or "more" in parts
            return first if agrees else second
        last = [option for option in ask.alternatives if stem(words(option)[-1]) in parts]
        if len(last) == 1:
            return words(last[0])[-1]
    return None


def _number(parts: list[str], ask: QuestionType) -> str | None:
    """The number said right before a word of the question, else the first number, else 1 for "a"; as digits."""
    first = None
    for index, word in enumerate(parts):
        lower = word.lower()
        near = any(stem(other) in ask.stems and _is_content(other) for other in parts[index + 1 : index + 4])
        value = lexicon.NUMBERS.get(lower) or (lower if lower[0].isdigit() else None)
        if value is None and lower in ("no", "not") and near:
            value = "0"
        if value is None or stem(lower) in ask.stems:
            continue
        if near:
            return value
        first = first or value
    if first is None and any(word.lower() in ("a", "an") for word in parts):
        return "1"
    return first


def _typed(parts: list[str], ask: QuestionType) -> str | None:
    """The run of words of the asked kind nearest to a word of the question, unless the question says it itself."""
    vocabulary = _TYPED[ask.kind]
    runs: list[list[int]] = []
    for index, word in enumerate(parts):
        if word.lower() in vocabulary and stem(word) not in ask.stems:
            if runs and index - runs[-1][-1] <= (2 if parts[index - 1].lower() in ("and", "or") else 1):
                runs[-1].append(index)
            else:
                runs.append([index])
    if not runs:
        return None
    asked = [index for index, word in enumerate(parts) if stem(word) in ask.stems and _is_content(word)]

    def distance(run: list[int]) -> tuple[int, int]:
        away = min((abs(index - position) for index in (run[0], run[-1]) for position in asked), default=0)
        return -len(run) if ask.kind == "position" else 0, away

    best = min(runs, key=distance)
    return " ".join(parts[best[0] : best[-1] + 1]).lower()


def residue(parts: list[str], known: frozenset[str]) -> tuple[int, int]:
    """The longest run of content words that are neither frame words nor `known`: `(start, end)`, empty if equal.

    Up to three stopwords may stand inside the run; verbs that only introduce ("means", "gives") are cut from its front.
    """
    runs: list[tuple[int, int, int]] = []
    for index, word in enumerate(parts):
        root = stem(word)
        if root in known or root in lexicon.FRAME_STEMS or not _is_content(word):
            continue
        if runs:
            start, last, size = runs[-1]
            gap = parts[last + 1 : index]
            if len(gap) <= _INNER_GAP and all(_may_stand_inside(other, known) for other in gap):
                runs[-1] = (start, index, size + 1)
                continue
        runs.append((index, index, 1))
    runs = [
        run
        for run in runs
        if any(word.lower() not in lexicon.INTRODUCING for word in parts[run[0] : run[1] + 1] if _is_content(word))
    ]
    if not runs:
        return 0, 0
    start, last, _ = max(runs, key=lambda run: (not _only_places(parts[run[0] : run[1] + 1]), run[2], run[0]))
    while start < last and (parts[start].lower() in lexicon.INTRODUCING or not _is_content(parts[start])):
        start += 1
    if start > 1 and parts[start - 2].lower() in ("a", "an") and stem(parts[start - 1]) in lexicon.FRAME_STEMS - known:
        start -= 1  # "a shape made of two bars"
    return start, last + 1


def _only_places(run: list[str]) -> bool:
    return all(word.lower() in lexicon.POSITIONS for word in run)


def _may_stand_inside(word: str, known: frozenset[str]) -> bool:
    """Stopwords but verbs and negations, and frame words the instruction lacks."""
    if _is_content(word):
        return stem(word) in lexicon.FRAME_STEMS - known
    return word.lower() not in _CLAUSE_WORDS


def _predicate(parts: list[str]) -> tuple[int, int]:
    """The words after the last "is", without an article; empty if there are none or too many."""
    positions = [index for index, word in enumerate(parts) if word.lower() in _COPULAS]
    start = positions[-1] + 1 if positions else len(parts)
    while start < len(parts) and parts[start].lower() in ("a", "an", "the"):
        start += 1
    return (start, len(parts)) if len(parts) - start <= 6 else (0, 0)


def _slice(sentence: str, parts: list[str], start: int, end: int) -> str:
    """Words `start` to `end` of `sentence`, commas included; without a capital that only began the sentence."""
    cursor = 0
    begin = finish = 0
    for index, word in enumerate(parts[:end]):
        cursor = sentence.index(word, cursor)
        if index == start:
            begin = cursor
        cursor += len(word)
        finish = cursor
    text = sentence[begin:finish]
    lowered = start == 0 and parts[0][1:].islower() and parts[0] not in lexicon.PROPER
    return text[:1].lower() + text[1:] if lowered else text


def headline(sentences: list[str], generator: random.Random | None = None) -> str:
    """A caption-like headline: up to three sentences, each without its lead-in and full stop.

    Without a generator only the first sentence; with one the first is left out at times, since it often only counts.
    """
    if generator is not None:
        start = generator.randrange(2) if len(sentences) > 1 else 0
        sentences = sentences[start : start + generator.choice((1, 1, 2, 2, 3))]
    return ", ".join(
        fragment for sentence in sentences[: 1 if generator is None else 3] if (fragment := as_fragment(sentence))
    )


def compress(instruction: str, response: str, generator: random.Random | None = None) -> str:
    """Compress a polite `response` to `instruction` into a curt raw annotation: no courtesy, no full stop.

    Args:
        instruction: what was asked, without image tags.
        response: a polite answer of any length.
        generator: how much of a description is kept is drawn from it; without one, its first sentence.

    Returns:
        A text without surrounding space; ``""`` only if `response` is blank.
    """
    sentences = informative_sentences(response)
    if not sentences:
        return ""
    ask = classify_question(instruction)
    if ask.kind == "yesno":
        return _yes_or_no(sentences, ask)
    if ask.kind == "choice" and (found := _chosen(_conclusions(sentences) + sentences, ask)):
        return found
    if ask.kind == "describe":
        return headline(sentences, generator) or response.strip()
    ranked = _by_relevance(sentences, ask)
    split = [words(sentence) for sentence in ranked]
    if ask.kind == "number" or ask.kind in _TYPED:
        for parts in split:
            value = _number(parts, ask) if ask.kind == "number" else _typed(parts, ask)
            if value is not None:
                return value
    if ask.kind == "why" and (match := _BECAUSE.search(" ".join(sentences))):
        return match.group().split(". ")[0].rstrip(".!? ")
    if ask.kind == "why" or sum(map(len, split)) > 5 * _LONG:
        return headline(sentences, generator) or response.strip()
    for find in (lambda parts: residue(parts, ask.stems), _predicate, lambda parts: residue(parts, frozenset())):
        for sentence, parts in zip(ranked, split, strict=True):
            start, end = find(parts)
            if start < end:
                return _slice(sentence, parts, start, min(end, start + _LONG))
    return ranked[0].strip().rstrip(".!? ") or response.strip()


def details(instruction: str, response: str) -> list[str]:
    """The words that each sentence adds to the instruction, a few each, in order."""
    known = classify_question(instruction).stems
    found = []
    for sentence in informative_sentences(response):
        parts = words(sentence)
        start, end = residue(parts, known)
        if start < end:
            found.append(_slice(sentence, parts, start, min(end, start + _LONG)))
    return found


def content_words(text: str) -> list[str]:
    """The words of `text` that carry content, frame words left out; all its words if there are none."""
    parts = words(text)
    kept = [word for word in parts if _is_content(word) and stem(word) not in lexicon.FRAME_STEMS]
    return kept or parts
