"""The chat bench: one conversation put to a model of one's choice, as it is written, and as the model reads it.

`chat_view` shows a conversation; `ChatBench` has controls for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from ..chat.token_view import explain, token_view
from ..errors import FlamingoError
from ..html import Markup, definitions, details, join, message, picture
from ..serving.session import Session
from .static_frame import StaticFrame

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..records import Turn
    from ..serving.backend import Backend

SIDE = 110
"""Pixels of a picture in the conversation."""


def chat_view(
    turns: Sequence[Turn],
    pictures: Sequence[Mapping[str, Image]],
    *,
    model: str,
    writing: str | None = None,
    note: str = "",
    tokens: Markup | None = None,
) -> Markup:
    """A conversation.

    Args:
        turns: the exchanges; the last may lack its response.
        pictures: of each turn, by what they are called.
        model: the model's name.
        writing: the answer to the last turn as far as it is written; None if nothing is being written.
        note: what went wrong, or is to be known.
        tokens: the conversation as the model reads it.
    """
    rows: list[tuple[str, str]] = []
    for turn, shown in zip(turns, pictures, strict=True):
        images = (picture(image, alt=f"picture {name}", side=SIDE) for name, image in shown.items())
        rows.append(("you", join([*images, turn.instruction], " ") if shown else turn.instruction))
        if turn.response is not None:
            rows.append((model, turn.response or "(nothing)"))
    if writing is not None:
        rows.append((model, f"{writing} ▍"))
    parts: list[Markup] = [definitions(rows)] if rows else [message("Nothing has been said yet.")]
    if note:
        parts.append(message(note))
    if tokens is not None:
        parts.append(details("What the model reads", tokens, is_open=True))
    return join(parts)


class ChatBench(StaticFrame):
    """Chat with several models: choosing another asks it the same conversation, so that answers can be compared.

    Args:
        models: backends by name; the first is asked at first.
        pictures: pictures that can be shown, by name.
        opening: questions asked at first, each with the names of its pictures.
        max_new_tokens: the longest answer.
    """

    def __init__(
        self,
        models: Mapping[str, Backend],
        pictures: Mapping[str, Image],
        opening: Sequence[tuple[str, Sequence[str]]] = (),
        *,
        max_new_tokens: int = 80,
    ) -> None:
        self.models, self.pictures, self.max_new_tokens = dict(models), dict(pictures), max_new_tokens
        self.asked: list[tuple[str, tuple[str, ...]]] = [(text, tuple(names)) for text, names in opening]
        self.session: Session | None = None
        self.answering = next(iter(self.models))
        self.writing: str | None = None
        self.pending: Turn | None = None
        self.note = ""
        self.model = widgets.Dropdown(description="model", options=list(self.models))
        self.temperature = widgets.FloatSlider(
            description="temperature", value=0, min=0, max=2, step=0.1, continuous_update=False
        )
        self.reading = widgets.Checkbox(description="show what the model reads", value=True, indent=False)
        self.shown = widgets.SelectMultiple(
            description="pictures", options=list(self.pictures), rows=min(4, max(2, len(self.pictures)))
        )
        self.question = widgets.Text(description="question", placeholder="Ask something.", continuous_update=False)
        buttons = [
            ("send", "ask the model", lambda _: self.send()),
            ("take back", "take back the last exchange", lambda _: self.undo()),
            ("new chat", "forget the conversation", lambda _: self.clear()),
        ]
        controls: list[Any] = [self.model, self.temperature, self.reading, self.shown, self.question]
        for name, tooltip, act in buttons:
            controls.append(widgets.Button(description=name, tooltip=tooltip))
            controls[-1].on_click(act)
        super().__init__(controls)
        for control in (self.model, self.temperature):
            control.observe(lambda _: self.replay(), names="value")
        self.replay()

    def to_html(self) -> Markup:
        """`chat_view` of the conversation so far."""
        turns = self.session.turns if self.session else []
        given = [
            {name: self.pictures[name] for name in names} for _, names in self.asked[: len(turns) + bool(self.pending)]
        ]
        return chat_view(
            [*turns, *([self.pending] if self.pending else [])],
            given,
            model=self.answering,
            writing=self.writing,
            note=self.note,
            tokens=self._tokens() if self.reading.value and turns and not self.pending else None,
        )

    def _tokens(self) -> Markup | None:
        processor = getattr(self.models[self.answering], "processor", None)
        if processor is None or self.session is None:
            return None
        return token_view(explain(processor.template.render(self.session.turns), processor.tokenizer))

    def replay(self) -> None:
        """Ask the chosen model the whole conversation anew."""
        self.answering = self.model.value
        self.session = Session(
            self.models[self.answering], max_new_tokens=self.max_new_tokens, temperature=self.temperature.value
        )
        asked, self.asked = self.asked, []
        for text, names in asked:
            self._ask(text, names)
        self.refresh()

    def send(self) -> None:
        """Ask the question with the chosen pictures; both fields are empty afterwards."""
        if self._ask(self.question.value, self.shown.value):
            self.question.value, self.shown.value = "", ()
        self.refresh()

    def undo(self) -> None:
        """Take back the last exchange."""
        if self.session and self.session.undo():
            self.asked.pop()
        self.refresh()

    def clear(self) -> None:
        """Forget the conversation."""
        self.asked = []
        self.replay()

    def _ask(self, text: str, names: Sequence[str]) -> bool:
        """Ask one question, showing the answer as it is written; whether it was answered."""
        from ..records import Turn

        assert self.session is not None
        self.note, self.writing, self.pending = "", "", Turn(text, None, len(names))
        self.asked.append((text, tuple(names)))
        self.refresh()
        try:
            self.session.ask(text, [self.pictures[name] for name in names], on_text=self._written)
            return True
        except FlamingoError as error:
            self.note = str(error)
            self.asked.pop()
            return False
        finally:
            self.writing, self.pending = None, None

    def _written(self, piece: str) -> None:
        self.writing = (self.writing or "") + piece
        self.refresh()
