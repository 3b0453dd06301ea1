"""Text of HTML fragments, as ShareGPT's answers have them: code blocks, lists and tables keep their shape."""

from __future__ import annotations

import re
from html.parser import HTMLParser

_tag = re.compile(
    r"</?(?:p|div|pre|ol|ul|li|br|code|table|tr|td|th|h[1-6]|strong|em|a|span|button|blockquote|svg)\b[^>]*>",
    re.IGNORECASE,
)

BLOCKS = frozenset({"p", "div", "pre", "ol", "ul", "table", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"})
SILENT = frozenset({"button", "svg", "script", "style"})


def looks_like_html(text: str) -> bool:
    """True if `text` begins with a tag or holds a closing block tag; a lone ``<br>`` in prose or code does not count."""
    head = text.lstrip()[:200]
    return bool(_tag.match(head)) and "</" in text


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.lists: list[int | None] = []
        self.code = 0
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in SILENT:
            self.silent += 1
        elif tag == "pre":
            self.parts.append("\n\n```\n")
            self.code += 1
        elif tag in ("ol", "ul"):
            self.lists.append(1 if tag == "ol" else None)
            self.parts.append("\n")
        elif tag == "li":
            number = self.lists[-1] if self.lists else None
            self.parts.append("\n- " if number is None else f"\n{number}. ")
            if number is not None:
                self.lists[-1] = number + 1
        elif tag == "br" or tag == "tr":
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" | ")
        elif tag == "code" and not self.code:
            self.parts.append("`")
        elif tag == "p" and self.parts and re.search(r"\n(?:- |\d+\. )$", self.parts[-1]):
            return  # a paragraph that fills a list item
        elif tag in BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in SILENT:
            self.silent = max(0, self.silent - 1)
        elif tag == "pre":
            self.parts.append("\n```\n\n")
            self.code = max(0, self.code - 1)
        elif tag in ("ol", "ul"):
            if self.lists:
                self.lists.pop()
            self.parts.append("\n")
        elif tag == "code" and not self.code:
            self.parts.append("`")
        elif tag in BLOCKS and tag not in ("div",):
            self.parts.append("\n\n" if not self.lists else "\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(data if self.code else re.sub(r"\s+", " ", data))


def html_to_text(fragment: str) -> str:
    """The text of `fragment`, with paragraphs, lists and code blocks on lines of their own."""
    reader = _Reader()
    reader.feed(fragment)
    reader.close()
    text = "".join(reader.parts)
    text = re.sub(r"```\n\s*\n", "```\n", text)
    return re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", text)).strip()
