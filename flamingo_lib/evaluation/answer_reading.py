"""Answer parsing: what a free-text response answers to a question of yes or no, a number, a color, an object, ...

Made for sources whose questions are no Scenes questions. Nothing is looked at but the question and the response; a
response that gives no answer, several, or one about something else than was asked is read as None.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from ..scenes.claims import Claim, Reading, converse, read_claims
from ..scenes.graph import COLORS, SHAPES, Scene
from ..scenes.ground_truth import stated_answer
from ..scenes.lexicon import NUMBER_WORDS, PLURALS, RELATIONS, Reference
from ..scenes.questions import Question
from ..scenes.text_parser import read
from ..text import split_sentences

KINDS = ("yes/no", "number", "color", "relation", "object", "words")
"""Kinds of answers; ``words`` is any other text."""

RELATION_ANSWERS = tuple(name.removesuffix(" of") for name in RELATIONS)

_TRUTHS = {"yes": "yes", "true": "yes", "no": "no", "false": "no"}
_SHAPES = {*SHAPES, *PLURALS.values()}


def plain_answer(answer: str) -> str:
    """An annotated answer in the one spelling used to compare: True is yes, two is 2, lower case."""
    words = " ".join(answer.lower().split()).removesuffix(".")
    return _TRUTHS.get(words) or (str(NUMBER_WORDS[words]) if words in NUMBER_WORDS else words)


def answer_kind(answer: str) -> str:
    """Which of `KINDS` an annotated answer is."""
    words = plain_answer(answer)
    if words in ("yes", "no"):
        return "yes/no"
    if words.isdecimal():
        return "number"
    if words in COLORS:
        return "color"
    if words in RELATION_ANSWERS:
        return "relation"
    return "object" if words and words.split()[-1] in _SHAPES else "words"


_OFFERED = re.compile(r"\btrue or false\b|\byes or no\b")
_NOT_TRUE = re.compile(r"\b(?:not|\w+n't) (?:\w+ )?(?:true|correct|accurate)\b")
_NOT_FALSE = re.compile(r"\b(?:not|\w+n't) (?:\w+ )?(?:false|incorrect|wrong)\b")
_FALSE = re.compile(r"\b(?:false|incorrect|untrue|inaccurate|wrong)\b")
_TRUE = re.compile(r"\b(?:true|correct|accurate)\b")


def _verdicts(text: str) -> tuple[set[str], str]:
    """What true, false and their like say, and the text without them."""
    rest, found = _OFFERED.sub("", text.lower()), set()
    for pattern, verdict in ((_NOT_TRUE, "no"), (_NOT_FALSE, "yes"), (_FALSE, "no"), (_TRUE, "yes")):
        rest, times = pattern.subn("", rest)
        if times:
            found.add(verdict)
    return found, rest


def stated_truth(text: str, question: Question | None = None, statement: str = "") -> str | None:
    """``"yes"`` or ``"no"``: whether `text` affirms a yes-or-no question, or a statement that it was asked about.

    It says so in a word (yes, no, true, not correct), or by a sentence that states or denies what was asked. Both
    must agree, and a sentence about other objects than those asked about makes the response count as none.

    Args:
        text: the response.
        question: the question, if it is one of existence or relation in the Scenes world.
        statement: the statement, if it was one.
    """
    verdicts, rest = _verdicts(text)
    question = question or statement_question(statement)
    reading = read_claims(rest, question)
    said = verdicts | ({reading.polarity} if reading.polarity else set())
    if len(said) > 1:
        return None
    word = next(iter(said), "")
    if question is not None:
        bare = not reading.claims and word
        return word if bare else stated_answer(question, rest if reading.polarity or not word else f"{word}, {rest}")
    answers = {word} if word else set()
    told = _sides(rest)
    stated = read_claims(statement)
    if told and told != _sides(statement):
        return None
    if stated.claims and reading.claims:
        if not {claim.subject for claim in stated.claims} & {claim.subject for claim in reading.claims}:
            return None
        if told or not _sides(statement):
            answers |= _judgements(stated, reading)
    return answers.pop() if len(answers) == 1 else None


def statement_question(statement: str) -> Question | None:
    """The Scenes question that asks whether a statement of one relation holds; None for any other statement."""
    found = [claim for claim in read_claims(statement).claims if claim.kind == "relation"]
    if len(found) != 1 or found[0].other is None or found[0].negated or found[0].value not in RELATIONS:
        return None
    return Question("relation", statement, "", found[0].subject, found[0].other, str(found[0].value))


def _sides(text: str) -> set[str]:
    """Which of two images a text speaks of."""
    return {side for side in ("left", "right", "both") if re.search(rf"\b{side}(?: \w+)? images?\b", text.lower())}


def _judgements(statement: Reading, response: Reading) -> set[str]:
    """How a response's claims judge those of a statement about the same objects."""
    pairs = [
        (stated, told) for told in response.claims for stated in statement.claims if stated.subject == told.subject
    ]
    return {judged for stated, told in pairs if (judged := _judged(stated, told))}


