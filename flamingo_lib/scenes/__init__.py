"""The Scenes world: rendered shapes with a known truth, in the formats of real datasets.

`graph` and `render` make scenes and pictures, `questions` and `language` speak of them, `ground_truth` checks what
anyone says of them, `writers` puts them on disk as datasets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .annotations import caption
    from .changes import describe_change, find_change
    from .claims import Claim, read_claims
    from .graph import Change, Scene, SceneObject, draw_scene, edit_scene
    from .ground_truth import TruthReport, answer_correct, check, hallucinated
    from .index import TruthIndex
    from .language import conversation, paragraph, polite
    from .questions import QUESTION_TYPES, Question, ask, parse_question
    from .render import contact_sheet, render_array
    from .writers import write_scenes
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "QUESTION_TYPES",
    "Change",
    "Claim",
    "Question",
    "Scene",
    "SceneObject",
    "TruthIndex",
    "TruthReport",
    "answer_correct",
    "ask",
    "caption",
    "check",
    "contact_sheet",
    "conversation",
    "describe_change",
    "draw_scene",
    "edit_scene",
    "find_change",
    "hallucinated",
    "paragraph",
    "parse_question",
    "polite",
    "read_claims",
    "render_array",
    "write_scenes",
]
