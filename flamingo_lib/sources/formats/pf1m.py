"""Reader of PF-1M: the released file, and what ``build-pf1m`` and ``rewrite`` write."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from ...errors import DataError
from ...records import Box, Sample
from ..boxes import BOX_PREAMBLE
from ..json_stream import content_of
from ..reader import BadRecord, Reader

_image_mark = re.compile(r"<img_path>(.*?)<img_path>", re.DOTALL)
_box_line = re.compile(r"^(.+): \[([\d.]+), ([\d.]+), ([\d.]+), ([\d.]+)\]\s*$", re.MULTILINE)

SCORES = ("rouge_score", "reward", "nli_similarity", "sts_similarity", "paragraph_clip_scores", "filtered_paragraphs")

END = "end of shard"
"""The key of a shard's last line, which is no record."""


def pf1m(reader: Reader) -> Iterator[Sample]:
    """PF-1M as released or built here: the response is the polite output; raw annotation and scores are in `meta`.

    Read from the JSON file, else from Parquet files, else from the kept records of a job's shards.
    """
    if reader.files("records"):
        records = _released(reader, reader.files("records"))
    elif files := reader.files("parquet"):
        records = _parquet(reader, files)
    elif files := reader.files("shards"):
        yield from _shards(reader, files)
        return
    else:
        records = _released(reader, reader.files("copy") or [reader.file("records")])
    for file, key, record in records:
        with reader.keep(file, key):
            yield _sample(reader, key, record)


def _sample(reader: Reader, key: int | str, record: dict[str, Any]) -> Sample:
    text = record["input"]
    images = tuple(reader.image(file=path.strip()) for path in _image_mark.findall(text))
    instruction = _image_mark.sub("\n", text).strip()
    if "<img_path>" in instruction:
        raise BadRecord("malformed: an <img_path> mark without its partner")
    original = record["original"]
    block = original.partition(BOX_PREAMBLE)[2]
    boxes = [Box(match[1], *(float(value) for value in match.groups()[1:])) for match in _box_line.finditer(block)]
    task = "vqa" if "nli_similarity" in record else "caption" if "sts_similarity" in record else "instruction"
    return reader.sample(
        key,
        images=images,
        instruction=re.sub(r"[ \t]*\n+", "\n", instruction),
        raw=record["output"],
        boxes=boxes,
        task=task,
        original=original,
        **{name: record[name] for name in SCORES if name in record},
    )


def _released(reader: Reader, files: list[str]) -> Iterator[tuple[str, int | str, Any]]:
    for _, key, record in reader.items(files[0], lines=True):
        yield files[0], key, record


def _parquet(reader: Reader, files: list[str]) -> Iterator[tuple[str, int, Any]]:
    """Rows as the released file's records: columns without a value left out, scored paragraphs as pairs."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    position = 0
    for file in files:
        path = reader.root / file
        try:
            with pq.ParquetFile(path) as table:
                for batch in table.iter_batches(batch_size=1024):
                    for row in batch.to_pylist():
                        record = {name: value for name, value in row.items() if value is not None}
                        if "filtered_paragraphs" in record:
                            record["filtered_paragraphs"] = [
                                [item["score"], item["text"]] for item in record["filtered_paragraphs"]
                            ]
                        yield file, position, record
                        position += 1
        except (pa.ArrowException, OSError) as error:
            found = content_of(path)
            raise DataError(
                f"the Parquet file cannot be read{f': it is {found}' if found else ''}",
                file=path,
                remedy="Download it again.",
            ) from error


def _shards(reader: Reader, files: list[str]) -> Iterator[Sample]:
    """The records of a job that no filter dropped, with the rewrite as the response."""
    position = 0
    for file in files:
        for _, number, record in reader.items(file, lines=True):
            if isinstance(record, dict) and (END in record or not _kept(record)):
                continue
            with reader.keep(file, f"line {number}"):
                sample, source = record["sample"], record["sample"]["source"]
                if record["scores"].get("error"):
                    raise BadRecord(f"no rewrite: {record['scores']['error']}")
                edits = [verdict["edit"] for verdict in record["verdicts"] if verdict["edit"] is not None]
                position += 1
                yield reader.sample(
                    position - 1,
                    images=tuple(reader.image(file=f"{source}/{path}") for path in sample["images"]),
                    instruction=sample["instruction"],
                    raw=edits[-1] if edits else record["output"],
                    boxes=tuple(Box(**box) for box in sample["boxes"]),
                    task=sample["task"],
                    original=sample["raw"],
                    **({"mark": sample["meta"]["mark"]} if sample["meta"].get("mark") else {}),
                    **{name: record["scores"][name] for name in SCORES if name in record["scores"]},
                )


def _kept(record: dict[str, Any]) -> bool:
    return all(verdict.get("keep", True) for verdict in record.get("verdicts", ()))