def _judged(stated: Claim, told: Claim) -> str | None:
    """Whether `told` bears out `stated`, which is about the same objects; None if it says nothing of it."""
    if stated.kind == "exists" and told.kind == "exists":
        return "yes" if stated.negated == told.negated else "no"
    if stated.kind == "exists" and told.kind == "count":
        return "no" if (told.value == 0) != told.negated else "yes"
    if stated.kind == "count" and told.kind == "count" and not told.negated:
        return "yes" if stated.value == told.value else "no"
    return None


_UNIT = re.compile(r"how many ((?:\w+ )*?\w+) (?:does|do|are|is|can|has|have|lie|stand)\b")
_COUNTED = re.compile(r"\bnumber of [a-z ]*?\b(?:is|are) \w+")
_NOUNS = ("object", "shape", "item", "thing", "image", "picture")


def stated_number(text: str, instruction: str = "") -> str | None:
    """The number that `text` answers, in digits.

    Of several, those before the noun that was asked for count ("three corners"); without one, numbers that count
    something else, or that the answer is compared with ("comes after 3"), do not.
    """
    asked = _UNIT.search(instruction.lower())
    unit = asked[1].split()[-1].removesuffix("s") if asked else None
    if re.search(r"\b(?:after|before)\b", instruction.lower()):
        text = _COUNTED.sub("", text.lower())
    words = re.findall(r"[a-z]+|\d+", text.lower())
    near, others = set(), set()
    for index, word in enumerate(words):
        value = int(word) if word.isdecimal() else 0 if word == "no" else NUMBER_WORDS.get(word)
        following = words[index + 1 : index + 3]
        before = words[index - 1] if index else ""
        if value is None or (word == "one" and before in ("the", "this", "that", "which")):
            continue
        if unit and any(next_word.startswith(unit) for next_word in following):
            near.add(value)
        elif word != "no" and before not in ("after", "before", "than") and not _counts(following):
            others.add(value)
    found = near or others
    return str(found.pop()) if len(found) == 1 else None


def _counts(following: list[str]) -> bool:
    """Whether a number with these words behind it counts objects."""
    return any(word.startswith(_NOUNS) for word in following)


_RESULT = re.compile(
    r"\b(?:get|gets|give|gives|give you|gives you|make|makes|is|be|becomes|yields?|obtain)\s+(?:the color\s+)?"
    rf"({'|'.join(COLORS)})\b"
)


def stated_color(text: str) -> str | None:
    """The color that `text` answers; of several, the one that results ("red and yellow make orange")."""
    words = text.lower()
    found = set(re.findall(rf"\b({'|'.join(COLORS)})\b", words))
    if len(found) > 1:
        found = set(_RESULT.findall(words))
    return found.pop() if len(found) == 1 else None


