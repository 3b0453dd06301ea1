"""Talking with a model: a chat session with images and several turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports

if TYPE_CHECKING:
    from .session import ChatSession
else:
    __getattr__ = lazy_exports(__name__)

__all__ = ["ChatSession"]
