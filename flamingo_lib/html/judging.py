"""The page on which people judge pairs of answers: one file, no network, keyboard and buttons, ratings as JSON lines.

What the page shows is set as text by its script, never as HTML, and a content security policy lets nothing else run.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .assets import asset, policy
from .markup import Markup, element, join
from .styles import stylesheet

LABELS = (("matched", "q", "u"), ("correct", "w", "i"), ("failed", "e", "o"), ("uncertain", "r", "p"))
"""The paper's four labels, with the keys for the left and the right answer."""

PREFERENCES = (("left", "1", "left"), ("tie", "2", "about equal"), ("right", "3", "right"), ("skip", "4", "skip"))
"""Which answer is more polite: value, key, words."""


def judging_page(pairs: Sequence[dict[str, Any]], *, mark: str, title: str = "Which answer is more polite?") -> Markup:
    """A whole page for rating.

    Args:
        pairs: each with ``id``, ``instruction``, ``images`` (data URIs), ``reference``, ``left`` and ``right``; nothing
            that tells whose answer is whose.
        mark: the set's fingerprint, which every rating carries.
        title: the page's heading.
    """
    script = asset("judging.js")
    styles = stylesheet() + asset("judging.css")
    data = json.dumps({"set": mark, "pairs": list(pairs)}, ensure_ascii=False)
    data = data.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")  # it stands inside HTML
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy(script, styles)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        Markup(f"<style>{styles}</style>"),
    )
    body = element(
        "body",
        element("h1", title),
        element("main", _bar(), _pair(), _help(), aria_live="polite"),
        Markup(f'<script type="application/json" id="pairs">{data}</script>'),
        Markup(f"<script>{script}</script>"),
        class_="fl fl-page",
    )
    return Markup(f"<!doctype html>\n{element('html', head, body, lang='en')}\n")


def _bar() -> Markup:
    return element(
        "div",
        element("label", "Your name ", element("input", id="annotator", autocomplete="off", maxlength=60)),
        element("button", "← back", id="back", type="button"),
        element("span", "", id="number"),
        element("button", "next →", id="next", type="button"),
        element("button", "Save ratings", id="save", type="button"),
        element("label", "Go on from a file ", element("input", id="load", type="file", accept=".jsonl")),
        element("progress", id="meter", value=0),
        element("span", "", id="status", role="status"),
        class_="judge-bar",
    )


def _pair() -> Markup:
    sides = [
        element(
            "section",
            element("h2", f"{side} answer"),
            element("p", "", id=side),
            _choices(side, "This answer is", [(label, keys[index], label) for label, *keys in LABELS]),
            class_="judge-side",
        )
        for index, side in enumerate(("left", "right"))
    ]
    return element(
        "div",
        element("div", "", id="images", class_="judge-images"),
        element("p", "", id="instruction", class_="judge-question"),
        element("p", "", id="reference", class_="fl-soft"),
        element("div", *sides, class_="judge-sides"),
        _choices("polite", "More polite is", list(PREFERENCES)),
        id="pair",
    )


def _choices(field: str, words: str, values: list[tuple[str, str, str]]) -> Markup:
    buttons = [
        element(
            "button",
            join([f"{told} ", element("kbd", key)]),
            type="button",
            data_field=field,
            data_value=value,
            aria_pressed="false",
        )
        for value, key, told in values
    ]
    return element("div", element("span", words), *buttons, class_="judge-choices", role="group", aria_label=words)


def _help() -> Markup:
    return element(
        "p",
        "Matched: says what the right answer says. Correct: right as well, in other words or with more. Failed: wrong. "
        "Uncertain: can't be told. Arrow keys go on and back; a second press takes a choice back. Ratings stay in this "
        "browser until you save them.",
        class_="fl-paragraph fl-soft",
    )
