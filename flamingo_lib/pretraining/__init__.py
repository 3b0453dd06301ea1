"""Pretraining of the shipped base: vision tower, language model with images, and the CLIP pair."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .clip import pretrain_clip
    from .language import train_language
    from .run import pretrain_base
    from .vision import pretrain_resampler, pretrain_tower
else:
    __getattr__ = lazy_exports(__name__)

__all__ = [
    "pretrain_base",
    "pretrain_clip",
    "pretrain_resampler",
    "pretrain_tower",
    "train_language",
]
