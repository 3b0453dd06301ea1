"""PF-1M as a folder that `datasets.load_dataset` reads: Parquet files, the released JSON, and a card."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from ..errors import DataError
from ..sources.catalog import CATALOG
from ..storage import atomic_write
from .record import OPTIONAL, OWN, REQUIRED, Pf1mRecord, parse_record

DATA = "data"
ROWS_IN_MEMORY = 10_000
ROWS_A_FILE = 200_000


def features() -> Any:
    """The columns as `datasets.Features`."""
    from datasets import Features, List, Value

    text, number = Value("string"), Value("float64")
    return Features(
        {
            **dict.fromkeys((*OWN, *REQUIRED), text),
            "rouge_score": number,
            "reward": number,
            "nli_similarity": List(number),
            "sts_similarity": number,
            "filtered_paragraphs": List({"score": number, "text": text}),
            "paragraph_clip_scores": List(number),
        }
    )


def write_parquet(folder: str | PathLike, records: Iterable[Pf1mRecord]) -> int:
    """Write ``data/train-*.parquet``, each file in one step, holding few records in memory; returns how many.

    Files of an earlier, longer dataset in the folder are taken away.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, folder, stream = features().arrow_schema, Path(folder) / DATA, iter(records)
    total = number = 0
    more = True
    while more or number == 0:
        path = folder / f"train-{number:05d}.parquet"
        with atomic_write(path, "wb") as file, pq.ParquetWriter(file, schema, compression="zstd") as writer:
            rows = 0
            while rows < ROWS_A_FILE and (part := _take(stream, min(ROWS_IN_MEMORY, ROWS_A_FILE - rows))):
                writer.write_table(pa.Table.from_pylist([_row(record) for record in part], schema=schema))
                rows += len(part)
        total += rows
        more = rows == ROWS_A_FILE
        if rows or number == 0:
            number += 1
        else:
            path.unlink()
    for path in folder.glob("train-*.parquet"):
        if int(path.stem.removeprefix("train-")) >= number:
            path.unlink()
    return total


def _take(stream: Iterator[Pf1mRecord], count: int) -> list[Pf1mRecord]:
    return [record for _, record in zip(range(count), stream, strict=False)]


def _row(record: Pf1mRecord) -> dict[str, Any]:
    row = {name: getattr(record, name) for name in (*OWN, *REQUIRED, *OPTIONAL)}
    if record.filtered_paragraphs is not None:
        row["filtered_paragraphs"] = [{"score": score, "text": text} for score, text in record.filtered_paragraphs]
    return row


def read_parquet(folder: str | PathLike) -> Iterator[Pf1mRecord]:
    """Stream the records of a folder that `write_parquet` wrote; `DataError` if there are none."""
    import pyarrow.parquet as pq

    paths = sorted((Path(folder) / DATA).glob("train-*.parquet"))
    if not paths:
        raise DataError("the folder holds no data/train-*.parquet", file=folder)
    for path in paths:
        with pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=ROWS_IN_MEMORY):
                for position, row in enumerate(batch.to_pylist()):
                    if row["filtered_paragraphs"] is not None:
                        row["filtered_paragraphs"] = [
                            (item["score"], item["text"]) for item in row["filtered_paragraphs"]
                        ]
                    yield parse_record(row, file=path, position=position)


