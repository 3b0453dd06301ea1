"""The funnel: how many records went in, what each filter took, what came out, by source."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from ..html import Markup, bars, join, table
from ..records import Rewrite
from .verdict import OUTPUT, has_failed, missing_output


class Funnel:
    """Counts of records in, dropped by each filter, edited, kept; for every source.

    Args:
        filters: names of the filters in the chain's order, so that one that dropped nothing is shown as well.
    """

    def __init__(self, filters: Iterable[str] = ()) -> None:
        self.filters = list(filters)
        self.counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.first_set_aside: dict[str, str] | None = None

    def add(self, rewrite: Rewrite) -> None:
        """Count one record that has been through the chain, or that no filter has seen.

        One that the rewriter gave no text for is dropped by `verdict.OUTPUT` if by nothing else.
        """
        counts = self.counts[rewrite.sample.source]
        counts["in"] += 1
        if any(verdict.edit is not None for verdict in rewrite.verdicts):
            counts["edited"] += 1
        for flag in rewrite.flags:
            counts[f"flag:{flag}"] += 1
        if why := missing_output(rewrite):
            counts["set_aside"] += 1
            self.first_set_aside = self.first_set_aside or {"id": rewrite.sample.id, "reason": why}
        drop = next((verdict for verdict in rewrite.verdicts if not verdict.keep), None)
        if drop is None and not why:
            counts["kept"] += 1
            return
        name = OUTPUT if drop is None else drop.filter
        if name not in self.filters:
            self.filters.append(name)
        counts[f"dropped:{name}"] += 1
        if drop is not None and has_failed(drop):
            counts[f"failed:{name}"] += 1

    def update(self, rewrites: Iterable[Rewrite]) -> Funnel:
        """Count all of `rewrites`; returns itself."""
        for rewrite in rewrites:
            self.add(rewrite)
        return self

    def row(self, source: str | None = None) -> dict[str, Any]:
        """One source's counts, or all.

        ``in``, ``dropped`` by filter, ``kept``, ``edited``, ``set_aside`` (without a text), ``flags``, ``failed``.
        """
        counts = sum(self.counts.values(), Counter()) if source is None else self.counts[source]
        return {
            "in": counts["in"],
            "dropped": {name: counts[f"dropped:{name}"] for name in self.filters},
            "kept": counts["kept"],
            "edited": counts["edited"],
            "set_aside": counts["set_aside"],
            "flags": _prefixed(counts, "flag:"),
            "failed": _prefixed(counts, "failed:"),
        }

    def to_dict(self) -> dict[str, Any]:
        """``filters``, ``total`` and ``sources``, each a `row`, ``first_set_aside``; plain JSON values."""
        return {
            "filters": list(self.filters),
            "total": self.row(),
            "sources": {source: self.row(source) for source in sorted(self.counts)},
            "first_set_aside": self.first_set_aside,
        }


def _prefixed(counts: Mapping[str, int], prefix: str) -> dict[str, int]:
    return {key.removeprefix(prefix): count for key, count in sorted(counts.items()) if key.startswith(prefix)}


def share(part: int, whole: int) -> str:
    """``"12.3 %"``; a dash of nothing."""
    return f"{100 * part / whole:.1f} %" if whole else "–"


def set_aside_words(funnel: Mapping[str, Any]) -> str:
    """How many records the rewriter gave no text for, and why the first; empty if there are none."""
    total, first = funnel["total"], funnel.get("first_set_aside")
    if first is None:
        return ""
    counted = f"{total['set_aside']:,} of {total['in']:,} records were not rewritten"
    return f"{counted}; the first, {first['id']}: {first['reason']}"


def why_empty(funnel: Mapping[str, Any]) -> str:
    """Why no record was kept and what to do, in a few sentences; empty if one was."""
    total = funnel["total"]
    if total["kept"]:
        return ""
    if not total["in"]:
        return (
            "No record went in: the sources gave none. "
            "Look at quarantine.jsonl and at the split and limit of each --source."
        )
    drops = sorted(((count, name) for name, count in total["dropped"].items() if count), key=lambda drop: -drop[0])
    told = ", ".join(f"{name} {count:,} ({share(count, total['in'])})" for count, name in drops)
    text = f"No record was kept: of {total['in']:,}, the filters dropped {told}. "
    most = drops[0][1]
    if 2 * total["failed"].get(most, 0) > drops[0][0]:
        return (
            text + f"Most of these are failures of {most!r}, not its verdicts: "
            "`flamingo explain` shows the reason of one record."
        )
    text += f"Look at {most!r} first: `flamingo explain` shows one record's score and threshold"
    return text + (", `flamingo calibrate-filters` finds thresholds." if most in ("sts", "nli", "clip") else ".")


def funnel_table(funnel: Mapping[str, Any]) -> list[list[str]]:
    """Rows of text, the first the heading: source, in, each filter's drops, kept, share kept, edited."""
    names = list(funnel["filters"])
    rows = [["source", "in", *names, "kept", "share", "edited"]]
    for source, row in [*funnel["sources"].items(), ("all", funnel["total"])]:
        drops = [f"{row['dropped'].get(name, 0):,}" for name in names]
        rows.append(
            [source, f"{row['in']:,}", *drops, f"{row['kept']:,}", share(row["kept"], row["in"]), f"{row['edited']:,}"]
        )
    return rows


def funnel_markdown(funnel: Mapping[str, Any]) -> str:
    """The table in Markdown."""
    heading, *rows = funnel_table(funnel)
    lines = ["| " + " | ".join(heading) + " |", "|---|" + "---:|" * (len(heading) - 1)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def funnel_html(funnel: Mapping[str, Any]) -> Markup:
    """The funnel as bars that narrow from filter to filter, and the table by source."""
    total = funnel["total"]
    left, rows = total["in"], []
    for name, drop in [("records in", 0), *((name, total["dropped"].get(name, 0)) for name in funnel["filters"])]:
        left -= drop
        rows.append((name, left, f"{left:,}" + (f" (−{drop:,})" if drop else "")))
    heading, *lines = funnel_table(funnel)
    return join(
        [bars(rows, label="Records left after each filter", whole=total["in"]), table(heading, lines, total=True)]
    )
