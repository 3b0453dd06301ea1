"""A backend without a model, and a server of it in this process."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager

import uvicorn

from flamingo_lib.cli.serve import listen
from flamingo_lib.serving.app import ServerSettings, create_app
from flamingo_lib.serving.backend import Prompt
from flamingo_lib.serving.connections import bounded_protocol
from flamingo_lib.serving.protocol import Asked


class EchoBackend:
    """Answers with the characters of the last instruction, one a token, `delay` seconds apart.

    Attributes:
        batches: the sizes of the batches so far.
    """

    name = "echo"

    def __init__(self, delay: float = 0.0) -> None:
        self.delay = delay
        self.batches: list[int] = []

    def read_images(self, images):
        return tuple(images)

    def prepare(self, asked: Asked, images):
        text = asked.turns[-1].instruction
        return Prompt(text, tuple(images), len(text), group=len(images))

    def decode(self, ids):
        return "".join(map(chr, ids))

    def answer(self, batch, asked, watch):
        self.batches.append(len(batch))
        if any(prompt.rendered == "fail" for prompt in batch):
            raise RuntimeError("what people wrote")
        alive = list(range(len(batch)))
        for step in range(max(len(prompt.rendered) for prompt in batch)):
            time.sleep(self.delay)
            alive = [row for row in alive if step < len(batch[row].rendered)]
            stopped = set(watch(list(alive), [ord(batch[row].rendered[step]) for row in alive]))
            alive = [row for row in alive if row not in stopped]
            if not alive:
                return


@contextmanager
def running(backend, limits):
    """(host, port) of a server in a thread, under these limits."""
    app = create_app(backend, ServerSettings(limits))
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(app, http=bounded_protocol(limits), ws="none", log_level="error", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listener.getsockname()[:2]
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()
