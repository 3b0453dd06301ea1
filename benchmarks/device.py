"""An accelerator, checked and measured in one go: what it computes against the CPU, and how fast beside others.

Run `python benchmarks/device.py [--minutes 4] [--device cuda|cpu] [--json FILE]`. Without CUDA it says so and ends with
0; `--device cpu` tries the script itself. Checks come first: both parity fixtures, forward, backward and greedy
generation in float32 and bfloat16, a stage of each kind, a job with each backend. Then rewriting and training are
measured beside open-flamingo (where it is installed) and plain Transformers. The tolerances stand in
`device_checks.TOLERANCES`. Exit code 1 if a check fails.
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import time
from dataclasses import asdict
from pathlib import Path

import torch
from harness import ROOT

sys.path.insert(0, str(ROOT))


def main() -> int:
    """Check, measure, print; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--minutes", type=float, default=4, help="begin nothing after so many minutes")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--only", action="append", help="only checks of this name, or `speed`; may be repeated")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        print("no CUDA device on this machine: nothing was checked or measured (--device cpu tries the script)")
        return 0
    from device_checks import CHECKS, Check

    unknown = set(given.only or ()) - {*CHECKS, "speed"}
    if unknown:
        parser.error(f"no check {sorted(unknown)[0]!r}; there are {', '.join([*CHECKS, 'speed'])}")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # float32 is to be float32
    end = time.monotonic() + 60 * given.minutes
    name = device_name(given.device)
    print(f"{name}, PyTorch {torch.__version__}\n")
    print(f"{'check':<28}{'found':>12}{'at most':>12}  {'':<7}note", flush=True)
    checks: list[Check] = []
    left_out: list[str] = []
    for title, check in CHECKS.items():
        if given.only and title not in given.only:
            continue
        if time.monotonic() > end:
            left_out.append(title)
            continue
        for row in check(given.device):
            checks.append(row)
            verdict = "ok" if row.ok else "FAILED"
            print(f"{row.name:<28}{row.found:>12.2e}{row.at_most:>12.2e}  {verdict:<7}{row.note}", flush=True)
    speeds = []
    if not given.only or "speed" in given.only:
        from device_speed import measure

        print(f"\n{'work':<24}{'side':<26}{'per second':>12}{'ours is':>10}", flush=True)
        for speed in measure(given.device, lambda: end - time.monotonic()):
            speeds.append(speed)
            print(f"{speed.work:<24}{speed.side:<26}{speed.per_second:>12,.1f}{speed.ours:>9.2f}x", flush=True)
        if time.monotonic() > end:
            left_out.append("measurements after the last row")
    for what in left_out:
        print(f"left out, as the {given.minutes:g} minutes are over: {what}")
    failed = [row.name for row in checks if not row.ok]
    print(f"\n{name}: {len(checks) - len(failed)} of {len(checks)} checks passed")
    if given.json:
        rows = [asdict(row) | {"ok": row.ok} for row in checks]
        figures = {"device": name, "checks": rows, "speeds": [asdict(speed) for speed in speeds], "left_out": left_out}
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return 1 if failed else 0


def device_name(device: str) -> str:
    """As its maker calls it."""
    if device == "cuda":
        return torch.cuda.get_device_name()
    return f"CPU ({platform.processor() or platform.machine()})"


if __name__ == "__main__":
    sys.exit(main())
