"""Step: hold every rewrite against the filters; what stays is PF-1M (docs/method.md, section 3)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...html import Markup, join, write_fragment
from ...records import Rewrite
from ...storage import write_json
from ..record_html import SampleImages, record_card
from ..step import Job, Step
from .judges import judge_files, resolve_judges
from .mixtures import PF1M, REWRITES
from .placement import placement
from .records import read_records, write_records
from .rewrite import REWRITTEN
from .scenes import data_root

SHOWN = 8
"""Records of each kind in the report."""


def run(job: Job) -> dict[str, Any]:
    """Filter the rewrites and write the results.

    Files: ``rewrites.jsonl`` (every record with its verdicts), ``pf1m.json`` (those kept, as released),
    ``funnel.json``, ``quality.json`` (the filters against the truth, where there is one), and cards for the report.
    """
    from ...filters.chain import Chain
    from ...filters.corpus_alarms import CorpusAlarms, alarms_html
    from ...filters.filter_metrics import filter_quality, quality_html
    from ...filters.funnel import Funnel, funnel_html
    from ...judges.panel import load_judges
    from ...progress import track
    from ...rewriting.pictures import Pictures
    from ...scenes.index import GRAPHS, TruthIndex

    root, config = data_root(job.inputs["scenes"], job.preset), job.preset.filters
    images = Pictures(root)
    rewritten = read_records(Rewrite, job.inputs["rewrite"] / REWRITTEN)
    chain = Chain(config, load_judges(job.preset.judges, device=placement(job.preset)["device"]), images)
    judged = list(track(chain(rewritten), "filtering", len(rewritten)))
    write_records(job.folder / REWRITES, judged)
    written = write_released(judged, job.folder, root)
    funnel = Funnel(config.chain).update(judged).to_dict()
    quality = filter_quality(judged, TruthIndex(root)) if (root / GRAPHS).is_file() else None
    write_json(job.folder / "funnel.json", funnel)
    write_json(job.folder / "quality.json", quality)
    _report(
        job,
        judged,
        images,
        {
            "the_funnel": funnel_html(funnel),
            "alarms_about_the_whole": alarms_html(CorpusAlarms().update(item for item in judged if item.kept).alarms()),
        }
        | ({"the_filters_against_the_truth": quality_html(quality)} if quality else {}),
    )
    total = funnel["total"]
    metrics = {"pf1m.records": written, "pf1m.kept": total["kept"] / max(1, total["in"])}
    metrics |= {f"pf1m.dropped.{name}": count for name, count in total["dropped"].items()}
    return metrics | filter_figures(quality)


def filter_figures(quality: dict[str, Any] | None) -> dict[str, float]:
    """The filters against the truth as figures of ``metrics.json``; those that are undefined are left out."""
    rows = (quality or {}).get("filters", {})
    names = ("precision", "recall", "faulty_left", "fine_kept")
    return {
        f"filters.{name}.{key}": row[key] for name, row in rows.items() for key in names if row.get(key) is not None
    }


def write_released(judged: Sequence[Rewrite], folder: Path, root: Path) -> int:
    """Write ``pf1m.json`` of the kept rewrites, which training reads, and images drawn for it; returns the count."""
    from ...pf1m.images import released
    from ...pf1m.record import write_pf1m

    return write_pf1m(folder / PF1M, released(judged, folder, root), own=True)


def _report(job: Job, judged: Sequence[Rewrite], images: SampleImages, tables: dict[str, Markup]) -> None:
    """Fragments for the report: the tables, and records of both kinds to look at."""
    folder, chance = job.folder / "report", random.Random(job.seed)
    folder.mkdir()
    for title, group in (
        ("kept_records", [item for item in judged if item.kept]),
        ("dropped_records", [item for item in judged if not item.kept]),
    ):
        shown = chance.sample(group, min(SHOWN, len(group)))
        tables[title] = join(record_card(item, images) for item in shown)
    for number, (title, part) in enumerate(tables.items(), start=1):
        write_fragment(folder / f"{number}_{title}.html", part)


STEP = Step(
    "filter",
    "filter the rewrites",
    run,
    inputs=("scenes", "rewrite"),
    config=("sources.root", "filters", "judges", "model.device"),
    assets=judge_files("sts", "nli", "reward", "clip"),
    resolve_auto=resolve_judges,
)
