"""Escaping: plain text becomes HTML once, and only names make tags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flamingo_lib.html import Markup, join, text
from flamingo_lib.html.markup import UNSHOWABLE, element
from tests.html.reader import Reader


@given(st.text())
def test_any_text_comes_back_as_it_was(words):
    shown = UNSHOWABLE.sub("\ufffd", words)
    read = Reader(f"<p>{text(words)}</p>")
    assert read.text.get("p", "") == shown and read.tags == ["p"] and read.other == []


def test_text_is_escaped_once():
    once = text("a < b & \"c\" 'd'")
    assert once == "a &lt; b &amp; &quot;c&quot; &#x27;d&#x27;" and isinstance(once, Markup)
    assert text(once) is once and join([once, "<"]) == once + "&lt;"
    assert "".join([once]) is not once and text("".join([once, ""])) != once, "a plain string is never trusted"


@pytest.mark.parametrize("value", [None, 5, b"x", ["x"]])
def test_only_text_is_taken(value):
    with pytest.raises(TypeError, match="HTML is made of text"):
        text(value)


def test_halves_of_surrogates_can_be_written(tmp_path):
    (tmp_path / "page.html").write_text(text("\ud800 \x00"), encoding="utf-8")
    assert (tmp_path / "page.html").read_text("utf-8") == "\ufffd \ufffd"


def test_attributes_are_quoted_or_left_out():
    html = element("input", class_='a" onclick="x', aria_label="<&", checked=True, id=None, open=False, width=3)
    assert html == '<input class="a&quot; onclick=&quot;x" aria-label="&lt;&amp;" checked width="3">'


@pytest.mark.parametrize(
    ("tag", "children", "attributes"),
    [("p onclick=x", (), {}), ("", (), {}), ("p", (), {"a=b c": "x"}), ("img", ("text",), {}), ("p", (), {"": "x"})],
)
def test_names_that_are_none_are_refused(tag, children, attributes):
    with pytest.raises(ValueError):
        element(tag, *children, **attributes)


def test_a_notebook_shows_markup_with_its_styles():
    shown = element("p", "x", class_="fl-soft")._repr_html_()
    assert "<style>" in shown and ".fl-soft{" in shown and ".fl-card" not in shown and type(shown) is str
