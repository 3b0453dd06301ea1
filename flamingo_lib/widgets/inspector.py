"""The rewrite inspector: one record at a time, with its image, its change of words and every filter's verdict.

`record_view` shows one record; `Inspector` turns pages over it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from ..html import message, standalone
from ..pipeline.record_html import SampleImages, record_view

if TYPE_CHECKING:
    from ..records import Rewrite

ALL = "all"
KEPT, DROPPED, EDITED = "kept", "dropped", "edited"


def verdict_of(rewrite: Rewrite) -> str:
    """What became of a record: ``kept``, or ``dropped by FILTER``."""
    return next((f"{DROPPED} by {verdict.filter}" for verdict in rewrite.verdicts if not verdict.keep), KEPT)


def choose(rewrites: Sequence[Rewrite], source: str = ALL, verdict: str = ALL) -> list[int]:
    """Positions of the records of one source and one verdict.

    Args:
        source: a source's name, or ``all``.
        verdict: ``all``, ``kept``, ``edited`` (kept, but not all of it), ``dropped``, or ``dropped by FILTER``.
    """
    return [
        position
        for position, rewrite in enumerate(rewrites)
        if source in (ALL, rewrite.sample.source)
        and (
            verdict == ALL
            or verdict == verdict_of(rewrite)
            or (verdict == DROPPED and not rewrite.kept)
            or (verdict == EDITED and rewrite.kept and rewrite.final != rewrite.output)
        )
    ]


class Inspector(widgets.VBox):
    """Leafs through rewritten records.

    Every control is reached with the Tab key; on the slider the arrow keys turn the pages. A notebook's file keeps the
    record that is shown first, for where there is no kernel.

    Args:
        rewrites: the records, with or without verdicts.
        images: opens a sample's images, such as ``lambda sample: open_images(sample, root)``.
    """

    def __init__(self, rewrites: Sequence[Rewrite], images: SampleImages | None = None) -> None:
        self.rewrites, self.images = list(rewrites), images
        self.chosen: list[int] = []
        sources = Counter(rewrite.sample.source for rewrite in self.rewrites)
        verdicts = Counter(verdict_of(rewrite) for rewrite in self.rewrites)
        everything = (f"{ALL} ({len(self.rewrites):,})", ALL)
        ways = [(f"{name} ({count:,})", name) for name, count in sorted(verdicts.items()) if name != KEPT]
        dropped = len(self.rewrites) - verdicts[KEPT]
        edited = len(choose(self.rewrites, verdict=EDITED))
        self.source = widgets.Dropdown(
            description="source",
            options=[everything, *((f"{name} ({count:,})", name) for name, count in sorted(sources.items()))],
            tooltip="show the records of one source",
        )
        self.verdict = widgets.Dropdown(
            description="verdict",
            options=[
                everything,
                (f"{KEPT} ({verdicts[KEPT]:,})", KEPT),
                (f"{EDITED} ({edited:,})", EDITED),
                (f"{DROPPED} ({dropped:,})", DROPPED),
                *ways,
            ],
            tooltip="show the records with one verdict",
        )
        self.previous = widgets.Button(description="◀ previous", tooltip="the record before this one")
        self.next = widgets.Button(description="next ▶", tooltip="the record after this one")
        self.position = widgets.IntSlider(
            value=1,
            min=1,
            max=1,
            description="record",
            continuous_update=False,
            readout=False,
            tooltip="arrow keys turn the pages",
        )
        self.count = widgets.Label()
        self.view = widgets.HTML()
        self.previous.on_click(lambda _: self._turn(-1))
        self.next.on_click(lambda _: self._turn(1))
        self.position.observe(lambda _: self._show(), names="value")
        for control in (self.source, self.verdict):
            control.observe(lambda _: self._choose(), names="value")
        super().__init__(
            [
                widgets.HBox([self.source, self.verdict], layout=widgets.Layout(flex_flow="row wrap")),
                widgets.HBox(
                    [self.previous, self.next, self.position, self.count], layout=widgets.Layout(flex_flow="row wrap")
                ),
                self.view,
            ]
        )
        self._choose()

    @property
    def current(self) -> Rewrite | None:
        """The record that is shown; None if no record fits the choice."""
        return self.rewrites[self.chosen[self.position.value - 1]] if self.chosen else None

    def _choose(self) -> None:
        self.chosen = choose(self.rewrites, self.source.value, self.verdict.value)
        self.position.max = max(1, len(self.chosen))
        self.position.value = 1
        self._show()

    def _turn(self, by: int) -> None:
        self.position.value = min(max(self.position.value + by, 1), self.position.max)

    def _show(self) -> None:
        current = self.current
        self.count.value = f"{self.position.value:,} of {len(self.chosen):,}" if self.chosen else "no such record"
        self.previous.disabled = not self.chosen or self.position.value == 1
        self.next.disabled = not self.chosen or self.position.value == len(self.chosen)
        nothing = standalone(message("No record fits this choice."))
        self.view.value = record_view([current], self.images) if current is not None else nothing

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        return bundle | {"text/html": str(self.view.value)} if isinstance(bundle, dict) else bundle
