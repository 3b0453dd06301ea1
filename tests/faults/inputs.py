"""What the commands of the campaign read: a small data root, random models, chats, and a server that answers."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.rewriting.small_models import save_judges, save_rewriter, write_root


@dataclass(frozen=True)
class Inputs:
    """Folders and settings that every command of the campaign starts from.

    Attributes:
        root: a Scenes data root.
        model: the folder of a random Flamingo: rewriter, base of the training, and what is served.
        judges: settings that name random judges.
        chats: a file of chats to train on; `images` is the folder of their images.
        url: of a server that answers every request with a text that depends on nothing but the request.
    """

    root: Path
    model: Path
    judges: tuple[str, ...]
    chats: Path
    images: Path
    url: str


def make_inputs(folder: Path, url: str) -> Inputs:
    """Write everything below `folder`."""
    root, model = folder / "data", folder / "model"
    write_root(root)
    save_rewriter(model)
    judges = tuple(save_judges(folder / "judges"))
    images = next(path.parent for path in sorted(root.rglob("*.png")))
    chats = folder / "chats.jsonl"
    names = [path.name for path in sorted(images.glob("*.png"))]
    rows = [
        {
            "id": f"chat/{number}",
            "turns": [
                {
                    "instruction": f"What color is the circle number {number}?",
                    "response": f"The circle is large and {('red', 'blue', 'green')[number % 3]}.",
                    "images": number % 2,
                }
            ],
            "images": [names[number % len(names)]] * (number % 2),
        }
        for number in range(24)
    ]
    chats.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return Inputs(root, model, judges, chats, images, url)


class Answers(BaseHTTPRequestHandler):
    """Says what the draft says, in a sentence."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._send({"data": [{"id": "tiny"}]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        time.sleep(0.02)
        asked = next(part["text"] for part in body["messages"][-1]["content"] if part["type"] == "text")
        words = asked.split("Drafted response: ", 1)[-1].split("\n", 1)[0]
        choice = {"message": {"role": "assistant", "content": f"It is {words}."}, "finish_reason": "stop"}
        used = {"prompt_tokens": len(asked), "completion_tokens": len(words)}
        self._send({"model": "tiny", "choices": [choice], "usage": used})

    def _send(self, value: dict) -> None:
        content = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        return


def start_answering() -> tuple[str, int]:
    """Start the server in a process of its own; gives its address and process id."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    process = os.fork()
    if not process:
        try:
            server.serve_forever()
        finally:
            os._exit(0)
    server.server_close()
    return f"http://127.0.0.1:{server.server_address[1]}/v1", process
