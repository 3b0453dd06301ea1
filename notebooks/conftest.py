"""Under nbval the notebooks work in the miniature run: the same code, minutes instead of half an hour."""

from __future__ import annotations

import os

from tests.miniature import PRESET, RUN, SEED, SETTINGS, made

if "PYTEST_XDIST_WORKER" in os.environ:  # as in tests/conftest.py, which pytest does not read for notebooks alone
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")


def pytest_collection_modifyitems(items):
    """Append the miniature's parameters to every cell tagged `parameters`; cell numbers stay as they are."""
    values = {"run": str(RUN), "preset": PRESET, "seed": SEED, "settings": list(SETTINGS)}
    override = "\n".join(f"{name} = {value!r}" for name, value in values.items())
    for item in items:
        cell = getattr(item, "cell", None)
        if cell is not None and "parameters" in cell.get("metadata", {}).get("tags", []):
            cell["source"] = f"{cell['source']}\n{override}"


def pytest_runtest_setup(item):
    """Of several workers one makes the run before any notebook begins; else a notebook makes the steps it needs."""
    if hasattr(item, "cell") and "PYTEST_XDIST_WORKER" in os.environ:
        made()


def pytest_configure():
    """Kernels that nbval starts show progress as lines, not as bars."""
    os.environ.setdefault("FLAMINGO_PLAIN_PROGRESS", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
