"""Alarms about a whole set of rewrites: faults that no single record shows, each a share with a bound.

A filter sees one record; a rewriter that begins every answer with the same words, says the same of every image, or
changes what annotators said fails as a whole. M3IT's rewrites of A-OKVQA share one sentence pattern in 96 % of records
(docs/method.md, section 5).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from ..distortion.question_type import classify_question
from ..html import Markup, badge, bullets, join, message, table
from ..judges.degenerate_text import leaks
from ..records import Rewrite
from ..text import is_blank, split_sentences

EXAMPLES = 3
MAX_KEYS = 1 << 18
"""Distinct patterns and texts that are counted; the rarer half is forgotten when there are more."""

_REFUSAL = re.compile(
    r"\b(?:i(?:'m| am) (?:sorry|unable|not able)|"
    r"i (?:can(?:no|')t|could not) (?:help|assist|answer|see the image|view)|as an ai|language model)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[a-z']+|\d+")
_FUNCTION_WORDS = frozenset(
    "a an the this that these those is are was were be been it its i you we they he she there here of in on at to from "
    "with by for as and or but so not no yes can could would do does did have has had what which who where how many "
    "much image picture photo scene see shows show shown".split()
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """One alarm.

    Attributes:
        name: what is counted.
        share: of the records that could show it, 0 to 1; NaN if there is none, so that nothing was measured.
        bound: the largest share that is no alarm.
        records: that could show it.
        examples: ids of records that do.
        note: what the worst case is, in words.
    """

    name: str
    share: float
    bound: float
    records: int
    examples: tuple[str, ...] = ()
    note: str = ""

    @property
    def rings(self) -> bool:
        """Whether the share is above its bound."""
        return self.share > self.bound


BOUNDS: dict[str, float] = {
    "one sentence pattern": 0.30,
    "outputs that say the same": 0.20,
    "leaked prompt": 0.001,
    "refusals": 0.01,
    "changed answers": 0.05,
    "unchanged outputs": 0.20,
    "outputs over three times the draft's length, of long drafts": 0.10,
    "image plays no part": 0.60,
}
"""Alarms with the largest share that is none."""


def pattern(text: str) -> str:
    """A text's first sentence with its content words and numbers left out: `the * is *` for "The cube is red."."""
    sentence = next(iter(split_sentences(text)), "")
    words = [word if word in _FUNCTION_WORDS else "*" for word in _WORD.findall(sentence.lower())]
    return " ".join(word for index, word in enumerate(words) if word != "*" or words[index - 1 : index] != ["*"])


