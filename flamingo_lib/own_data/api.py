"""Rewriting from Python: records in, rewrites out, with whichever rewriter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..errors import DataError
from ..presets import load_preset
from ..records import Rewrite
from ..rewriting.backends.settings import BackendConfig
from .containers import Container, Row
from .job import make_work
from .samples import OwnData
from .schemas import Columns, find_schema


def rewrite(
    records: Iterable[Mapping[str, Any]],
    rewriter: str | PathLike,
    *,
    columns: Columns | None = None,
    root: str | PathLike = ".",
    filtering: bool = False,
    preset: str = "tiny",
    settings: Iterable[str] = (),
    seed: int | None = None,
    **backend: Any,
) -> list[Rewrite]:
    """Rewrite the responses of some records.

    For what fits in memory; `flamingo rewrite-data` does any amount, and goes on where it was stopped.

    >>> from flamingo_lib import rewrite
    >>> records = [{"image": "a.png", "instruction": "What color is the circle?", "response": "red"}]
    >>> print(rewrite(records, "runs/tiny-0/rewriter/model")[0].final)  # doctest: +SKIP

    Args:
        records: each with a response, and an instruction and an image (or a list of them) if it has any; or chats, in
            any of the layouts of `own_data.schemas`.
        rewriter: a model's folder or shipped name; of a server, the model's name there.
        columns: names of the columns, if they aren't the usual ones.
        root: folder that image paths are relative to.
        filtering: judge the rewrites with the preset's filters; `Rewrite.kept` and `Rewrite.verdicts` tell.
        preset, settings, seed: of rewriting, judges and filters, as on the command line.
        backend: settings of `rewriting.backends.settings.BackendConfig`, such as ``kind="transformers"``.

    Returns:
        One rewrite for each response, in order.

    Raises:
        DataError: no records, a record that is not like the others, or images that are missing.
    """
    rows = tuple(dict(record) for record in records)
    if not rows:
        raise DataError("there are no records", remedy="Give at least one with a response.")
    chosen = load_preset(preset, list(settings), seed)
    container = Records(Path(root), "json", (), Path(root), rows)
    with TemporaryDirectory() as work:
        data = OwnData(container, find_schema(container, columns), Path(work))
        survey = data.survey()
        if survey.unreadable:
            name, reason = next(iter(survey.unreadable.items()))
            raise DataError(reason, record=name)
        data.require(survey)
        options = BackendConfig(**backend)
        do = make_work(data, str(rewriter), chosen, options, filtering=filtering, answers=None)()
        return do(list(data.samples()), lambda _count: None)


@dataclass(frozen=True)
class Records(Container):
    """Rows that are in memory already."""

    given: tuple[Row, ...] = ()

    def rows(self) -> Iterator[tuple[str, Row]]:
        """See `Container`."""
        for number, row in enumerate(self.given, start=1):
            yield f"record {number}", row
