"""`flamingo chat`: talk with a model about images, or let a rewriter rewrite."""

from __future__ import annotations

import json
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..serving.backend import Backend
    from ..serving.session import Session

HELP = """Type a message, or one of:
  /image FILE   add an image to your next message
  /draft TEXT   let your next message's answer be this draft, rewritten
  /undo         take back the last exchange
  /history      show the conversation
  /save FILE    write the conversation as JSON
  /new          forget the conversation
  /help         show this
  /quit         end (as does Ctrl-D); Ctrl-C stops an answer"""

COMMAND = re.compile(r"/([a-z]+)(?:\s+(.*))?$", re.DOTALL)


def chat(
    model: Annotated[
        str | None,
        typer.Option(
            help="model folder, or the name of a shipped checkpoint or released Flamingo; the preset's base by default"
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(help="folder of released weights, for a released Flamingo: openflamingo-9b, clever-flamingo, ..."),
    ] = None,
    image: Annotated[list[Path] | None, typer.Option(help="image file; may be given several times")] = None,
    question: Annotated[
        str | None, typer.Option(help="ask this one question and end; without it the chat is interactive")
    ] = None,
    draft: Annotated[str | None, typer.Option(help="a raw answer to rewrite, if the model is a rewriter")] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="the longest answer, tokens")] = 160,
    temperature: Annotated[float, typer.Option(min=0, help="0 is greedy")] = 0.0,
    preset: Annotated[str, typer.Option(help="whose base model is used without --model")] = "tiny",
    seed: Annotated[int, typer.Option(help="of the answers' random draws")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON, one object an answer")] = False,
) -> None:
    """Chat with a Flamingo, or with any image-text-to-text model of Transformers, with images.

    Answers appear as they are written; /help lists what can be typed. `flamingo serve` gives the same answers to the
    same turns and seed.
    """
    from ..presets import load_preset
    from ..serving.load import load_backend
    from ..serving.session import Session

    chosen = load_preset(preset).model
    backend: Backend = (
        load_backend(model or chosen.base, role="the model to chat with", optimize=chosen.optimize_for_cpu)
        if weights is None
        else _released(model or chosen.base, weights, optimize=chosen.optimize_for_cpu)
    )
    session = Session(backend, max_new_tokens=max_new_tokens, temperature=temperature, seed=seed)
    terminal = Terminal(session, list(image or []), draft, as_json)
    if question is not None:
        terminal.ask(question)
        return
    if sys.stdin.isatty():
        with suppress(ImportError):
            import readline  # noqa: F401 (lines can be edited, and earlier ones come back with the arrow keys)
        print(HELP, file=sys.stderr)
    terminal.run()


def _released(name: str, weights: Path, *, optimize: bool) -> Backend:
    """A released Flamingo made in memory, in bfloat16, as its authors ran it in half precision."""
    import torch

    from ..cpu import optimize_for_cpu
    from ..model.lora import merge_lora
    from ..released import check_weights_root
    from ..serving.flamingo_backend import FlamingoBackend
    from ..training.released import build_released

    model, processor, imported = build_released(name, check_weights_root(weights), dtype=torch.bfloat16)
    _say("\n".join(imported.lines()))
    if model.config.lora:
        merge_lora(model)
    return FlamingoBackend(optimize_for_cpu(model) if optimize else model, processor, name)


class Terminal:
    """Chat loop over standard input and output.

    Args:
        session: the conversation.
        images, draft: of the next message.
        as_json: print one JSON object an answer, and nothing before it is whole.
    """

    def __init__(self, session: Session, images: list[Path], draft: str | None, as_json: bool) -> None:
        self.session, self.images, self.draft, self.as_json = session, images, draft, as_json

    def run(self) -> None:
        """Read a line, print an answer, until the end of the input or /quit."""
        from ..errors import FlamingoError

        while True:
            try:
                line = input("You: " if sys.stdin.isatty() else "").strip()
            except (EOFError, KeyboardInterrupt):
                return
            command = COMMAND.match(line)
            if command is not None and command[1] == "quit":
                return
            try:
                if command is not None:
                    self.command(command[1], (command[2] or "").strip())
                elif line:
                    self.ask(line)
            except FlamingoError as error:
                print(f"error: {error}", file=sys.stderr)
            except KeyboardInterrupt:
                print("\nstopped; the message is taken back", file=sys.stderr)

    def ask(self, question: str) -> None:
        """Ask, and print the answer as it is written; images and draft are used up."""
        images, draft = self.images, self.draft
        self.images, self.draft = [], None
        if self.as_json:
            answer = self.session.ask(question, images, draft=draft)
            shown = {"question": question, "images": [str(path) for path in images], "answer": answer}
            print(json.dumps(shown, ensure_ascii=False))
            return
        self.session.ask(question, images, draft=draft, on_text=lambda text: print(text, end="", flush=True))
        print()

    def command(self, name: str, rest: str) -> None:
        """Carry out a line that begins with a slash."""
        if name == "image" and rest:
            self.images.append(Path(rest).expanduser())
        elif name == "draft":
            self.draft = rest or None
        elif name == "undo":
            taken = self.session.undo()
            _say("there is nothing to take back" if taken is None else f"taken back: {taken.instruction}")
        elif name == "history":
            for turn in self.session.turns:
                images = f" [{turn.images} image{'s' if turn.images > 1 else ''}]" if turn.images else ""
                print(f"You:{images} {turn.instruction}\nModel: {turn.response}")
        elif name == "save" and rest:
            _say(f"saved to {self.session.save(Path(rest).expanduser())}")
        elif name == "new":
            self.session.reset()
            self.images, self.draft = [], None
        elif name == "help":
            _say(HELP)
        else:
            needed = {"image": "/image FILE", "save": "/save FILE"}.get(name)
            _say(f"give it as {needed}" if needed else f"there is no command /{name}; /help lists them")


def _say(text: str) -> None:
    """Print what is no answer, beside the answers."""
    print(text, file=sys.stderr)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(chat)
