"""What became of a dataset, and what a dry run found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..filters.corpus_alarms import Alarm
from ..records import Rewrite


@dataclass(frozen=True)
class Outcome:
    """What became of a dataset.

    Attributes:
        dataset: the file or folder in the format of the input.
        rows, kept: rows read, and rows written.
        funnel: what each filter took (`filters.funnel.Funnel.to_dict`).
        alarms: about the whole of the rewrites.
        seconds: that the job worked.
    """

    dataset: Path
    rows: int
    kept: int
    funnel: dict[str, Any]
    alarms: list[Alarm]
    seconds: float


@dataclass(frozen=True)
class Forecast:
    """What a dry run found on a few records.

    Attributes:
        rewrites: of the records tried, judged.
        seconds: that they took.
        tokens: generated for them.
        tokens_read: for them, as a server counts them; 0 of a model in this process.
        records: responses in the whole dataset.
        funnel: what each filter took of those tried.
    """

    rewrites: list[Rewrite]
    seconds: float
    tokens: int
    tokens_read: int
    records: int
    funnel: dict[str, Any]

    @property
    def kept(self) -> int:
        """Records of those tried that have a text which all filters keep."""
        return self.funnel["total"]["kept"]

    @property
    def total_seconds(self) -> float:
        """What all records would take at this pace; the models' loading left out."""
        return self.seconds * self.records / max(1, len(self.rewrites))

    @property
    def total_tokens(self) -> int:
        """Tokens that all records would need."""
        return self._of_all(self.tokens)

    @property
    def total_tokens_read(self) -> int:
        """Tokens that a server would read for all records."""
        return self._of_all(self.tokens_read)

    def cost(self, price: tuple[float, float]) -> float:
        """What all records would cost, at a price of a million tokens read and a million written."""
        return (self.total_tokens_read * price[0] + self.total_tokens * price[1]) / 1e6

    def _of_all(self, count: int) -> int:
        return round(count * self.records / max(1, len(self.rewrites)))
