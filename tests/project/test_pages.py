"""Pages: a title stays text, styles follow the common one, a file appears whole."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from flamingo_lib.pages import page, write_page


class Reader(HTMLParser):
    """The text inside each kind of element; fails on a tag that is not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: dict[str, str] = {}
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.text[self.open[-1]] = self.text.get(self.open[-1], "") + data


def test_plain_text_is_escaped_and_parts_are_not():
    html = page("</title><script>&", "<b>one</b>", "<i>two</i>", note="a < b & c", style="b{color:red}")
    text = Reader(html).text
    assert text["title"] == text["h1"] == "</title><script>&"
    assert (text["p"], text["b"], text["i"]) == ("a < b & c", "one", "two")
    assert text["style"].endswith("b{color:red}") and "color-scheme" in text["style"]
    assert "<script" not in html and "http" not in html


def test_a_page_without_a_note_has_no_empty_line():
    assert "p" not in Reader(page("Empty")).text and "<p" not in page("Empty")


def test_a_file_appears_whole(tmp_path):
    path = write_page(tmp_path / "new" / "page.html", "Größe", note="–")
    assert path.read_text("utf-8") == page("Größe", note="–")
    with pytest.raises(TypeError):
        write_page(path, "Größe", None)
    assert path.read_text("utf-8") == page("Größe", note="–") and list(path.parent.iterdir()) == [path]
