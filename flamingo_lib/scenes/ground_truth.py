"""Ground truth for text about a scene: claims that hold, the answer it gives, whether it keeps a raw answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from .claims import Claim, Reading, converse, read_claims
from .graph import COLORS, POSITIONS, SHAPES, SIZES, Scene, SceneObject
from .index import TruthIndex
from .lexicon import NUMBER_WORDS, OPPOSITE, Reference, holds
from .questions import Question, answer_question

__all__ = (
    "Claim",
    "TruthIndex",
    "TruthReport",
    "answer_correct",
    "answer_kept",
    "check",
    "claim_holds",
    "claims",
    "hallucinated",
    "is_polite_sentence",
    "paragraph_recall",
    "stated_answer",
)


@dataclass(frozen=True, slots=True)
class TruthReport:
    """Result of `check`.

    Attributes:
        claims: everything the text claims.
        false_claims: those the scene does not bear out.
        objects_named: the objects named by color and shape without negation, in the scene's order.
        repeated: names of objects brought in more than once.
    """

    claims: tuple[Claim, ...]
    false_claims: tuple[Claim, ...]
    objects_named: tuple[SceneObject, ...]
    repeated: tuple[str, ...] = field(default=())

    @property
    def n_claims(self) -> int:
        """Number of claims in the text."""
        return len(self.claims)

    @property
    def ok(self) -> bool:
        """True if no claim is false."""
        return not self.false_claims

    @property
    def precision(self) -> float:
        """Share of claims that are true; 1 if there are none."""
        return 1 - len(self.false_claims) / len(self.claims) if self.claims else 1.0


def claims(text: str, question: Question | None = None) -> list[Claim]:
    """What `text` claims of a scene; `question`, if it answers one, tells what "it" means."""
    return list(read_claims(text, question).claims)


def claim_holds(scene: Scene, claim: Claim) -> bool:
    """Whether `scene` bears out `claim`."""
    found = claim.subject.among(scene)
    if claim.kind == "repeated":
        return False
    if claim.kind == "count":
        return (len(found) == claim.value) != claim.negated
    if claim.kind == "more":
        return (len(found) > len(claim.other.among(scene) if claim.other else ())) != claim.negated
    if claim.kind == "exists":
        return bool(found) != claim.negated
    if claim.kind == "same":
        return (len({getattr(item, str(claim.value)) for item in found}) <= 1) != claim.negated
    if claim.kind == "relation":
        others = claim.other.among(scene) if claim.other else ()
        if not found or not others:
            return False
        return (
            any(_stands(claim.value, one, other) for one in found for other in others if one is not other)
            != claim.negated
        )
    if claim.kind == "position":
        true = [item.cell in claim.value for item in found]
    else:
        name, value = claim.value
        true = [getattr(item, name) == value for item in found]
    if claim.negated:
        return not any(true)
    return bool(true) and (all(true) if claim.every else any(true))


def _stands(relation: object, one: SceneObject, other: SceneObject) -> bool:
    if relation in ("larger", "smaller"):
        return SIZES.index(one.size) - SIZES.index(other.size) == (1 if relation == "larger" else -1)
    return holds(str(relation), one, other)


def check(scene: Scene, text: str, question: Question | None = None, repeats: bool = True) -> TruthReport:
    """Compare every claim of `text` with `scene`.

    Args:
        question: the question the text answers, if any.
        repeats: whether naming an object twice as if there were two is false; switch it off for lists of captions.
    """
    found = read_claims(text, question).claims
    if not repeats:
        found = tuple(claim for claim in found if claim.kind != "repeated")
    false = tuple(claim for claim in found if not claim_holds(scene, claim))
    named = {
        ref
        for claim in found
        if not claim.negated
        for ref in (claim.subject, claim.other)
        if ref and ref.color and ref.shape
    }
    objects = tuple(
        item for item in scene.objects if any(ref.color == item.color and ref.shape == item.shape for ref in named)
    )
    return TruthReport(
        found, false, objects, tuple(claim.subject.text() for claim in found if claim.kind == "repeated")
    )


def hallucinated(scene: Scene, text: str, question: Question | None = None) -> bool:
    """Whether `text` makes a false claim."""
    return not check(scene, text, question).ok


def paragraph_recall(scene: Scene, text: str) -> float:
    """Share of the scene's objects that `text` names by color and shape, 0 to 1."""
    return len(check(scene, text).objects_named) / len(scene.objects)


def is_polite_sentence(text: str) -> bool:
    """Whether `text` looks like full sentences: at least four words, a capital first, a sentence end last."""
    stripped = text.strip()
    return len(re.findall(r"\w+", stripped)) >= 4 and stripped[0].isupper() and stripped.endswith((".", "!", "?"))


_CURT = {
    "color": {color: color for color in COLORS},
    "shape": {shape: shape for shape in SHAPES},
    "size": {size: size for size in SIZES},
    "position": {position: position for position in POSITIONS},
    "side": {"left": "left", "right": "right", "left side": "left", "right side": "right"},
    "existence": {"yes": "yes", "no": "no"},
    "relation": {"yes": "yes", "no": "no"},
    "count": {word: str(number) for word, number in NUMBER_WORDS.items()}
    | {str(number): str(number) for number in range(21)},
}
_ANSWERED = re.compile(r"\s*answer: *([^.\n]+)", re.IGNORECASE)
_LEADING = re.compile(r"^(?:(?:it is|it's|the answer is|answer|to|at|in|on|the|a|an)\b[ :]*)+")


