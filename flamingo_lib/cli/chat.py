"""`flamingo chat`: talk with a model about images, or let a rewriter rewrite."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..model.flamingo import FlamingoForConditionalGeneration
    from ..model.processor import FlamingoProcessor
    from ..serving.session import ChatSession

HELP = "/image FILE adds an image to your next message, /new forgets the conversation, /quit ends."


def chat(
    model: Annotated[
        str | None,
        typer.Option(
            help="model folder, or name of a shipped checkpoint or released Flamingo; the preset's base by default"
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
    """Chat with a Flamingo, with images."""
    from ..loading import load_model
    from ..presets import load_preset
    from ..serving.session import ChatSession

    chosen = load_preset(preset).model
    if weights is not None:
        loaded = _released(model or chosen.base, weights, optimize=chosen.optimize_for_cpu)
    else:
        loaded = load_model(
            model or chosen.base, role="the model to chat with", merge=True, optimize=chosen.optimize_for_cpu
        )
    session = ChatSession(
        *loaded,
        max_new_tokens=max_new_tokens,
        temperature=temperature,
        seed=seed,
    )
    images = list(image or [])
    if question is not None:
        _show(session.ask(question, images, draft=draft), question, images, as_json)
        return
    if sys.stdin.isatty():
        print(HELP, file=sys.stderr)
    _converse(session, images, draft, as_json)


def _released(
    name: str, weights: Path, *, optimize: bool
) -> tuple[FlamingoForConditionalGeneration, FlamingoProcessor]:
    """A released Flamingo made in memory, in bfloat16, as its authors ran it in half precision."""
    import torch

    from ..cpu import optimize_for_cpu
    from ..model.lora import merge_lora
    from ..released import check_weights_root
    from ..training.released import build_released

    model, processor, imported = build_released(name, check_weights_root(weights), dtype=torch.bfloat16)
    print("\n".join(imported.lines()), file=sys.stderr)
    if model.config.lora:
        merge_lora(model)
    return (optimize_for_cpu(model) if optimize else model), processor


def _converse(session: ChatSession, images: list[Path], draft: str | None, as_json: bool) -> None:
    """Chat loop: reads a line, prints an answer, until the end of the input."""
    from ..errors import FlamingoError

    while True:
        try:
            line = input("You: " if sys.stdin.isatty() else "").strip()
        except EOFError:
            return
        command, _, rest = line.partition(" ")
        if command == "/quit":
            return
        if command == "/new":
            session.reset()
            images.clear()
        elif command == "/image":
            images.append(Path(rest).expanduser())
        elif line:
            try:
                _show(session.ask(line, images, draft=draft), line, images, as_json)
            except FlamingoError as error:
                print(f"error: {error}", file=sys.stderr)
            images.clear()
            draft = None


def _show(answer: str, question: str, images: list[Path], as_json: bool) -> None:
    if as_json:
        print(
            json.dumps(
                {"question": question, "images": [str(path) for path in images], "answer": answer}, ensure_ascii=False
            )
        )
    else:
        print(answer)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(chat)
