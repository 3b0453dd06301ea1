"""Response distortion (docs/method.md, section 1): from good responses to drafts that look like raw annotations.

`distort_sources` makes the rewriter's training pairs; `LlmDistorter` is the first way (a language model, or rules
offline), `noise` the second (random text augmentation), `retrieve` the third (captions and boxes).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .commands import STYLE_COMMANDS, StyleCommand, style_command
    from .llm import Draft, DraftRequest, LlmDistorter, RulesBackend, open_backend
    from .mixture import PAPER_PAIRS, PAPER_PARTS, distort_sources, paper_recipe
    from .retrieval import image_key, index_descriptions, retrieve
    from .text_noise import noise, noise_steps
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "PAPER_PAIRS",
    "PAPER_PARTS",
    "STYLE_COMMANDS",
    "Draft",
    "DraftRequest",
    "LlmDistorter",
    "RulesBackend",
    "StyleCommand",
    "distort_sources",
    "image_key",
    "index_descriptions",
    "noise",
    "noise_steps",
    "open_backend",
    "paper_recipe",
    "retrieve",
    "style_command",
]
