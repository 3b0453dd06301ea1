"""Step: hold every rewrite against the filters; what stays is PF-1M (METHOD section 3)."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

from ...records import Rewrite
from ...storage import write_json
from ..cards import SampleImages, record_card
from ..step import Job, Step
from .judges import judge_files
from .mixtures import REWRITES
from .records import read_records, write_records
from .rewrite import REWRITTEN
from .scenes import data_root

SHOWN = 8
"""Records of each kind in the report."""


def run(job: Job) -> dict[str, Any]:
    """Write ``rewrites.jsonl`` (every record with its verdicts), ``pf1m.json`` (those kept), ``funnel.json``, and cards for the report."""
    from ...filters.chain import Chain
    from ...filters.funnel import Funnel, funnel_html
    from ...judges.panel import load_judges
    from ...progress import track
    from ...sources import open_images

    root, config = data_root(job.inputs["scenes"], job.preset), job.preset.filters
    rewritten = read_records(Rewrite, job.inputs["rewrite"] / REWRITTEN)

    def images(sample):
        return open_images(sample, root / sample.source)

    chain = Chain(config, load_judges(job.preset.judges), images)
    judged = list(track(chain(rewritten), "filtering", len(rewritten)))
    write_records(job.folder / REWRITES, judged)
    funnel = Funnel(config.chain).update(judged).to_dict()
    write_json(job.folder / "funnel.json", funnel)
    _report(job, judged, images, funnel_html(funnel))
    total = funnel["total"]
    metrics = {"pf1m.records": total["kept"], "pf1m.kept": total["kept"] / max(1, total["in"])}
    return metrics | {f"pf1m.dropped.{name}": count for name, count in total["dropped"].items()}


def _report(job: Job, judged: Sequence[Rewrite], images: SampleImages, funnel: str) -> None:
    folder = job.folder / "report"
    folder.mkdir()
    (folder / "1_the_funnel.html").write_text(funnel, encoding="utf-8")
    chance = random.Random(job.seed)
    for number, (title, group) in enumerate(
        (("kept_records", [item for item in judged if item.kept]), ("dropped_records", [item for item in judged if not item.kept])), start=2
    ):
        shown = chance.sample(group, min(SHOWN, len(group)))
        (folder / f"{number}_{title}.html").write_text("".join(record_card(item, images) for item in shown), encoding="utf-8")


STEP = Step(
    "filter",
    "filter the rewrites",
    run,
    inputs=("scenes", "rewrite"),
    config=("sources.root", "filters", "judges"),
    assets=judge_files("sts", "nli", "reward", "clip"),
)
