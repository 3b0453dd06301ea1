"""FineVision export: Parquet files with ``images``, ``texts``, ``source`` and ratings of each turn from 1 to 5.

FineVision's ratings come from a language model. Of its four, relevance has a counterpart here: the probability that the
NLI judge gives to "the response answers the question as the annotation does", or the STS similarity of captions, as
``1 + 4 p``. The other three are empty, as nothing here measures them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from math import exp
from typing import Any

from .parquet_files import common_features, common_row, embedded, write_parquet_files
from .record import ExportRecord
from .styles import TURNS
from .target import Destination

TITLE, FILES, PREFERENCES, STYLES = "FineVision", "data/train-*.parquet", False, TURNS
USE = """```python
from datasets import load_dataset
records = load_dataset("{folder}", split="train")
```
`relevance_ratings` are `1 + 4 p` of the NLI judge's probability of entailment, or of the STS similarity; the other \
ratings are empty."""
RATINGS = ("relevance", "image_correspondence", "visual_dependency", "formatting")
NLI = ("nli_contradiction", "nli_entailment", "nli_neutral")


def write(records: Iterable[ExportRecord], to: Destination) -> int:
    """Write ``data/train-*.parquet``; returns how many records."""
    from datasets import Image, List, Value

    text, whole = Value("string"), Value("int64")
    features: dict[str, Any] = {"images": List(Image()), "texts": List({"user": text, "assistant": text})}
    for name in RATINGS:
        features |= {f"{name}_ratings": List(whole), f"{name}_min": whole}
    return write_parquet_files(records, to.folder, features | common_features(to.scores), partial(_row, to))


def _row(to: Destination, record: ExportRecord) -> dict[str, Any]:
    row: dict[str, Any] = {
        "images": embedded(record),
        "texts": [{"user": turn.instruction, "assistant": turn.response or ""} for turn in record.turns],
    }
    rated = [relevance(scores) for scores in record.turn_scores or [{}] * len(record.turns)]
    for name in RATINGS:
        found = rated if name == "relevance" else [None] * len(record.turns)
        row |= {f"{name}_ratings": found, f"{name}_min": min((one for one in found if one is not None), default=None)}
    return row | common_row(record, to.scores)


def relevance(scores: Mapping[str, float]) -> int | None:
    """The relevance rating, 1 to 5; None where neither NLI nor STS was measured."""
    if all(name in scores for name in NLI):
        highest = max(scores[name] for name in NLI)
        weights = {name: exp(scores[name] - highest) for name in NLI}
        return 1 + round(4 * weights["nli_entailment"] / sum(weights.values()))
    if "sts_similarity" in scores:
        return 1 + round(4 * min(1.0, max(0.0, scores["sts_similarity"])))
    return None
