"""What all tests start from, and the order in which several workers take them."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

NOBODY = 65534
ROOT = Path(__file__).parents[1]
FIRST = (
    "tests/pipeline/test_miniature.py",  # makes the run that the notebooks work in
    "tests/project/test_site.py",
    "tests/rewriting/test_executors_ray.py",
    "tests/training/test_assemble.py",
    "tests/pretraining/test_pretraining.py",
    "tests/project/test_readme_runs.py",
    "notebooks",
)
"""What several workers begin with: the longest files, so that none is left over at the end; then the notebooks."""

if "PYTEST_XDIST_WORKER" in os.environ:  # before torch counts the cores: each worker has one
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # where a run takes two threads, they don't spin


def pytest_configure():
    """Ctrl-C means what it does at a terminal, in the processes that tests start too: a shell's background jobs come
    with it ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Bring `FIRST` to the front where there are several workers; they take files in the order they are collected."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        items.sort(key=place)


def place(item) -> int:
    """Where an item's file stands in `FIRST`; all others come behind."""
    path = item.path.relative_to(ROOT)
    ways = {str(path), *map(str, path.parents)}
    return next((number for number, name in enumerate(FIRST) if name in ways), len(FIRST))


@pytest.fixture
def read_only_folder():
    """A folder that this process may not write to, even where the tests run as root."""
    with tempfile.TemporaryDirectory() as base:
        os.chmod(base, 0o755)
        folder = Path(base, "read only")
        folder.mkdir()
        (folder / "old").write_text("old")
        folder.chmod(0o555)
        user = os.geteuid()
        if user == 0:
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            os.seteuid(user)
            folder.chmod(0o755)


@pytest.fixture(scope="session")
def released_weights(tmp_path_factory):
    """The folder of the paper's released weights at tiny width; tests that change it work on a copy."""
    from tests.released_weights import save_weights

    return save_weights(tmp_path_factory.mktemp("weights"))
