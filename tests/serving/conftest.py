"""A server with a tiny real model, in a process of its own."""

from __future__ import annotations

import base64
import io
import os
import re
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from tests.chat.conftest import tokenizer  # noqa: F401


class Server:
    """A running `flamingo serve`.

    Attributes:
        url: its address.
        process: of the server.
        log: file of what it says.
    """

    def __init__(self, log, *options, model="openflamingo-tiny"):
        self.log = log
        with open(log, "w") as file:
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "flamingo_lib.cli",
                    "serve",
                    "--model",
                    str(model),
                    "--port",
                    "0",
                    *options,
                ],
                stdout=file,
                stderr=file,
                env=os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
            )
        end = time.monotonic() + 300
        while not (found := re.search(r"at (http://[^ ]+)", log.read_text())):
            assert self.process.poll() is None, log.read_text()
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.1)
        self.url = found[1]
        self._wait()

    def _wait(self):
        import httpx

        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                if httpx.get(f"{self.url}/health").status_code == 200:
                    return
            except httpx.HTTPError:
                time.sleep(0.1)
        raise AssertionError("the server is not well")

    def stop(self):
        """Ask it to end, and wait."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                raise


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("serve") / "log", "--name", "tiny")
    yield running
    running.stop()
    assert "Traceback" not in running.log.read_text()


def data_uri(color="red", side=72, kind="PNG"):
    """An image as the protocol has it."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), color).save(buffer, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def asking(text="What color is the circle?", **more):
    """A request with one image."""
    content = [{"type": "image_url", "image_url": {"url": data_uri()}}, {"type": "text", "text": text}]
    return {"model": "tiny", "messages": [{"role": "user", "content": content}], "max_tokens": 12, **more}
