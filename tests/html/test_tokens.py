"""Tokens: bold where they are trained on, a number where the group changes."""

from __future__ import annotations

from flamingo_lib.html import Token, token_strip
from tests.html.reader import Reader


def test_groups_are_numbered_where_they_change_and_breaks_are_shown():
    tokens = [Token("a", "1"), Token("b", "2", 1), Token("c\n", "3", 1, True), Token("", "4"), Token("d", "5", 9)]
    html = token_strip(tokens, title="T", group_name="image", trained="trained on")
    stream = html.split('class="fl-stream">')[1]
    assert Reader(html).text["sup"] == "19" + "1–9"
    assert '<strong class="fl-trained">c↵<br></strong>' in stream and "∅" in stream
    assert stream.count('class="fl-tint-1"') == 3, "colours repeat after the eighth, numbers don't"
    assert "image 9" in html and "trained on" in html


def test_no_tokens_are_a_legend():
    assert "trained on" in Reader(token_strip([], trained="trained on")).all_text