def mentions(text: str) -> Iterator[Reference]:
    """The objects that a text names by their shape, in order; questions and denials in it are passed over."""
    for sentence in split_sentences(text):
        items = read(sentence)
        denied = any(item.kind == "negation" or item.value == "no" or item.determiner == "no" for item in items)
        if not denied and not sentence.rstrip().endswith("?"):
            yield from (item.reference for item in items if item.kind == "mention" and item.reference.shape)


def stated_object(text: str, instruction: str = "") -> Reference | None:
    """The one object that `text` names besides those that were asked about."""
    asked = list(mentions(instruction.replace("?", ".")))
    found = [one for one in mentions(text) if not any(one == other or _names(one, other) for other in asked)]
    if len({one.shape for one in found}) != 1 or not all(one.agrees(other) for one in found for other in found):
        return None
    merged = found[0]
    for one in found[1:]:
        merged = merged.merged(one)
    return merged


def _names(one: Reference, other: Reference) -> bool:
    """Whether `one`, a full name, speaks of `other`."""
    return bool(one.color) and one.agrees(other)


def stated_relation(text: str, instruction: str) -> str | None:
    """How `text` says that the first object of a question lies to the second: one of `RELATION_ANSWERS`."""
    bare = re.sub(r"[^a-z ]", "", text.lower()).split()
    curt = {word for word in bare if word in RELATION_ANSWERS}
    if len(bare) <= 4 and len(curt) == 1 and not set(bare) & _SHAPES:
        return curt.pop()
    asked = list(mentions(instruction.replace("?", ".")))
    if len(asked) != 2:
        return None
    question = Question("side", instruction, "", asked[0], asked[1])
    answers = set()
    for claim in read_claims(text, question).claims:
        if claim.kind != "relation" or claim.negated or claim.value not in RELATIONS:
            continue
        for told in (claim, converse(claim)):
            if told.subject.agrees(asked[0]) and told.other and told.other.agrees(asked[1]):
                answers.add(str(told.value).removesuffix(" of"))
    return answers.pop() if len(answers) == 1 else None


def says(text: str, answer: str, instruction: str = "") -> bool:
    """Whether `text` holds `answer` word for word, and not the other of two that were offered ("even or odd?")."""
    words = f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "
    wanted = " ".join(re.findall(r"[a-z0-9]+", answer.lower()))
    offered = re.search(r"\b(\w+) or (\w+)\?", instruction.lower())
    others = [word for word in (offered.groups() if offered and wanted in offered.groups() else ()) if word != wanted]
    return bool(wanted) and f" {wanted} " in words and not any(f" {word} " in words for word in others)


def answers_question(
    text: str,
    answer: str,
    *,
    instruction: str = "",
    question: Question | None = None,
    statement: str = "",
    scene: Scene | None = None,
) -> bool:
    """Whether a response gives the annotated `answer`, curt or in a sentence.

    Args:
        text: the response.
        answer: as annotated, in any spelling that `plain_answer` knows.
        instruction: what was asked.
        question: the same as a Scenes question, if it is one.
        statement: the statement that was asked about, if it was one.
        scene: behind the image, if it is known: an object that the response names must be there as it is named.
    """
    wanted, kind = plain_answer(answer), answer_kind(answer)
    if kind == "yes/no":
        return stated_truth(text, question, statement) == wanted
    if question is not None:
        return stated_answer(replace(question, answer=wanted), text) == wanted
    if kind == "number":
        return stated_number(text, instruction) == wanted
    if kind == "color":
        return stated_color(text) == wanted
    if kind == "relation":
        return stated_relation(text, instruction) == wanted
    if kind == "object":
        found = stated_object(text, instruction)
        *color, shape = wanted.split()
        if found is None or found.shape != shape or (scene is not None and not found.among(scene)):
            return False
        return found.agrees(Reference(" ".join(color) or None, shape))
    return says(text, answer, instruction)
