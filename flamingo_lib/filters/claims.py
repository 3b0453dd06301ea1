"""The claims filter: a natural language inference (NLI) judge checks each sentence of a rewrite against the draft.

STS and CLIPScore score a text as a whole and cannot see one false word in it. Here each sentence is held against each
statement of the draft that shares words with it: captions, boxes put into words, a referring expression, a curt change.
The best support counts, as in SummaC (Laban et al. 2022, zero-shot). It is not among the paper's filters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ..config import FiltersConfig
from ..errors import ConfigError
from ..judges.nli import CONTRADICTION, ENTAILMENT
from ..records import CAPTION_TASKS, Box, Rewrite, Sample
from ..sources.boxes import BOX_PREAMBLE, box_statements, boxes_in
from ..text import split_sentences
from .rules import shorten
from .sts import NOTHING
from .verdict import Outcome, dropped, failed, number, passed

StatementLogits = Callable[[Sequence[str], Sequence[str]], np.ndarray]
"""Premises and hypotheses to logits (n, 3), such as `NliJudge.statements`."""

PREMISES = 8
"""Statements of the draft, those with most words in common, that a sentence is held against."""

COMPLETE = frozenset({"caption", "detection"})
"""Tasks whose boxes are all objects of the image; elsewhere they mark some."""

_EMPTY = frozenset(
    "a an the this that these those there here it its is are was were be been has have had i you we can see also in on "
    "at of to from by with and or but as so than image picture photo scene shows show shown contains located found "
    "visible total".split()
)
_COURTESY = re.compile(
    r"(?:sure|of course|certainly|absolutely|hello|hi|thanks?|i hope|i would be|i'd be|i am (?:happy|glad|here|always)|"
    r"i'm (?:happy|glad|here)|let me|please (?:let|feel|ask|tell)|feel free|just ask|happy to|with pleasure|"
    r"(?:that is a )?(?:good|great) question|have a (?:great|nice|good)|you are welcome|if you (?:have|need|want))\b",
    re.IGNORECASE,
)
_COURTESY_WORDS = 14


@dataclass(frozen=True, slots=True)
class SentenceCheck:
    """How the draft stands to one sentence: the best probabilities of entailment and of contradiction, 0 to 1."""

    sentence: str
    support: float
    contradiction: float


class ClaimsFilter:
    """Drops descriptions with a sentence that the draft contradicts, too many it doesn't state, or one said twice.

    A sentence is contradicted if a statement of the draft contradicts it with more than `contradiction`, whatever
    another says (captions may leave out the size that the box gives); otherwise supported if one entails it with at
    least `support`; otherwise unstated. A description of a change must also entail a
    line of the draft: describing one of the pictures is no answer. The verdict's score is the weakest sentence's
    support; all are kept as ``claims`` (support, contradiction, sentence). Questions and courtesies claim nothing.

    Args:
        judge: logits of plain pairs of texts.
        support, contradiction: probabilities, 0 to 1.
        unstated: the share of sentences that may be unstated.
        by_task: such shares of tasks that have their own.
        similarity: share of common words, 0 to 1, from which two sentences say the same.
    """

    name, tasks = "claims", CAPTION_TASKS

    def __init__(
        self,
        judge: StatementLogits,
        *,
        support: float = 0.5,
        contradiction: float = 0.98,
        unstated: float = 0.25,
        by_task: Mapping[str, float] = NOTHING,
        similarity: float = 0.8,
    ) -> None:
        self.judge, self.support, self.contradiction = judge, support, contradiction
        self.unstated, self.by_task, self.similarity = unstated, by_task, similarity

    @classmethod
    def of(cls, judge: Any, config: FiltersConfig) -> ClaimsFilter:
        """The filter with the thresholds of `config`; `ConfigError` if the NLI judge reads no plain statements."""
        if not callable(getattr(judge, "statements", None)):
            raise ConfigError(
                "the filter 'claims' needs an NLI judge with a method `statements(premises, hypotheses)`",
                remedy="Load it with NliJudge, give your judge that method, or take claims out of filters.chain.",
            )
        return cls(
            judge.statements,
            support=config.claims_support_min,
            contradiction=config.claims_contradiction_max,
            unstated=config.claims_unstated_max,
            by_task=config.claims_unstated_max_by_task,
            similarity=config.claims_similarity_max,
        )

    def __call__(self, rewrites: Sequence[Rewrite]) -> list[Outcome]:
        """Judge the batch; all pairs of all records go to the judge together."""
        asked = [_Questions.of(rewrite) for rewrite in rewrites]
        pairs = list(dict.fromkeys(pair for one in asked for pair in one.pairs))
        logits = self.judge([first for first, _ in pairs], [second for _, second in pairs]) if pairs else []
        found = dict(zip(pairs, _probabilities(logits), strict=True))
        return [self._outcome(rewrite, one, found) for rewrite, one in zip(rewrites, asked, strict=True)]

    def _outcome(self, rewrite: Rewrite, asked: _Questions, found: Mapping[tuple[str, str], np.ndarray]) -> Outcome:
        if not all(np.isfinite(found[pair]).all() for pair in asked.pairs):
            return failed(self.name, "its logits are not finite")
        checks = [
            SentenceCheck(
                sentence,
                max((number(found[premise, sentence][ENTAILMENT]) for premise in premises), default=0.0),
                max((number(found[premise, sentence][CONTRADICTION]) for premise in premises), default=0.0),
            )
            for sentence, premises in asked.premises.items()
        ]
        scores = {"claims": [[check.support, check.contradiction, check.sentence] for check in checks]}
        told = {sentence for sentence, line in asked.restated if found[sentence, line][ENTAILMENT] >= self.support}
        weakest = min((check.support for check in checks), default=0.0)
        reason = self._reason(rewrite, checks, told)
        if reason:
            return Outcome(dropped(self.name, reason, weakest, self.support), scores)
        return Outcome(passed(self.name, weakest, self.support), scores)

    def _reason(self, rewrite: Rewrite, checks: Sequence[SentenceCheck], told: set[str]) -> str:
        """Why the rewrite is dropped; "" if it is kept."""
        task = rewrite.sample.task
        if not checks:
            return "it claims nothing"
        if twice := repeated(rewrite.final, sample_boxes(rewrite.sample), self.similarity):
            return f"it says twice: {shorten(twice)!r}"
        rest = [check for check in checks if check.sentence not in told]
        open_checks = [check for check in rest if check.support < self.support]
        for check in rest:
            if check.contradiction > self.contradiction:
                return f"the draft speaks against {shorten(check.sentence)!r}"
        if task == "change" and not told:
            return "it does not tell the change that the draft tells"
        bound = self.by_task.get(task, self.unstated)
        if len(open_checks) > bound * len(checks):
            return (
                f"{len(open_checks)} of {len(checks)} sentences are not in the draft, such as "
                f"{shorten(open_checks[0].sentence)!r}"
            )
        return ""


@dataclass(frozen=True, slots=True)
class _Questions:
    """What is asked of the judge about one rewrite.

    Attributes:
        premises: sentence -> the draft's statements that it is held against.
        restated: of changes, (sentence, line of the draft): does the sentence say what the line says?
    """

    premises: Mapping[str, tuple[str, ...]]
    restated: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, rewrite: Rewrite) -> _Questions:
        statements = draft_statements(rewrite.sample)
        words = [content_words(statement) for statement in statements]
        premises: dict[str, tuple[str, ...]] = {}
        for sentence in split_sentences(rewrite.final):
            own = content_words(sentence)
            shared = [len(own & other) for other in words]
            if is_courtesy(sentence) and not any(shared):
                continue
            order = sorted((index for index, count in enumerate(shared) if count), key=lambda index: -shared[index])
            premises[sentence] = tuple(statements[index] for index in order[:PREMISES])
        lines = draft_lines(rewrite.sample) if rewrite.sample.task == "change" else []
        restated = tuple(
            (sentence, line) for sentence in premises for line in lines if content_words(sentence) & content_words(line)
        )
        return cls(premises, restated)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Premise and hypothesis of everything that is asked."""
        forward = [(premise, sentence) for sentence, some in self.premises.items() for premise in some]
        return [*forward, *self.restated]


