"""Evaluation of several models on the held-out parts of sources: which part, how many questions, and the figures.

This is the evaluation of runs on real datasets (docs/method.md, section 6), where no truth of Scenes is known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import DataError
from ..html import Markup, join, section, table
from ..sources.catalog import find_row
from ..sources.loading import splits_found
from ..sources.locator import Locator
from ..storage import write_json
from .held_out_sources import SPLITS
from .metrics.select import METRICS
from .predictions import Prediction, read_predictions
from .run_settings import METRICS as SUMMARY
from .run_settings import PREDICTIONS, RunSettings, SourceRequest, prepare, stored_facts
from .run_summary import shown, summarize_run
from .runner import HELD_OUT, run

if TYPE_CHECKING:
    from ..judges.panel import Judges
    from .chat_generator import ChatGenerator

ROLES = ("sts", "nli", "reward", "clip")


@dataclass(frozen=True, slots=True)
class AskedSource:
    """A source that every model is asked about.

    Attributes:
        name: its catalogue name; its folder is `root`.
        split: the part that is asked; None for all with answers.
        limit: at most so many questions.
    """

    name: str
    root: Path
    split: str | None
    limit: int | None


def evaluation_split(name: str, root: Path) -> str | None:
    """The split of a source that models are examined on: the validation part, else the test part with answers.

    Sources that no stage trains on may be asked as a whole, which is None.

    Raises:
        DataError: the folder is missing, or holds only what is trained on.
    """
    row = find_row(name)
    found = splits_found(row, Locator(root, row.splits))
    wanted = [SPLITS.get(name, ""), row.split_name("val"), row.split_name("test")]
    for split in (item for item in wanted if item):
        if split in found and split not in row.unlabelled:
            return split
    if name in HELD_OUT and found:
        return None
    raise DataError(
        f"{name} has no part to examine on, only {', '.join(found) or 'nothing'}",
        file=root,
        remedy="Add its validation files, or leave it out of evaluation.sources.",
    )


def asked_sources(sources: Mapping[str, int | None], root: Path) -> list[AskedSource]:
    """The sources to ask about, each in the subfolder of its name; errors of `evaluation_split`."""
    return [
        AskedSource(name, root / name, evaluation_split(name, root / name), limit) for name, limit in sources.items()
    ]


def examine_on_sources(
    model: str,
    weights: str,
    load: Callable[[], ChatGenerator],
    judges: Judges,
    sources: Sequence[AskedSource],
    out: Path,
    *,
    names: Mapping[str, str],
    seed: int,
    batch: int,
    max_new_tokens: int,
    prompt: str = "chat",
) -> tuple[dict[str, Any], list[Prediction]]:
    """Ask one model about every source; what an earlier, killed run has stored is not asked again.

    Args:
        model: its name in the predictions.
        weights: a fingerprint of it.
        load: gives the model; called only if something is left to ask.
        out: keeps one folder a source.
        names: role to name of each judge.

    Returns:
        Each source's summary (`run_summary.summarize_run`), and all predictions.
    """
    generator: ChatGenerator | None = None
    summaries: dict[str, Any] = {}
    predictions: list[Prediction] = []
    for source in sources:
        folder = out / source.name
        settings = RunSettings(
            model=model,
            weights=weights,
            sources=(SourceRequest(source.name, source.root),),
            split=source.split,
            limit=source.limit,
            prompt=prompt,
            seed=seed,
            judges=dict(names),
            batch=batch,
            max_new_tokens=max_new_tokens,
        )
        if prepare(folder, settings):
            facts = stored_facts(folder, settings)
        else:
            generator = generator or load()
            facts = run(folder, settings, generator, judges)
        summary = summarize_run(folder, settings, facts)
        write_json(folder / SUMMARY, summary)
        summaries |= summary["sources"]
        predictions += read_predictions(folder / PREDICTIONS)
    return summaries, predictions


def source_figures(model: str, summaries: Mapping[str, Any], predictions: Iterable[Prediction]) -> dict[str, float]:
    """Figures of one model as ``stages.<model>.<source>.<metric>``; over all sources, polite and median reward."""
    import numpy as np

    figures = {
        f"stages.{model}.{source}.{metric}": item["value"]
        for source, summary in summaries.items()
        for metric, item in summary["metrics"].items()
        if item["value"] is not None
    }
    scored = list(predictions)
    for name, key, how in (("reward", "reward", np.median), ("polite", "polite", np.mean)):
        values = [item.scores[key] for item in scored if key in item.scores]
        if values:
            figures[f"stages.{model}.{name}"] = float(how(values))
    return figures


def sources_html(summaries: Mapping[str, Mapping[str, Any]]) -> Markup:
    """A table a source, models in columns.

    Args:
        summaries: of each model, as `examine_on_sources` gives them.
    """
    models = list(summaries)
    parts = []
    for source in dict.fromkeys(name for summary in summaries.values() for name in summary):
        found = {model: summaries[model][source]["metrics"] for model in models if source in summaries[model]}
        rows = [
            [metric.title, *(shown(found[model].get(metric.name, {}).get("value"), metric.digits) for model in found)]
            for metric in METRICS
            if any(metric.name in values for values in found.values())
        ]
        counts = {str(summaries[model][source].get("questions", "")) for model in found}
        parts.append(section(f"{source}: {', '.join(sorted(counts))} questions", table(["metric", *found], rows)))
    return join(parts)
