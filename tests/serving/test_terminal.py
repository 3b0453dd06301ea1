"""Chat in the terminal: what is typed, what is printed where, and what goes wrong."""

from __future__ import annotations

import builtins
import json

import pytest
from PIL import Image

from flamingo_lib.cli.chat import Terminal
from flamingo_lib.serving.session import Session
from tests.serving.fakes import EchoBackend


@pytest.fixture
def talk(monkeypatch, capsys):
    """Types lines into a chat; gives back what was printed, beside it, and the session."""

    def run(*lines, backend=None, as_json=False):
        session = Session(backend or EchoBackend())
        typed = iter(lines)

        def read(_prompt):
            line = next(typed, None)
            if line is None:
                raise EOFError
            return line

        monkeypatch.setattr(builtins, "input", read)
        Terminal(session, [], None, as_json).run()
        printed = capsys.readouterr()
        return printed.out, printed.err, session

    return run


def test_answers_come_as_they_are_written(monkeypatch):
    pieces = []
    answer = Session(EchoBackend()).ask("Hello there", on_text=pieces.append)
    assert answer == "Hello there" == "".join(pieces) and len(pieces) > 5


def test_answers_are_printed_and_all_else_stands_beside_them(talk):
    out, err, session = talk(
        "hello", "/undo", "/undo", "", "/help", "/nothing", "/image", "bye", "/history", "/quit", "x"
    )
    assert out == "hello\nbye\nYou: bye\nModel: bye\n"
    said = err.splitlines()
    assert said[:2] == ["taken back: hello", "there is nothing to take back"]
    assert "  /save FILE    write the conversation as JSON" in said
    assert said[-2:] == ["there is no command /nothing; /help lists them", "give it as /image FILE"]
    assert [turn.instruction for turn in session.turns] == ["bye"]


def test_what_begins_like_a_path_is_a_message(talk):
    assert talk("/tmp/a.png shows what?", "/ what")[0] == "/tmp/a.png shows what?\n/ what\n"


def test_images_and_drafts_belong_to_the_next_message(talk, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a b.png")
    out, _, session = talk(f"/image {tmp_path / 'a b.png'}", "/draft red", "one", "two", as_json=True)
    assert [json.loads(line)["images"] for line in out.splitlines()] == [[str(tmp_path / "a b.png")], []]
    assert [(turn.images, turn.draft) for turn in session.turns] == [(1, "red"), (0, None)]


def test_a_conversation_is_saved_as_the_endpoint_takes_it(talk, tmp_path):
    save = f"/save {tmp_path / 'chat.json'}"
    _, err, _ = talk("/image a.png", "one", "/draft d", "two", save, f"{save}/a.json")
    assert json.loads((tmp_path / "chat.json").read_text()) == {
        "model": "echo",
        "max_tokens": 160,
        "temperature": 0.0,
        "seed": 0,
        "messages": [
            {"role": "user", "content": "one", "images": ["a.png"]},
            {"role": "assistant", "content": "one"},
            {"role": "user", "content": "two", "draft": "d"},
            {"role": "assistant", "content": "two"},
        ],
    }
    assert "saved to" in err and "error: could not" in err


def test_an_answer_that_is_stopped_is_taken_back(talk):
    backend = EchoBackend()
    answer = backend.answer

    def stop(batch, asked, watch):
        backend.answer = answer
        raise KeyboardInterrupt

    backend.answer = stop
    out, err, session = talk("first", "second", backend=backend)
    assert out == "second\n" and "the message is taken back" in err and len(session.turns) == 1
