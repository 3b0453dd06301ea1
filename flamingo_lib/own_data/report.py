"""The report on a rewritten dataset: what went in and came out, alarms about the whole, records before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..filters.corpus_alarms import alarms_html, alarms_words
from ..filters.funnel import funnel_html, set_aside_words, why_empty
from ..html import bullets, grid, join, message, section, write_page
from ..pipeline.record_html import record_card
from ..records import Rewrite
from ..rewriting.pictures import Pictures
from .outcome import Outcome
from .samples import OwnData


def write_report(path: str | Path, data: OwnData, outcome: Outcome, examples: Sequence[Rewrite]) -> Path:
    """Write a page that needs no other file; returns its path."""
    pictures = Pictures(data.roots())
    total = outcome.funnel["total"]
    words = [
        f"{data.container.path.name}: {data.container.kind}, {data.schema.name} ({data.schema.words})",
        f"{outcome.rows:,} rows read, {outcome.kept:,} written to {outcome.dataset.name}",
        f"{total['in']:,} responses rewritten, {total['kept']:,} of them kept by the filters",
    ]
    hint = [message(why) for why in (set_aside_words(outcome.funnel), why_empty(outcome.funnel)) if why]
    return write_page(
        path,
        "Rewritten data",
        section("What was done", join([bullets(words), message(alarms_words(outcome.alarms))])),
        section("What the filters took", join([*hint, funnel_html(outcome.funnel)])),
        section("Alarms about the whole", alarms_html(outcome.alarms)),
        section("Before and after", grid([record_card(rewrite, pictures) for rewrite in examples], least=420)),
    )