class CorpusAlarms:
    """Counts over a stream of rewrites, in bounded memory."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.hits: Counter[str] = Counter()
        self.examples: dict[str, list[str]] = {name: [] for name in BOUNDS}
        self.patterns: Counter[str] = Counter()
        self.outputs: Counter[bytes] = Counter()
        self.answers: dict[bytes, tuple[bytes, bytes]] = {}
        self.first: dict[Any, str] = {}

    def add(self, rewrite: Rewrite) -> None:
        """Count one record, as it came out of the filters; one without a text says nothing."""
        sample, text = rewrite.sample, rewrite.final
        if is_blank(text):
            return
        shape, key = pattern(text), _key(text)
        self._count("one sentence pattern", False, sample.id)
        self.patterns[shape] += 1
        self.first.setdefault(shape, sample.id)
        self._count("outputs that say the same", False, sample.id)
        self.outputs[key] += 1
        self.first.setdefault(key, sample.id)
        self._count("leaked prompt", bool(leaks(text)), sample.id)
        self._count("refusals", bool(_REFUSAL.search(text)), sample.id)
        self._count("unchanged outputs", text.split() == sample.raw.split(), sample.id)
        if len(sample.raw.split()) > 12:
            long = len(text.split()) > 3 * len(sample.raw.split())
            self._count("outputs over three times the draft's length, of long drafts", long, sample.id)
        if sample.task in ("vqa", "vqa_rationale"):
            self._count("changed answers", changed_answer(sample.instruction, sample.raw, text), sample.id)
        if sample.images:
            self._count_image(rewrite, key)
        for counter in (self.patterns, self.outputs):
            if len(counter) > MAX_KEYS:
                self._forget_rare(counter)

    def _forget_rare(self, counter: Counter[Any]) -> None:
        kept = dict(counter.most_common(MAX_KEYS // 2))
        for name in counter.keys() - kept.keys():
            del counter[name]
            self.first.pop(name, None)

    def _count_image(self, rewrite: Rewrite, output: bytes) -> None:
        """Two records that differ in their image alone tell whether the output depends on it."""
        sample = rewrite.sample
        asked, image = _key(f"{sample.instruction}\0{sample.raw}"), _key("\0".join(sample.images))
        known = self.answers.get(asked)
        if known is None:
            if len(self.answers) < MAX_KEYS:
                self.answers[asked] = (image, output)
        elif known[0] != image:
            self._count("image plays no part", known[1] == output, sample.id)

    def _count(self, name: str, hit: bool, record: str) -> None:
        self.seen[name] += 1
        self.hits[name] += hit
        if hit and len(self.examples[name]) < EXAMPLES:
            self.examples[name].append(record)

    def update(self, rewrites: Iterable[Rewrite]) -> CorpusAlarms:
        """Count all of `rewrites`; returns itself."""
        for rewrite in rewrites:
            self.add(rewrite)
        return self

    def alarms(self) -> list[Alarm]:
        """All alarms, those that ring first."""
        found = []
        for name, bound in BOUNDS.items():
            records, note, examples = self.seen[name], "", list(self.examples[name])
            hits = self.hits[name]
            if name == "one sentence pattern" and records:
                shape, hits = self.patterns.most_common(1)[0]
                note, examples = f"“{shape}”", [self.first[shape]]
            elif name == "outputs that say the same" and records:
                hits = sum(count for count in self.outputs.values() if count > 1)
                key, most = self.outputs.most_common(1)[0]
                if most > 1:
                    note, examples = f"the commonest stands in {most:,} records", [self.first[key]]
            share = hits / records if records else float("nan")
            found.append(Alarm(name, share, bound, records, tuple(examples), note))
        return sorted(found, key=lambda alarm: not alarm.rings)


def changed_answer(instruction: str, raw: str, text: str) -> bool:
    """Whether a number, a color-like word, yes or no of a curt raw answer is missing in the rewrite.

    Only answers of at most three words are compared; what can't be compared counts as unchanged.
    """
    words = _WORD.findall(raw.lower())
    if not words or len(words) > 3:
        return False
    told = set(_WORD.findall(text.lower()))
    if words[0] in ("yes", "no") and classify_question(instruction).kind == "yesno":
        denies = bool(told & {"no", "not", "isn't", "aren't", "doesn't", "cannot", "none"})
        return denies != (words[0] == "no")
    content = [word for word in words if word not in _FUNCTION_WORDS]
    numbers = dict(zip("0123456789", "zero one two three four five six seven eight nine".split(), strict=True))
    return bool(content) and not any(word in told or numbers.get(word, word) in told for word in content)


def _key(text: str) -> bytes:
    return blake2b(" ".join(_WORD.findall(text.lower())).encode(), digest_size=8).digest()


def alarm_lines(alarms: Iterable[Alarm]) -> list[str]:
    """A line for each alarm that rings, for a terminal or a card."""
    return [
        f"{alarm.name}: {alarm.share:.1%} of {alarm.records:,}, at most {alarm.bound:.1%}"
        + (f"; {alarm.note}" if alarm.note else "")
        for alarm in alarms
        if alarm.rings
    ]


def alarms_words(alarms: Sequence[Alarm]) -> str:
    """How many alarms ring, and how many could be measured, in a sentence."""
    rings, measured = sum(alarm.rings for alarm in alarms), sum(alarm.records > 0 for alarm in alarms)
    said = "No alarm rings" if not rings else "1 alarm rings" if rings == 1 else f"{rings} alarms ring"
    return f"{said}; {measured} of {len(alarms)} could be measured."


def alarms_json(alarms: Iterable[Alarm]) -> list[dict[str, Any]]:
    """Name, share (None if nothing was measured), bound, rings, records, note and examples of each; plain values."""
    return [
        {"name": alarm.name, "share": alarm.share if alarm.records else None, "bound": alarm.bound}
        | {"rings": alarm.rings, "records": alarm.records, "note": alarm.note, "examples": list(alarm.examples)}
        for alarm in alarms
    ]


def read_alarms(values: Iterable[Mapping[str, Any]]) -> list[Alarm]:
    """The alarms that `alarms_json` wrote."""
    return [
        Alarm(
            alarm["name"],
            float("nan") if alarm["share"] is None else alarm["share"],
            alarm["bound"],
            alarm["records"],
            tuple(alarm["examples"]),
            alarm["note"],
        )
        for alarm in values
    ]


def alarms_html(alarms: Iterable[Alarm], counts: Mapping[str, int] | None = None) -> Markup:
    """The alarms as a table with what they mean below."""
    rows = [
        [
            badge("rings", "bad") if alarm.rings else "quiet" if alarm.records else "not measured",
            alarm.name,
            f"{alarm.share:.1%}" if alarm.records else "–",
            f"{alarm.bound:.1%}",
            f"{alarm.records:,}",
            alarm.note,
            ", ".join(alarm.examples),
        ]
        for alarm in alarms
    ]
    shown = table(("alarm", "share of", "found", "at most", "records", "worst case", "for example"), rows)
    parts: list[Markup] = [shown]
    if counts:
        parts.append(bullets(f"{name}: {count:,}" for name, count in counts.items()))
    return join([*parts, message("A record that shows no fault by itself may be one of many that share one.")])
