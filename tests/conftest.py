"""What all tests start from."""

import signal


def pytest_configure():
    """Ctrl-C means what it does at a terminal, in the processes that tests start too: a shell's background jobs come
    with it ignored.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
