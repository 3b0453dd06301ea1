"""Chats as a model reads them: the template, its media rules, the tiny tokenizer, and a session with images."""

from .template import ChatTemplate, ChatTurn, Rendered

__all__ = ["ChatTemplate", "ChatTurn", "Rendered"]
