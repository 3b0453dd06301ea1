"""The chat page of the endpoint: one file without a build step or a network of its own, by keyboard, light and dark."""

from __future__ import annotations

from .assets import asset, policy
from .markup import Markup, element
from .styles import stylesheet


def page_policy() -> str:
    """The content security policy that the page is served with: its own script, and requests to its own server.

    No other page may frame it, which a page can't say of itself.
    """
    return f"{_policy()}; frame-ancestors 'none'"


def _policy() -> str:
    return policy(asset("chat_page.js"), _styles(), more="connect-src 'self'")


def chat_page(model: str) -> Markup:
    """The page of a server with this model."""
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy()),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", f"Chat with {model}"),
        Markup(f"<style>{_styles()}</style>"),
    )
    body = element(
        "body",
        element("h1", f"Chat with {model}"),
        element("main", element("ol", "", id="chat", class_="chat-list", aria_live="polite"), _form()),
        Markup(f"<script>{asset('chat_page.js')}</script>"),
        class_="fl fl-page",
    )
    return Markup(f"<!doctype html>\n{element('html', head, body, lang='en')}\n")


def _form() -> Markup:
    def number(name: str, words: str, **attributes: str | float) -> Markup:
        return element("label", f"{words} ", element("input", id=name, type="number", **attributes))

    return element(
        "form",
        element("div", "", id="pending", class_="chat-pending"),
        element(
            "textarea",
            "",
            id="text",
            rows=2,
            aria_label="Your message",
            placeholder="Ask something; Enter sends, Shift+Enter breaks the line. Images can be pasted or dropped.",
        ),
        element(
            "div",
            element("button", "Send", id="send", type="submit"),
            element("label", "Images ", element("input", id="files", type="file", accept="image/*", multiple=True)),
            element("button", "Take back", id="undo", type="button"),
            element("button", "New chat", id="new", type="button"),
            element("span", "", id="status", role="status"),
            class_="chat-row",
        ),
        element(
            "details",
            element("summary", "Settings"),
            element(
                "div",
                number("temperature", "Temperature", min=0, max=2, step=0.1, value=0),
                number("seed", "Seed", value=0, step=1),
                element("label", "Token ", element("input", id="token", type="password", autocomplete="off")),
                element("label", "Draft to rewrite ", element("input", id="draft", autocomplete="off")),
                class_="chat-row",
            ),
        ),
        id="form",
        class_="chat-form",
    )


def _styles() -> str:
    return stylesheet() + asset("chat_page.css")
