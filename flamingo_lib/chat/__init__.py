"""Chats as a model reads them: the template, its media rules, and the tiny tokenizer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lazy import lazy_exports
from ..records import Conversation, Turn
from ..renamed import renamed

if TYPE_CHECKING:
    from .template import ChatTemplate, Rendered
    from .token_view import explain
    from .tokenizer import train_tiny_tokenizer
else:
    __getattr__ = lazy_exports(__name__, renamed(__name__, ChatTurn=Turn))

__all__ = [
    "ChatTemplate",
    "Conversation",
    "Rendered",
    "Turn",
    "explain",
    "train_tiny_tokenizer",
]
