"""Run the campaign: `python -m tests.faults --out build/faults`; ends with 1 if a fault was not stood.

`--kills 25` is the whole of it; `--short` is what the tests run.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import traceback
from pathlib import Path

ONLY = ("rewrite (server)", "serve", "build-pf1m", "train", "pipeline", "pipeline (2 jobs)")


def main() -> int:
    """The campaign on the commands chosen; the report is written whatever comes of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the report")
    parser.add_argument("--kills", type=int, default=25, help="kill -9 so many times, each command")
    parser.add_argument("--only", nargs="+", choices=ONLY, default=list(ONLY))
    parser.add_argument("--short", action="store_true", help="one of each fault that needs no new interpreter")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
    from tests.faults.campaign import ENVIRONMENTS, Campaign, turkish
    from tests.faults.commands import commands
    from tests.faults.inputs import make_inputs, start_answering
    from tests.faults.report import Case, Report
    from tests.faults.server import ServerCampaign

    report = Report()
    url, answering = start_answering()
    try:
        with tempfile.TemporaryDirectory(prefix="faults-") as base:
            folder = Path(base)
            inputs = make_inputs(folder / "inputs", url)
            shares = (0.6,) if given.short else (0.2, 0.6, 0.95)
            locales = turkish(folder / "locales")
            environments = (
                {} if given.short else {title: {**values, **locales} for title, values in ENVIRONMENTS.items()}
            )
            known = commands(inputs)
            for name in given.only:
                try:
                    if name == "serve":
                        ServerCampaign(inputs.model, folder / name, report, given.seed)(given.kills, environments)
                    else:
                        Campaign(known[name], folder / name, report, given.seed)(given.kills, shares, environments)
                except Exception as error:  # the other commands are to be tried all the same
                    traceback.print_exc()
                    report.add(Case("campaign", name, problem=f"{type(error).__name__}: {error}"))
                report.write(given.out)
    finally:
        os.kill(answering, signal.SIGKILL)
        report.write(given.out)
    print(report.table())
    print(f"{len(report.cases)} cases, {len(report.failed)} not stood")
    return int(bool(report.failed))


if __name__ == "__main__":
    sys.exit(main())
