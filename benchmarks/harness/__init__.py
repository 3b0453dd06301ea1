"""What every benchmark of this folder shares: rows with an aim, a table, and the JSON file.

A benchmark is a script with a list of `Row`s that ends in ``main(rows)``. Each row's value is the median of its runs.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        key: its name in the JSON file.
        what: what is measured, a line for people.
        measure: called with ``quick``; returns one run's value.
        at_least: the aim, if more is better.
        at_most: the aim, if less is better.
        runs: how often it is measured; once with ``--quick``.
    """

    key: str
    what: str
    measure: Callable[[bool], float]
    at_least: float | None = None
    at_most: float | None = None
    runs: int = 3

    def reached(self, value: float) -> bool:
        """True if `value` reaches the aim, or if there is none."""
        return (self.at_least is None or value >= self.at_least) and (self.at_most is None or value <= self.at_most)


class NotInstalled(Exception):
    """Raised by a row that needs a package which isn't there; its text says how to get it."""


PEAK = """
import resource, sys
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
if sys.platform == "linux":  # there the number above begins with the parent's memory
    peak = next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(peak)
"""


def in_fresh_process(code: str, *arguments: str) -> tuple[float, float]:
    """Run Python `code` in a process of its own: (the number it prints last, its peak memory in MB).

    `arguments` are ``sys.argv[1:]`` there. The process computes on one thread.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    ending = PEAK
    done = subprocess.run(
        [sys.executable, "-c", code + ending, *arguments], env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"a benchmark's process failed:\n{done.stderr}")
    number, peak = done.stdout.strip().splitlines()[-2:]
    return float(number), float(peak) / (1024 if sys.platform != "darwin" else 1024**2)


def main(rows: Sequence[Row]) -> None:
    """Measure `rows` as the command line says, print the table, write the JSON file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="smaller inputs, one run each; ends within 3 minutes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    parser.add_argument("--only", action="append", metavar="ROW", help="only this row; may be repeated")
    arguments = parser.parse_args()
    unknown = set(arguments.only or ()) - {row.key for row in rows}
    if unknown:
        parser.error(f"no row {sorted(unknown)[0]!r}; there are {', '.join(row.key for row in rows)}")
    figures: dict[str, dict[str, float | None]] = {}
    print(f"{'row':<28}{'value':>12}{'aim':>14}  {'':<7}{'seconds':>8}  what", flush=True)
    for row in rows:
        if arguments.only and row.key not in arguments.only:
            continue
        runs = 1 if arguments.quick else row.runs
        start = time.perf_counter()
        try:
            value = statistics.median(row.measure(arguments.quick) for _ in range(runs))
        except NotInstalled as missing:
            figures[row.key] = {"value": None}
            print(f"{row.key:<28}{'-':>12}{'':>14}  {'':<7}{'':>8}  {row.what}: not installed, {missing}", flush=True)
            continue
        seconds = time.perf_counter() - start
        aim = (
            {"at_least": row.at_least}
            if row.at_least is not None
            else {"at_most": row.at_most}
            if row.at_most is not None
            else {}
        )
        figures[row.key] = {"value": round(value, 4), **aim, "runs": runs}
        sign = "".join(f"{'>=' if name == 'at_least' else '<='} {bound:,g}" for name, bound in aim.items())
        verdict = "" if not aim else "reached" if row.reached(value) else "MISSED"
        print(
            f"{row.key:<28}{value:>12,.3f}{sign:>14}  {verdict:<7}{seconds:>8.1f}  {row.what}",
            flush=True,
        )
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
