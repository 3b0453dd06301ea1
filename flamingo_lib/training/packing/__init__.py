"""Packing of examples into training windows, for our own model and for vision-language models of Transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...lazy import lazy_exports

if TYPE_CHECKING:
    from .isolation import find_attention
    from .plan import PackingReport, Sizes, WindowPlan
    from .strategies import plan_windows
    from .stream import pack_windows
    from .vlm_collator import PackedCollator
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "PackedCollator",
    "PackingReport",
    "Sizes",
    "WindowPlan",
    "find_attention",
    "pack_windows",
    "plan_windows",
]