def draft_lines(sample: Sample) -> list[str]:
    """The sentences and lines of the raw annotation without its boxes."""
    return list(dict.fromkeys(split_sentences(sample.raw.partition(BOX_PREAMBLE)[0])))


def sample_boxes(sample: Sample) -> list[Box]:
    """The sample's boxes, or else those that stand in its draft."""
    return list(sample.boxes) or boxes_in(sample.raw.partition(BOX_PREAMBLE)[2])


def draft_statements(sample: Sample) -> list[str]:
    """Everything the draft states, one statement an entry: its lines, and what its boxes say in words."""
    boxes = box_statements(sample_boxes(sample), complete=sample.task in COMPLETE)
    return list(dict.fromkeys([*draft_lines(sample), *boxes]))


def content_words(text: str) -> frozenset[str]:
    """The words of `text` that say something of an image: lower case, plural endings and empty words taken away."""
    words = re.findall(r"[^\W_]+", text.lower())
    return frozenset(
        word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
        for word in words
        if word not in _EMPTY
    )


def is_courtesy(sentence: str) -> bool:
    """Whether a sentence is a question or a polite phrase and so claims nothing of an image."""
    if sentence.rstrip().endswith("?"):
        return True
    polite = _COURTESY.match(sentence) is not None and len(sentence.split()) <= _COURTESY_WORDS
    return (polite and not re.search(r"\bthere (?:is|are)\b", sentence.lower())) or not content_words(sentence)


def repeated(text: str, boxes: Sequence[Box], similarity: float = 0.8) -> str:
    """What `text` says twice: a sentence in (nearly) the same words, or an object more often than it has boxes.

    Returns:
        The second sentence, or the object's name; "" if there is none.
    """
    sentences = [(sentence, content_words(sentence)) for sentence in split_sentences(text) if not is_courtesy(sentence)]
    for (_, first), (sentence, second) in combinations(sentences, 2):
        if len(first & second) > 1 and len(first & second) >= similarity * len(first | second):
            return sentence
    for name in dict.fromkeys(box.name for box in boxes):
        brought_in = re.findall(rf"\b(?:an?|another)\s+(?:\w+\s+){{0,2}}{re.escape(name)}\b", text, re.IGNORECASE)
        if len(brought_in) > sum(box.name == name for box in boxes):
            return name
    return ""


def _probabilities(logits: Any) -> np.ndarray:
    """Softmax over the last axis; shape (n, 3)."""
    values = np.asarray(logits, dtype=np.float64).reshape(-1, 3)
    shifted = np.exp(values - values.max(axis=1, keepdims=True)) if len(values) else values
    return shifted / shifted.sum(axis=1, keepdims=True) if len(values) else shifted
