"""The card of an export: what it holds, licences, how to load it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..pf1m.parquet import size_category
from .licences import allows_commercial_use
from .target import Target

ANSWERS = {True: "yes", False: "no", None: "not clear"}


def export_card(target: Target, summary: Mapping[str, Any], *, title: str, folder: str) -> str:
    """The ``README.md`` of an export.

    Args:
        summary: what `export_dataset` returns.
        title: the dataset's name.
        folder: its path.
    """
    licences: Mapping[str, int] = summary["licences"]
    rows = [
        f"| {_cell(licence)} | {count:,} | {ANSWERS[allows_commercial_use(licence)]} |"
        for licence, count in sorted(licences.items())
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
Every record has `source`, `task`, `licence`, `commercial_use`, scores ({scores}) and `history`: the steps from raw
annotation to response, each as a word diff whose parts are kept (`=`), removed (`-`) or added (`+`).

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


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