def dataset_card(
    *,
    title: str,
    counts: Mapping[str, int],
    funnel: str,
    judges: Mapping[str, str],
    thresholds: Mapping[str, Any],
    rewriter: str,
    created_by: str,
    backend: Mapping[str, Any] | None = None,
    alarms: Sequence[str] = (),
) -> str:
    """The folder's ``README.md``.

    Args:
        title: the dataset's name.
        counts: records kept of each source.
        funnel: the funnel as a Markdown table.
        judges: role -> model.
        thresholds: settings of the filters.
        rewriter: which checkpoint rewrote.
        created_by: the program and its version.
        backend: the rewriter's kind and the settings that decide its texts.
        alarms: about the whole: how many ring, and a line for each that does.
    """
    total = sum(counts.values())
    sources = [(name, CATALOG.get(name), count) for name, count in sorted(counts.items())]
    rows = [
        f"| {_source(name, row)} | {count:,} | {row.licence if row else 'not known'} |" for name, row, count in sources
    ]
    return f"""---
pretty_name: {title}
language:
- en
license: other
task_categories:
- image-text-to-text
- visual-question-answering
size_categories:
- {size_category(total)}
configs:
- config_name: default
  data_files:
  - split: train
    path: {DATA}/train-*.parquet
---

# {title}

{total:,} visual instructions whose responses were raw dataset annotations, rewritten into polite ones by a rewriter
("{rewriter}") and filtered. The method is that of *Visual Instruction Tuning with Polite Flamingo* (AAAI 2024,
arXiv 2307.01003). Made by {created_by}.

## Use
```python
from datasets import load_dataset
records = load_dataset("path/to/this/folder", split="train")
```
`pf1m.json` holds the same records in the layout of the released PF-1M.

## Fields
| field | what |
|---|---|
| `id`, `source`, `task` | the record's id, dataset and kind of task |
| `input` | the instruction; each image stands as `<img_path>dataset/path<img_path>`, or as \
`<img_path>pf1m_images/name.png<img_path>` |
| `output` | the polite response |
| `original` | the raw annotation |
| `rouge_score` | Rouge-L F of output and original |
| `reward` | the reward judge's score of the output |
| `nli_similarity` | questions: logits of contradiction, entailment, neutral |
| `sts_similarity` | captions: similarity of output and original |
| `filtered_paragraphs` | captions of several paragraphs: those taken away, with their CLIPScore |
| `paragraph_clip_scores` | captions of several paragraphs: CLIPScores of those that stayed |

## Sources
The images are not part of this dataset, except those in `pf1m_images/`: images with a mark that the instruction speaks
of, and members of archives. Each source's own licence holds for its annotations and images.

| source | records | licence as its makers state it |
|---|---:|---|
{chr(10).join(rows)}

{_rewriter(backend)}## Filters
{funnel}

Judges: {_listed(judges)}. Settings: {_listed(thresholds)}.
{_alarms(alarms)}"""


def _alarms(lines: Sequence[str]) -> str:
    """The alarms as a section; nothing if they were not looked for."""
    if not lines:
        return ""
    return (
        "\n".join(["", "## Alarms about the whole", f"{lines[0]} `funnel.html` shows all.", ""])
        + "".join(f"\n- {line}" for line in lines[1:])
        + "\n" * (len(lines) > 1)
    )


def _rewriter(backend: Mapping[str, Any] | None) -> str:
    """What decided the rewriter's texts, as a section; nothing if it isn't known."""
    if not backend:
        return ""
    rows = [
        f"| {key.replace('_', ' ')} | {_cell(value)} |" for key, value in backend.items() if value not in (None, {})
    ]
    return "\n".join(["## Rewriter", "| setting | value |", "|---|---|", *rows, "", ""])


def _cell(value: Any) -> str:
    return "`" + _text(value).replace("|", "\\|").replace("\n", " ").replace("`", "'") + "`"


def _source(name: str, row: Any) -> str:
    return f"[{row.title}]({row.homepage})" if row is not None else name


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} `{_text(value)}`" for name, value in values.items())


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, Sequence) and not isinstance(value, str) else str(value)


def size_category(total: int) -> str:
    """The hub's size category."""
    bounds = (
        (1_000, "n<1K"),
        (10_000, "1K<n<10K"),
        (100_000, "10K<n<100K"),
        (1_000_000, "100K<n<1M"),
        (10_000_000, "1M<n<10M"),
    )
    return next((name for bound, name in bounds if total < bound), "10M<n<100M")
