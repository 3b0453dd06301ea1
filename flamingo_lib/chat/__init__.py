"""Chats as a model reads them: the template, its media rules, the tiny tokenizer, and a session with images."""

from ..records import Conversation, Turn
from ..renamed import renamed
from .template import ChatTemplate, Rendered

__all__ = ["ChatTemplate", "Conversation", "Rendered", "Turn"]

__getattr__ = renamed(__name__, ChatTurn=Turn)
