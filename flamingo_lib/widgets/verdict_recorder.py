"""The verdict recorder: rewrites to be kept or dropped by a person, one by one, and the agreement with the truth.

`to_judge` chooses them, `summary_view` shows what was agreed on, `VerdictRecorder` has the buttons.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import ipywidgets as widgets

from ..evaluation.human.agreement import cohen_kappa
from ..filters.filter_metrics import AIMS_AT
from ..filters.ground_truth import truth_of
from ..html import Markup, card, definitions, join, message, paragraph, table
from ..pipeline.record_html import SampleImages, marked_difference, sample_pictures
from ..seeding import generator
from .static_frame import StaticFrame

if TYPE_CHECKING:
    from ..records import Rewrite
    from ..scenes.index import TruthIndex

EACH = 10
WORDS = {True: "keep", False: "drop"}


def to_judge(
    judged: Iterable[Rewrite], index: TruthIndex, *, seed: int, each: int = EACH, filter_name: str = "nli"
) -> list[tuple[Rewrite, bool]]:
    """Rewrites that a filter dropped and kept ones that it saw, up to `each` of both, mixed; with the truth.

    Args:
        judged: rewrites with verdicts.
        index: the truth of their scenes.
        seed: of the choice and the order.
        each: of either kind.
        filter_name: the filter, one that `AIMS_AT` names the fault of.

    Returns:
        Pairs of a rewrite and whether it lacks the filter's fault, so that it should be kept.
    """
    random, fault = generator(seed, "verdicts"), AIMS_AT[filter_name]
    seen: dict[bool, list[tuple[Rewrite, bool]]] = {True: [], False: []}
    for rewrite in judged:
        verdict = next((item for item in rewrite.verdicts if item.filter == filter_name), None)
        faulty = truth_of(rewrite.sample, rewrite.output, index).fault(fault) if verdict is not None else None
        if verdict is not None and faulty is not None and (rewrite.kept or not verdict.keep):
            seen[verdict.keep].append((rewrite, not faulty))
    chosen = [item for kind in seen.values() for item in random.sample(kind, min(each, len(kind)))]
    random.shuffle(chosen)
    return chosen


def summary_view(records: Sequence[tuple[Rewrite, bool]], verdicts: Sequence[bool]) -> Markup:
    """Agreement and kappa of the first records' verdicts with the truth, and the records on which they differ."""
    pairs = list(zip(records, verdicts, strict=False))
    same = sum(truth == verdict for (_, truth), verdict in pairs)
    kappa = kappa_with_truth(records, verdicts)
    told = "not defined, since you and the truth give one and the same verdict" if kappa is None else f"{kappa:.2f}"
    rows = [
        (rewrite.sample.instruction, rewrite.sample.raw, rewrite.output, WORDS[verdict], WORDS[truth])
        for (rewrite, truth), verdict in pairs
        if truth != verdict
    ]
    parts = [paragraph(f"You and the truth agree on {same} of {len(pairs)} records; Cohen's kappa is {told}.")]
    if rows:
        parts.append(table(("instruction", "annotation", "rewrite", "your verdict", "the truth"), rows))
    return card("your verdicts", join(parts))


def kappa_with_truth(records: Sequence[tuple[Rewrite, bool]], verdicts: Sequence[bool]) -> float | None:
    """Cohen's kappa of the first records' verdicts with the truth; None where it is not defined."""
    truth = {str(number): good for number, (_, good) in enumerate(records)}
    found = cohen_kappa({str(number): verdict for number, verdict in enumerate(verdicts)}, truth)
    return None if found != found else found


class VerdictRecorder(StaticFrame):
    """Asks for a verdict on one rewrite after another, without a word of the filter's or the truth's, and compares.

    The buttons are reached with the Tab key; a click, Enter or the space bar presses them.

    Args:
        records: rewrites and whether they should be kept, such as `to_judge` chooses.
        images: opens a sample's images.

    Attributes:
        verdicts: given so far, True for keep, in the order of the records.
    """

    def __init__(self, records: Sequence[tuple[Rewrite, bool]], images: SampleImages | None = None) -> None:
        self.records, self.images = list(records), images
        self.verdicts: list[bool] = []
        self.keep = widgets.Button(description="keep", tooltip="the rewrite gives the annotation's answer")
        self.drop = widgets.Button(description="drop", tooltip="it gives another answer, or none")
        self.back = widgets.Button(description="take back", tooltip="the verdict before this one")
        self.keep.on_click(lambda _: self._say(True))
        self.drop.on_click(lambda _: self._say(False))
        self.back.on_click(lambda _: self._take_back())
        super().__init__([self.keep, self.drop, self.back])

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa of the verdicts so far with the truth; None where it is not defined."""
        return kappa_with_truth(self.records, self.verdicts)

    def _say(self, verdict: bool) -> None:
        if len(self.verdicts) < len(self.records):
            self.verdicts.append(verdict)
        self.refresh()

    def _take_back(self) -> None:
        if self.verdicts:
            self.verdicts.pop()
        self.refresh()

    def refresh(self) -> None:
        """Draw the record that is asked about, or the summary behind the last one."""
        over = len(self.verdicts) == len(self.records)
        self.keep.disabled = self.drop.disabled = over
        self.back.disabled = not self.verdicts
        super().refresh()

    def to_html(self) -> Markup:
        """The next record, or `summary_view`."""
        if not self.records:
            return message("There is no record to judge.")
        number = len(self.verdicts)
        if number == len(self.records):
            return summary_view(self.records, self.verdicts)
        rewrite, _ = self.records[number]
        before, after = marked_difference(rewrite.sample.raw, rewrite.output)
        rows = [("instruction", rewrite.sample.instruction), ("annotation", before), ("rewrite", after)]
        media = sample_pictures(rewrite.sample, self.images)
        note = "Does the rewrite still give the annotation's answer?"
        return card(f"rewrite {number + 1} of {len(self.records)}", definitions(rows), media=media, note=note)
