"""Makes the samples beside it: for every dataset of the catalogue a few records in its official format, over pictures
drawn here.

Run `python data_samples/sources/make_samples.py [NAME ...] [--out DIR]`. The texts and pictures are ours (see
data_samples/LICENCES.md); only file names, field names and structure are the makers'.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from _make import MAKERS  # noqa: E402


def make(name: str, out: Path) -> None:
    """Write the sample of one dataset to ``out/name``, replacing an older one."""
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    MAKERS[name](folder)


def main() -> None:
    """Parse the command line and make the samples."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="catalogue names; all of them by default")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write (default: beside this script)")
    arguments = parser.parse_args()
    for name in arguments.names or MAKERS:
        make(name, arguments.out)


if __name__ == "__main__":
    main()
