"""The scene editor: a scene put together cell by cell, with its picture, graph, questions, and a text held against it.

`editor_view` shows one scene and one text; `SceneEditor` has controls for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets

from ..html import Markup, badge, card, join, message, picture, table
from ..scenes.claims import Claim
from ..scenes.graph import CELL, COLORS, POSITIONS, RADII, SHAPES, SIZES, Scene, SceneObject
from ..scenes.ground_truth import check, claim_holds
from ..scenes.questions import ask, possible_types
from ..scenes.render import render
from ..seeding import generator
from .static_frame import StaticFrame

EMPTY = "empty"

Cells = Mapping[int, tuple[str, str, str]]
"""Shape, color and size of the objects by cell, 0 to 8 row by row."""


def build_scene(cells: Cells) -> Scene:
    """A scene with an object in the middle of each of `cells`, of the mean radius of its size."""
    objects = [
        SceneObject(
            shape,
            color,
            size,
            cell,
            round((cell % 3 + 0.5) * CELL, 4),
            round((cell // 3 + 0.5) * CELL, 4),
            sum(RADII[size]) / 2,
        )
        for cell, (shape, color, size) in sorted(cells.items())
    ]
    return Scene("editor", tuple(objects))


def editor_view(cells: Cells, text: str, seed: int = 0) -> Markup:
    """The scene's picture with its boxes, its graph, a question of each possible type, and the claims of a text.

    Args:
        cells: what the scene holds.
        text: read for claims, each of which is held against the scene.
        seed: of the questions' wordings.
    """
    pairs = [(shape, color) for shape, color, _ in cells.values()]
    twice = next((pair for pair in pairs if pairs.count(pair) > 1), None)
    if not cells:
        return message("The board is empty: choose a shape in one of the cells.")
    if twice is not None:
        return message(f"Two objects are a {twice[1]} {twice[0]}: no two of a scene share both color and shape.")
    scene = build_scene(cells)
    named = ", ".join(f"{item.name(size=True)} at the {item.position}" for item in scene.objects)
    graph = table(
        ["object", "position", "x", "y", "radius"],
        [[item.name(size=True), item.position, item.cx, item.cy, item.radius] for item in scene.objects],
    )
    asked = [ask(scene, generator(seed, "editor", kind), kind) for kind in possible_types(scene)]
    questions = table(["type", "question", "curt answer"], [[q.type, q.text, q.answer] for q in asked])
    shown = picture(render(scene), [item.box() for item in scene.objects], alt=f"The scene: {named}", side=224)
    return join(
        [
            card("The scene", graph, media=[shown], note=f"{len(scene.objects)} of nine cells are taken"),
            card("What can be asked", questions),
            card("What the checker reads", _claims(scene, text), note=text),
        ]
    )


def _claims(scene: Scene, text: str) -> Markup:
    report = check(scene, text)
    if not report.n_claims:
        return message("No claim: the checker finds nothing in this text that it could hold against the scene.")
    rows: list[list[Any]] = [
        [claim.kind, claim_words(claim), badge("holds", "good") if claim_holds(scene, claim) else badge("false", "bad")]
        for claim in report.claims
    ]
    words = f"{len(report.false_claims)} of {report.n_claims} claims are false."
    return join([table(["claim", "of what", "verdict"], rows), message(words)])


def claim_words(claim: Claim) -> str:
    """A claim in words: ``"not: red ring, at the top left"``."""
    value = claim.value
    if claim.kind == "position":
        value = "at the " + " or ".join(POSITIONS[cell] for cell in sorted(value))
    elif claim.kind == "attribute":
        value = f"{value[0]} {value[1]}"
    elif claim.kind == "count":
        value = f"exactly {value}"
    elif claim.kind in ("exists", "repeated"):
        value = None
    parts = [claim.subject.text(), *([str(value)] if value is not None else [])]
    words = ", ".join(parts) + (f" {claim.other.text()}" if claim.other else "")
    return f"not: {words}" if claim.negated else words


class SceneEditor(StaticFrame):
    """Three dropdowns for each of the nine cells, and a text; the view follows every change.

    Args:
        scene: shown at first.
        text: held against it at first.
        seed: see `editor_view`.
    """

    def __init__(self, scene: Scene, text: str = "", *, seed: int = 0) -> None:
        self.seed = seed
        filled = {item.cell: (item.shape, item.color, item.size) for item in scene.objects}
        width = widgets.Layout(width="9em")
        self.cells: list[tuple[widgets.Dropdown, widgets.Dropdown, widgets.Dropdown]] = []
        for cell, position in enumerate(POSITIONS):
            shape, color, size = filled.get(cell, (EMPTY, COLORS[0], SIZES[1]))
            self.cells.append(
                (
                    widgets.Dropdown(options=[EMPTY, *SHAPES], value=shape, layout=width, tooltip=f"shape, {position}"),
                    widgets.Dropdown(options=COLORS, value=color, layout=width, tooltip=f"color, {position}"),
                    widgets.Dropdown(options=SIZES, value=size, layout=width, tooltip=f"size, {position}"),
                )
            )
        self.text = widgets.Text(description="text", value=text, layout=widgets.Layout(width="52em"))
        super().__init__([*(control for controls in self.cells for control in controls), self.text])
        board = widgets.GridBox(
            [widgets.VBox(controls) for controls in self.cells],
            layout=widgets.Layout(grid_template_columns="repeat(3, 10em)", grid_gap="8px"),
        )
        self.children = (board, self.text, self.view)

    def to_html(self) -> Markup:
        """`editor_view` of the choice."""
        cells = {
            cell: (shape.value, color.value, size.value)
            for cell, (shape, color, size) in enumerate(self.cells)
            if shape.value != EMPTY
        }
        return editor_view(cells, self.text.value, self.seed)
