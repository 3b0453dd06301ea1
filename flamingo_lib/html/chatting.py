"""The chat page of an endpoint: one file without a build step or a network of its own, by keyboard, light and dark."""

from __future__ import annotations

import re

from .assets import asset, policy
from .markup import Markup, element
from .styles import stylesheet

PLACEHOLDER = "Ask something. Enter sends, Shift+Enter breaks the line, Escape stops an answer."
HINT = "Nothing has been said yet. Images can be added, pasted or dropped here."

_ENDPOINT = re.compile(r"(https?://(?:[\w.-]+|\[[0-9a-fA-F:.]+\])(?::\d{1,5})?)(?:/[\w.~/-]*)?", re.ASCII)


def page_policy() -> str:
    """The content security policy that the page is served with: its own script, and requests to its own server.

    No other page may frame it, which a page can't say of itself.
    """
    return f"{_policy()}; frame-ancestors 'none'"


def _policy(origin: str = "'self'") -> str:
    """The policy that the page holds in itself; requests go to `origin`."""
    return policy(asset("chat_page.js"), _styles(), more=f"connect-src {origin}")


def chat_page(model: str, endpoint: str | None = None) -> Markup:
    """The page for a model.

    Args:
        model: its name at the endpoint.
        endpoint: the base address of an OpenAI-compatible server, such as ``http://localhost:8000/v1``, for a page that
            is opened as a file; by default that of the server that sends the page, with its policy.

    Raises:
        ValueError: no such address.
    """
    origin = () if endpoint is None else (_origin(endpoint),)
    head = [
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(*origin)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
    ]
    listed = element("ol", "", id="chat", class_="chat-list", role="log", aria_label="Conversation", data_hint=HINT)
    body = element(
        "body",
        element("h1", f"Chat with {model}"),
        element("main", listed, _form(drafts=endpoint is None)),
        Markup(f"<script>{asset('chat_page.js')}</script>"),
        class_="fl fl-page chat-page",
        data_model=model,
        data_endpoint=(endpoint or "v1").rstrip("/"),
    )
    title, styles = element("title", f"Chat with {model}"), Markup(f"<style>{_styles()}</style>")
    return Markup(f"<!doctype html>\n{element('html', element('head', *head, title, styles), body, lang='en')}\n")


def _origin(endpoint: str) -> str:
    found = _ENDPOINT.fullmatch(endpoint)
    if found is None:
        raise ValueError(f"no address of a server: {endpoint!r}")
    return found[1]


def _form(*, drafts: bool) -> Markup:
    def field(name: str, words: str, **attributes: str | float) -> Markup:
        return element("label", words, element("input", id=name, **attributes))

    settings = [
        field("temperature", "Temperature", type="number", min=0, max=2, step=0.1, value=0),
        field("seed", "Seed", type="number", value=0, step=1),
        field("max_tokens", "Longest answer", type="number", min=1, step=1, placeholder="auto"),
        field("token", "Token", type="password", autocomplete="off"),
    ]
    if drafts:
        settings.append(field("draft", "Draft to rewrite", autocomplete="off"))
    files = element("input", id="files", type="file", accept="image/*", multiple=True)
    return element(
        "form",
        element("div", "", id="pending", class_="chat-pending"),
        element("textarea", "", id="text", rows=2, aria_label="Your message", placeholder=PLACEHOLDER),
        element(
            "div",
            element("button", "Send", id="send", type="submit"),
            element("label", "Add images", files, class_="chat-file"),
            element("button", "Take back", id="undo", type="button"),
            element("button", "New chat", id="new", type="button"),
            element("span", "", id="status", role="status"),
            class_="chat-row",
        ),
        element("details", element("summary", "Settings"), element("div", *settings, class_="chat-row")),
        id="form",
        class_="chat-form",
    )


def _styles() -> str:
    return stylesheet() + asset("chat_page.css")
