"""The card and the report of an export: what it holds, licences, alarms, how to load it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..filters.corpus_alarms import Alarm, alarm_lines, alarms_html, alarms_words
from ..html import bullets, join, message, section, table, write_page
from ..pf1m.parquet import size_category
from .licences import commercial_use
from .styles import RECORDS, TURNS
from .target import Target


def export_card(target: Target, summary: Mapping[str, Any], alarms: Sequence[Alarm], *, title: str, folder: str) -> str:
    """The ``README.md`` of an export.

    Args:
        summary: what `export_dataset` returns.
        alarms: about the whole of its responses.
        title: the dataset's name.
        folder: its path.
    """
    licences: Mapping[str, int] = summary["licences"]
    rows = [
        f"| {_cell(licence)} | {count:,} | {commercial_use(licence)} |" for licence, count in sorted(licences.items())
    ]
    left_out = "".join(f"| {_cell(reason)} | {count:,} |\n" for reason, count in sorted(summary["left_out"].items()))
    sources = "".join(f"| {_cell(name)} | {count:,} |\n" for name, count in sorted(summary["sources"].items()))
    scores = ", ".join(f"`{name}`" for name in summary["scores"]) or "none"
    pairs = (
        (
            "Each record is a preference pair: the polite response preferred to the raw annotation, where the NLI "
            f"judge `{summary['nli']}` calls each entailed by the other. The response is longer by "
            f"{summary['mean_length_difference'] or 0:.1f} words on average.\n\n"
        )
        if summary["preference"]
        else ""
    )
    styles = "".join(f"| {_cell(name)} | {count:,} |\n" for name, count in sorted(summary["styles"].items()))
    both = BOTH_STYLES[target.STYLES] if any("curt" in name for name in summary["styles"]) else ""
    rings = "".join(f"- {line}\n" for line in alarm_lines(alarms))
    return f"""---
pretty_name: {title}
language:
- en
license: other
task_categories:
- image-text-to-text
size_categories:
- {size_category(summary["records"])}
configs:
- config_name: default
  data_files:
  - split: train
    path: {target.FILES}
---

# {title}

{summary["records"]:,} records in {target.TITLE}'s format, exported by flamingo-lib {summary["program"]}: visual
instructions whose responses were raw dataset annotations, rewritten into polite ones and filtered.

{pairs}## Use
{target.USE.format(folder=folder)}

## Beside the conversations
Every record has `source`, `task`, `style`, `licence`, `commercial_use`, scores ({scores}) and `history`: the steps
from raw annotation to response, each as a word diff whose parts are kept (`=`), removed (`-`) or added (`+`). {both}

| style | records |
|---|---:|
{styles}
## Alarms about the whole
{alarms_words(alarms)} `report.html` shows all with their bounds.

{rings}
## Licences
As the makers of the datasets state them, for annotations and images; the last column is this program's reading of
their words, no legal advice.

| licence | records | allows commercial use |
|---|---:|---|
{chr(10).join(rows)}

| source | records |
|---|---:|
{sources}
## Left out
| reason | records |
|---|---:|
{left_out or "| none | 0 |" + chr(10)}"""


BOTH_STYLES = {
    RECORDS: "Where the raw annotation fits a format prompt, there are two records of one fact: `curt`, the annotation "
    "under that prompt, and `polite`.",
    TURNS: "Where the raw annotation fits a format prompt, a record has two turns of one fact: the annotation under "
    "that prompt, then the polite response.",
}


def export_report(
    path: Path, target: Target, summary: Mapping[str, Any], alarms: Sequence[Alarm], *, title: str
) -> Path:
    """The ``report.html`` of an export; arguments as of `export_card`."""
    left_out = sum(summary["left_out"].values())
    words = [
        f"{summary['records']:,} records in {target.TITLE}'s format",
        f"records left out: {left_out:,}" + "".join(f"; {why}: {n:,}" for why, n in summary["left_out"].items()),
        "scores: " + (", ".join(summary["scores"]) or "none"),
    ]
    licences = [(name, f"{count:,}", commercial_use(name)) for name, count in sorted(summary["licences"].items())]
    counts = [
        (kind, name, f"{count:,}")
        for kind, key in (("source", "sources"), ("style", "styles"))
        for name, count in sorted(summary[key].items())
    ]
    return write_page(
        path,
        f"{title} for {target.TITLE}",
        section("What was written", join([bullets(words), message(alarms_words(alarms))])),
        section("Alarms about the whole", alarms_html(alarms)),
        section("Licences", table(("licence", "records", "allows commercial use"), licences)),
        section("Sources and styles", table(("", "name", "records"), counts)),
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
