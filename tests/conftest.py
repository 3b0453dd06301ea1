"""What all tests start from."""

import os
import signal
import tempfile
from pathlib import Path

import pytest

NOBODY = 65534


def pytest_configure():
    """Ctrl-C means what it does at a terminal, in the processes that tests start too: a shell's background jobs come
    with it ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
