"""Hostile text through every public function: it is shown as text, and makes no element and no attribute."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from flamingo_lib import html
from flamingo_lib.html.markup import UNSHOWABLE, Markup
from flamingo_lib.records import Box
from tests.html.reader import Reader

ATTACKS = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>x</script>",
    "</title></head></p></td></svg>",
    "<!-- ",
    "]]>",
    "<?php",
    "&lt;b&gt; &amp;lt;",
    "&#60;b&#62;",
    "<svg/onload=x>",
    "javascript:alert(1)",
    "\x00<b>",
)
HOSTILE = st.one_of(st.sampled_from(ATTACKS), st.text(min_size=1, max_size=40).filter(str.strip))
PIXEL = Image.new("RGB", (4, 4), "tan")

FUNCTIONS: dict[str, Callable[[str], Markup]] = {
    "badge": lambda x: html.badge(x, "good", pill=True),
    "bars": lambda x: html.bars([(x, 1.0, x), (x, 0.5, x)], label=x),
    "bullets": lambda x: html.bullets([x, x]),
    "card": lambda x: html.card(x, x, badge=x, note=x, media=[x], below=x, group=x),
    "changed": lambda x: html.changed([(x, True), (x, False)], "ins"),
    "code": html.code,
    "chat_page": lambda x: html.chat_page(x),
    "columns": lambda x: html.columns([(x, x), (x, x)]),
    "definitions": lambda x: html.definitions([(x, x)]),
    "details": lambda x: html.details(x, x, is_open=True),
    "figure": lambda x: html.figure(html.picture(PIXEL, alt=x), x),
    "gallery": lambda x: html.gallery([html.figure(html.picture(PIXEL, alt=x), x)]),
    "grid": lambda x: html.grid([x]),
    "heat_map": lambda x: html.heat_map(PIXEL, [[0.25, 0.75]], alt=x),
    "image_bytes": lambda x: html.image_bytes(b"x", alt=x, encoding="jpeg"),
    "image_link": lambda x: html.image_link("a.png", alt=x),
    "join": lambda x: html.join([x, x], x),
    "judging_page": lambda x: html.judging_page(
        [{"id": x, "instruction": x, "images": [], "reference": x, "left": x, "right": x}], mark="m", title=x
    ),
    "link": lambda x: html.link("a.ipynb", x),
    "message": html.message,
    "page": lambda x: html.page(x, x, note=x),
    "paragraph": lambda x: html.paragraph(x, strong=True),
    "picture": lambda x: html.picture(PIXEL, [Box(x, 0, 0, 1, 1)], alt=x),
    "section": lambda x: html.section(x, x),
    "standalone": lambda x: html.standalone(x),
    "strip_chart": lambda x: html.strip_chart(
        [[html.Segment(0, 9, "full", x, 1, x)]], 9, title=x, caption=x, name=x, legend=[(x, "half", 1)]
    ),
    "table": lambda x: html.table([x, x], [[f"{x}!", 1], [x, None]], caption=x, total=True),
    "text": html.text,
    "toggles": lambda x: html.toggles({"group-a": x, "b": x}),
    "token_strip": lambda x: html.token_strip(
        [html.Token(x, x, 1, True), html.Token(x, x)], title=x, group_name=x, trained=x
    ),
}
"""Each public function that takes text, with the text in every place that takes it."""
OTHERS = {"format_value", "page_policy", "read_fragment", "write_fragment", "write_page"}
"""Functions that make no HTML of text."""


def test_every_public_function_is_held_against_hostile_text():
    public = {name for name in html.__all__ if inspect.isfunction(getattr(html, name))}
    assert public == FUNCTIONS.keys() | OTHERS


@pytest.mark.parametrize("name", FUNCTIONS)
@settings(max_examples=30, deadline=None)
@given(words=HOSTILE)
def test_hostile_text_is_shown_and_makes_nothing(name, words):
    made, harmless = FUNCTIONS[name](words), FUNCTIONS[name]("harmless")
    assert isinstance(made, Markup)
    read, expected = Reader(made), Reader(harmless)
    extra = words.count("\n")  # tokens show line breaks
    assert [tag for tag in read.tags if tag != "br" or not extra] == expected.tags
    assert [(tag, key) for tag, key, _ in read.attributes] == [(tag, key) for tag, key, _ in expected.attributes]
    assert read.other == expected.other == []
    shown = UNSHOWABLE.sub("\ufffd", words)
    if name != "token_strip" and "harmless" in expected.all_text:
        assert read.all_text.count(shown) >= 1
    for (_, _, value), (_, key, plain) in zip(read.attributes, expected.attributes, strict=True):
        if plain is not None and "harmless" in plain:
            assert value == plain.replace("harmless", shown), key


@settings(max_examples=30, deadline=None)
@given(words=HOSTILE)
def test_a_token_is_its_text(words):
    plain = words.replace("\n", "↵")
    assert (
        UNSHOWABLE.sub("\ufffd", plain) in Reader(html.token_strip([html.Token(words, "")], trained="t")).text["span"]
    )


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", " JavaScript:x", "java\tscript:x", "\x01javascript:x", "data:text/html,x", "file:///x"],
)
def test_addresses_that_run_or_reach_out_are_refused(address):
    for make in (lambda: html.link(address, "x"), lambda: html.image_link(address, alt="x")):
        with pytest.raises(ValueError, match="not shown"):
            make()


@pytest.mark.parametrize("address", ["notebooks/01_a.ipynb", "../a b.png", "https://example.org/x?a=1&b=2"])
def test_plain_addresses_are_kept(address):
    assert Reader(html.link(address, "x")).attributes == [("a", "href", address)]


def test_an_inlined_image_is_an_address_of_an_image():
    data = "data:image/png;base64,AAAA"
    assert ("img", "src", data) in Reader(html.image_link(data, alt="x")).attributes
    with pytest.raises(ValueError):
        html.link(data, "x")