def _curt(kind: str, text: str) -> str | None:
    """The answer if `text` is nothing but a curt answer of this type."""
    words = re.sub(r"[^a-z0-9 ]", "", text.lower()).strip()
    return _CURT[kind].get(words) or _CURT[kind].get(_LEADING.sub("", words))


def stated_answer(question: Question, text: str, check_subject: bool = True) -> str | None:
    """The curt answer that `text` gives to `question`, read without looking at any scene.

    None if it gives none, gives several, or (with `check_subject`) gives it of another subject than the one asked
    about.
    """
    curt = _curt(question.type, text)
    if curt is not None:
        return curt
    reading = read_claims(text, question)
    answers = set(_stated(question, reading, check_subject))
    return answers.pop() if len(answers) == 1 else None


def _stated(question: Question, reading: Reading, check_subject: bool) -> list[str]:
    """Every answer the text's claims give to `question`."""
    target, kind = question.target, question.type
    about = [claim for claim in reading.claims if not check_subject or claim.subject.agrees(target)]
    if kind in ("color", "shape", "size"):
        return _attribute_answers(question, about, check_subject)
    if kind == "position":
        cells = [
            c.value
            for c in about
            if c.kind == "position" and not c.negated and (not check_subject or _covers(c.subject, target))
        ]
        return [POSITIONS[min(some)] if len(some) == 1 else "unclear" for some in cells]
    if kind == "count":
        counts = [c for c in about if c.kind == "count" and not c.negated]
        exact = [c for c in counts if c.subject == target]
        return [str(c.value) for c in (exact if check_subject or exact else counts[:1])]
    if kind == "existence":
        return _existence_answers(target, reading, check_subject)
    answers = _relation_answers(question, reading, check_subject)
    if kind == "relation" and reading.polarity:
        others = [
            c
            for c in reading.claims
            if c.kind in ("relation", "position") or c.subject not in (target, question.anchor)
        ]
        if not answers and check_subject and others:
            return []
        return [*answers, reading.polarity]
    return answers


def _covers(reference: Reference, target: Reference) -> bool:
    """Whether `reference` names all that `target` names, alike."""
    return reference.agrees(target) and all(
        getattr(reference, name) is not None for name in ("color", "shape") if getattr(target, name) is not None
    )


def _attribute_answers(question: Question, about: list[Claim], check_subject: bool) -> list[str]:
    target, name = question.target, question.type
    answers = []
    for claim in about:
        if check_subject and not _covers(claim.subject, target):
            continue
        if claim.kind == "attribute" and claim.value[0] == name and not claim.negated:
            answers.append(claim.value[1])
        stated = getattr(claim.subject, name)
        if stated is not None and claim.kind in ("exists", "position") and not claim.negated:
            answers.append(stated)
    return answers


def _existence_answers(target: Reference, reading: Reading, check_subject: bool) -> list[str]:
    answers = []
    for claim in reading.claims:
        if claim.subject == target or (claim.subject.agrees(target) and claim.subject.color and claim.subject.shape):
            if claim.kind == "exists":
                answers.append("no" if claim.negated else "yes")
            elif claim.kind == "count":
                answers.append("no" if (claim.value == 0) != claim.negated else "yes")
    if reading.polarity and (answers or not check_subject or not reading.claims):
        answers.append(reading.polarity)
    return answers


def _relation_answers(question: Question, reading: Reading, check_subject: bool) -> list[str]:
    """Of relation questions "yes" or "no", of side questions "left" or "right"."""
    answers = []
    for claim in reading.claims:
        if claim.kind != "relation" or claim.other is None or question.anchor is None:
            continue
        told = claim
        if check_subject and not (_covers(claim.subject, question.target) and _covers(claim.other, question.anchor)):
            told = converse(claim)
            if not (_covers(told.subject, question.target) and _covers(told.other or Reference(), question.anchor)):
                continue
        if question.type == "side":
            if told.value in ("left of", "right of") and not told.negated:
                answers.append(str(told.value).split()[0])
        elif told.value == question.relation:
            answers.append("no" if told.negated else "yes")
        elif told.value == OPPOSITE.get(question.relation or "") and not told.negated:
            answers.append("no")
    return answers


def answer_kept(question: Question, raw_answer: str, text: str, check_subject: bool = True) -> bool:
    """Whether `text` answers `question` as `raw_answer` does, about the same subject; no scene is looked at.

    Of a raw answer with its reason ("Answer: left. The star is at the top left.") the answer itself counts. With
    `check_subject` a sentence about another object ("the yellow triangle is at the top left", asked of a blue circle)
    does not count.
    """
    first = _ANSWERED.match(raw_answer)
    raw = _curt(question.type, first[1] if first else raw_answer) or stated_answer(question, raw_answer)
    return raw is not None and stated_answer(question, text, check_subject) == raw


def answer_correct(question: Question, text: str, scene: Scene) -> bool:
    """Whether `text`, curt or polite, gives the true answer of `scene` to `question`."""
    answer = stated_answer(question, text)
    return answer is not None and answer == answer_question(scene, question)
