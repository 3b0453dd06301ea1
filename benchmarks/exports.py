"""Exports: what a million records cost on their way through reading, corpus alarms and a target's files.

Run `python benchmarks/exports.py [--quick] [--json FILE] [--only ROW]`. Times are processor time of one process on one
thread. With `--quick` the million is a hundred thousand.
"""

from __future__ import annotations

import random
import tempfile
from functools import cache
from pathlib import Path

from harness import Row, in_fresh_process, main
from PIL import Image

from flamingo_lib.records import Rewrite, Sample, Verdict
from flamingo_lib.rewriting.shards import encode_shard, shard_path, write_shard
from flamingo_lib.storage import write_json

SOURCE, SHARD, IMAGES = "vqa-v2", 512, 200
WORDS = "circle square star ring triangle cross heart arrow cube ball".split()
COLORS = "red green blue yellow black orange purple gray".split()
SENTENCES = (
    "The {} {} on the {} side is {}.",
    "You can see a {} {} at the {}: it is {}.",
    "It is a {} {} near the {} edge, painted {}.",
)

EXPORT = """
import sys, time
from flamingo_lib.exports.run import export_dataset

start = time.process_time()
summary = export_dataset(sys.argv[1] + "/job", "llava", sys.argv[1] + "/out")
assert summary["records"] == int(sys.argv[2]), summary
assert all(alarm["records"] for alarm in summary["alarms"] if alarm["name"] == "one sentence pattern"), summary
print((time.process_time() - start) / summary["records"])
"""


def rewrite(number: int, draw: random.Random) -> Rewrite:
    """A judged answer to a question about one of `IMAGES` images."""
    thing, color, side = draw.choice(WORDS), draw.choice(COLORS), draw.choice(("left", "right", "upper", "lower"))
    text = draw.choice(SENTENCES).format(draw.choice(("small", "large")), f"{thing} {number}", side, color)
    sample = Sample(
        f"{SOURCE}/train/{number}",
        SOURCE,
        "vqa",
        (f"{draw.randrange(IMAGES)}.png",),
        f"What color is {thing} {number}?",
        color,
    )
    scores = {"nli_similarity": [-3.0, 2.0, draw.random()], "rouge_score": draw.random(), "reward": draw.random()}
    return Rewrite(sample, text, scores=scores, verdicts=(Verdict(True, "nli", -3.0, 0.0),))


def million(count: int) -> tuple[float, float]:
    """(seconds of processor time a record, peak MB) of an export of `count` records, alarms included."""
    draw = random.Random(0)
    with tempfile.TemporaryDirectory(prefix="flamingo-bench-") as folder:
        root = Path(folder) / SOURCE
        root.mkdir()
        for number in range(IMAGES):
            Image.new("RGB", (32, 32), (number, 0, 0)).save(root / f"{number}.png")
        for start in range(0, count, SHARD):
            some = [rewrite(number, draw) for number in range(start, min(count, start + SHARD))]
            write_shard(shard_path(Path(folder) / "job", start // SHARD), encode_shard(some, ""))
        write_json(Path(folder) / "job" / "sources.json", {"roots": {SOURCE: str(root)}, "rewriter": "benchmark"})
        return in_fresh_process(EXPORT, folder, str(count))


@cache
def of_million(quick: bool) -> tuple[float, float]:
    """One run for both rows of the million."""
    return million(100_000 if quick else 1_000_000)


def export_million_mb(quick: bool) -> float:
    """Peak memory of the process, MB."""
    return of_million(quick)[1]


def export_unit_cost(quick: bool) -> float:
    """Processor time a record: of a million over that of ten thousand."""
    return of_million(quick)[0] / min(million(10_000)[0] for _ in range(1 if quick else 3))


ROWS = [
    Row("export_million_mb", "peak memory of exporting a million records, MB", export_million_mb, at_most=1000, runs=1),
    Row(
        "export_unit_cost",
        "processor time a record, a million / ten thousand",
        export_unit_cost,
        at_most=1.15,
        runs=1,
    ),
]

if __name__ == "__main__":
    main(ROWS)
