"""The distortion bench: one response distorted, with the difference marked and how much it looks like an annotation.

`bench_view` shows one draft; `DistortionBench` has controls for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import ipywidgets as widgets

from ..distortion import STYLE_COMMANDS, DraftRequest, LlmDistorter, RulesBackend, noise_steps
from ..distortion.commands import style_command
from ..html import Markup, definitions
from ..pipeline.record_html import marked_difference
from ..seeding import generator
from .static_frame import StaticFrame

Classifier = Callable[[Sequence[str]], Sequence[float]]
"""Probabilities, 0 to 1, that drafts are distorted ones rather than true annotations."""

WAYS = {"language model (rules stand in)": "llm", "noise": "noise"}
NO_COMMAND = "none"


def make_draft(instruction: str, response: str, *, way: str, command: str, seed: int) -> tuple[str, str]:
    """A draft, and what was done.

    Args:
        way: ``"llm"`` (the rules that stand in for a language model) or ``"noise"``.
        command: name of a style command, or ``"none"``; read by the way ``"llm"``.
        seed: of the draw.
    """
    if way == "noise":
        draft, steps = noise_steps(response, generator(seed, "bench", response))
        return draft, ", ".join(steps) or "nothing: no level was drawn"
    style = None if command == NO_COMMAND else style_command(command)
    draft = next(
        iter(LlmDistorter(RulesBackend()).drafts([DraftRequest("bench", instruction, response, style, seed)]))
    ).text
    return draft, f"command {command}" if style else "no style command"


def bench_view(
    instruction: str, response: str, *, way: str, command: str, seed: int, classifier: Classifier | None = None
) -> Markup:
    """One response, its draft with the difference marked, and the classifier's verdict.

    Args:
        way, command, seed: see `make_draft`.
        classifier: tells drafts from true annotations; left out if None.
    """
    draft, done = make_draft(instruction, response, way=way, command=command, seed=seed)
    before, after = marked_difference(response, draft)
    rows = [("instruction", instruction), ("response", before), ("draft", after), ("what was done", done)]
    if classifier is not None:
        chance = float(classifier([draft])[0])
        rows.append(
            ("classifier", f"distorted with a probability of {chance:.0%}; an annotation with {1 - chance:.0%}")
        )
    return definitions(rows)


class DistortionBench(StaticFrame):
    """Distorts a response in two ways.

    Args:
        exchanges: (instruction, response) to choose from.
        classifier: see `bench_view`.
    """

    def __init__(self, exchanges: Sequence[tuple[str, str]], classifier: Classifier | None = None) -> None:
        self.exchanges, self.classifier = list(exchanges), classifier
        options = [(response[:60], index) for index, (_, response) in enumerate(self.exchanges)]
        self.response = widgets.Dropdown(description="response", options=options)
        self.way = widgets.Dropdown(description="way", options=list(WAYS.items()))
        names = [NO_COMMAND, *(command.name for command in STYLE_COMMANDS)]
        self.command = widgets.Dropdown(description="command", options=names, value="shortest")
        self.seed = widgets.IntSlider(description="seed", value=0, min=0, max=50)
        super().__init__([self.response, self.way, self.command, self.seed])

    def to_html(self) -> Markup:
        """`bench_view` of the choice."""
        instruction, response = self.exchanges[self.response.value]
        return bench_view(
            instruction,
            response,
            way=self.way.value,
            command=self.command.value,
            seed=self.seed.value,
            classifier=self.classifier,
        )
