"""A strict reader of HTML for tests."""

from __future__ import annotations

from html.parser import HTMLParser

from flamingo_lib.html.markup import VOID


class Reader(HTMLParser):
    """The elements, attributes and text of some HTML; fails on an element that is not closed in order.

    Attributes:
        tags: names of all elements, in order.
        attributes: (tag, name, value) of all attributes, in order.
        text: the text inside each kind of element, joined.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.text: dict[str, str] = {}
        self.other: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag):
        assert self._open and self._open.pop() == tag

    def handle_data(self, data):
        for tag in self._open[-1:]:
            self.text[tag] = self.text.get(tag, "") + data

    def handle_comment(self, data):
        self.other.append(data)

    def handle_pi(self, data):
        self.other.append(data)

    def unknown_decl(self, data):
        self.other.append(data)

    @property
    def all_text(self) -> str:
        """Every text that is shown, the styles left out."""
        return "".join(words for tag, words in self.text.items() if tag != "style")
