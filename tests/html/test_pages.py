"""Pages: a title stays text, a file appears whole, fragments bring their styles."""

from __future__ import annotations

import pytest

from flamingo_lib.html import page, paragraph, read_fragment, section, standalone, table, write_fragment, write_page
from tests.html.reader import Reader


def test_plain_text_is_escaped_and_parts_are_not():
    html = page("</title><script>&", paragraph("one"), "<i>two</i>", note="a < b & c")
    text = Reader(html).text
    assert text["title"] == text["h1"] == "</title><script>&"
    assert text["p"] == "a < b & cone" and text["main"] == "<i>two</i>"
    assert "color-scheme" in text["style"] and html.count("<style>") == 1
    assert "<script" not in html and "://" not in html


def test_a_page_without_a_note_has_no_empty_line():
    assert "p" not in Reader(page("Empty")).text and "<p" not in page("Empty")


def test_a_page_has_one_heading_of_each_level_above_its_sections():
    read = Reader(page("A", section("B", "x"), section("C")))
    assert [tag for tag in read.tags if tag in ("h1", "h2", "h3")] == ["h1", "h2", "h2"]
    assert ("html", "lang", "en") in read.attributes


def test_a_file_appears_whole(tmp_path):
    path = write_page(tmp_path / "new" / "page.html", "Größe", note="–")
    assert path.read_text("utf-8") == page("Größe", note="–")
    with pytest.raises(TypeError):
        write_page(path, "Größe", None)
    assert path.read_text("utf-8") == page("Größe", note="–") and list(path.parent.iterdir()) == [path]


def test_a_standalone_fragment_brings_its_styles_once():
    html = standalone(table(["a"], [[1]]), table(["b"], [[2]]))
    assert html.count("<style>") == 1 and ".fl-table" in html and Reader(html).tags[:2] == ["style", "div"]


def test_fragments_are_kept_in_files(tmp_path):
    fragment = table(["a & b"], [["<"]])
    write_fragment(tmp_path / "1_a.html", fragment)
    assert read_fragment(tmp_path / "1_a.html") == fragment
    assert fragment in page("A", read_fragment(tmp_path / "1_a.html"))
    with pytest.raises(TypeError, match="a fragment is Markup"):
        write_fragment(tmp_path / "2_b.html", "<b>plain</b>")
    assert not (tmp_path / "2_b.html").exists()
