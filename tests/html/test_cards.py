"""Cards, and what stands on them."""

from __future__ import annotations

import pytest

from flamingo_lib.html import (
    badge,
    bullets,
    card,
    changed,
    columns,
    definitions,
    details,
    grid,
    standalone,
    toggles,
)
from flamingo_lib.html.markup import element
from tests.browser import chromium
from tests.html.reader import Reader


@pytest.mark.parametrize(("state", "shown"), [("good", "✓ kept"), ("bad", "✗ kept"), ("edit", "✎ kept")])
def test_a_badge_has_a_sign_beside_its_colour(state, shown):
    assert Reader(badge("kept", state)).text["span"] == shown


def test_a_card_leaves_out_what_it_has_not():
    assert Reader(card("A")).tags == ["article", "div", "h3"]
    full = Reader(card("A", "body", badge=badge("x", "good"), note="n", media=["m"], below="b", group="way-a"))
    assert full.tags == ["article", "div", "span", "h3", "small", "div", "div", "div"]
    assert ("article", "class", "fl-card way-a") in full.attributes and (
        "article",
        "aria-label",
        "A",
    ) in full.attributes


def test_text_beside_pictures_is_wide_enough_to_read_or_stands_below_them():
    """As in a column of a notebook, 800 pixels wide, with one, two and four pictures of 224."""
    drawing = element("div", style="width:224px;height:224px")
    text = definitions([("instruction", "Tell me how the second image differs from the first. " * 3)])
    cards = [card("A", text, media=[drawing] * count) for count in (1, 2, 4)]
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 800, "height": 900})
        page.set_content(standalone(*cards))
        widths = page.eval_on_selector_all(".fl dd", "found => found.map(one => one.clientWidth)")
        assert len(widths) == 3 and min(widths) > 200
        beside = page.eval_on_selector_all(
            ".fl-card", "found => found.map(one => one.querySelector('.fl-body').offsetTop"
            " < one.querySelector('.fl-media').offsetTop + 200)"
        )  # fmt: skip
        assert beside == [True, False, False]


def test_changes_run_together_and_nothing_is_lost():
    pieces = [("a", True), (" ", True), ("b", True), (" ", False), ("", True), ("c", False)]
    assert changed(pieces, "ins") == "<ins>a b</ins> c" and changed([], "del") == ""


def test_groups_are_hidden_by_their_boxes():
    html = toggles({"way-a": "first", "way-b": "second"})
    assert ".fl:has(#fl-show-way-a:not(:checked)) .way-a{display:none}" in html
    assert html.count('type="checkbox"') == html.count(" checked>") == 2
    for name in ("A", "a b", "a{}", "", "-a", "a</style>"):
        with pytest.raises(ValueError, match="no name of a group"):
            toggles({name: "x"})


def test_small_parts():
    assert Reader(columns([("a", "b"), ("c", "d")])).text == {"h4": "ac", "p": "bd"}
    assert "--fl-least:200px" in grid(["x"], least=200) and bullets([]) == "<ul></ul>"
    assert details("more", "x").startswith('<details class="fl-details"><summary>more</summary>x')
    assert " open>" in details("more", is_open=True)
    assert ".fl-card{" in standalone(card("A"))
