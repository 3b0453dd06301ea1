"""Text of HTML answers, as dumps of chat pages hold them: code blocks, lists and tables keep their shape.

Whether a value is HTML is not judged by its tags: an answer that shows a web page's source has them too. It is known by
the file it comes from (`is_html_dump`) or by the marks of the page it was taken from (`has_page_marks`).
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_begins_with_tag = re.compile(
    r"<(?:p|div|pre|ol|ul|li|br|code|table|h[1-6]|strong|em|a|span|button|blockquote|svg)\b[^>]*>", re.IGNORECASE
).match
_page_marks = re.compile(
    r"""<(?:div|pre)\s[^>]*class\s*=\s*["'][^"']*\b(?:markdown(?:\s+prose|["'])|bg-black\s+(?:mb-4\s+)?rounded-md\b|p-4\s+overflow-y-auto\b)""",
    re.IGNORECASE,
).match
_label = re.compile(r"[\w+#.-]{1,20}")
_copied_label = re.compile(r"^([ \t]*```[\w+#.-]*)[ \t]*Copy code[ \t]*\n?", re.MULTILINE)

BLOCKS = frozenset({"p", "div", "pre", "ol", "ul", "table", "blockquote", "h1", "h2", "h3", "h4", "h5", "h6"})
SILENT = frozenset({"button", "svg", "script", "style"})
VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"})
"""Elements without an end tag."""


def is_html_dump(file: str) -> bool:
    """True if answers in a file of this name may be HTML: ShareGPT's pages as scraped (``sg_90k_part1.json``)."""
    name = file.rpartition("/")[2].lower()
    return name.startswith("sg_90k_part") or "html" in name


def has_page_marks(text: str) -> bool:
    """True if `text` begins with an element of ChatGPT's own page, such as ``<div class="markdown prose">``."""
    return bool(_page_marks(text.lstrip()))


def looks_like_html(text: str) -> bool:
    """True if `text` begins with a tag and closes one; a lone ``<br>`` in prose or code does not count."""
    return bool(_begins_with_tag(text.lstrip())) and "</" in text


def answer_text(text: str, *, html_dump: bool) -> str:
    """A chatbot's answer as plain text: HTML is converted, the page's "Copy code" button taken off fenced code.

    Args:
        html_dump: the file holds answers as HTML (`is_html_dump`).
    """
    if has_page_marks(text) or (html_dump and looks_like_html(text)):
        return html_to_text(text)
    return _copied_label.sub(r"\1\n", text)


class _Code:
    """A <pre> element: what stands in its <code>, what in a bar above it, and what beside both."""

    def __init__(self) -> None:
        self.code: list[str] = []
        self.bar: list[str] = []
        self.plain: list[str] = []
        self.language, self.has_code = "", False

    def text(self) -> str:
        """The fenced block; the language's name stands on the fence, or is left out if it is not one word."""
        body = "".join(self.code) if self.has_code else "".join([*self.bar, *self.plain])
        beside = "".join(self.plain).strip() if self.has_code else ""
        bar = "".join(self.bar).replace("Copy code", "").strip() if self.has_code else ""
        language = self.language or (bar if _label.fullmatch(bar) else "")
        lines = body.strip("\n")
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", lines)), default=0))
        return (f"{beside}\n" if beside else "") + f"{fence}{language}\n{lines}\n{fence}"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.blocks: list[str] = []
        self.lists: list[int | None] = []
        self.open: list[tuple[str, bool]] = []
        self.pre: _Code | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in VOID:
            silent = tag in SILENT or given.get("aria-hidden") == "true"
            self.open.append((tag, silent))
        if self._silent():
            return
        if self.pre is not None:
            if tag == "code":
                self.pre.has_code = True
                found = re.search(r"\blang(?:uage)?-([\w+#.-]+)", given.get("class") or "")
                self.pre.language = self.pre.language or (found[1] if found else "")
            elif tag == "br":
                self.handle_data("\n")
        elif tag == "pre":
            self.pre = _Code()
        elif tag in ("ol", "ul"):
            self.lists.append(1 if tag == "ol" else None)
            self.parts.append("\n")
        elif tag == "li":
            number = self.lists[-1] if self.lists else None
            self.parts.append("\n- " if number is None else f"\n{number}. ")
            if number is not None:
                self.lists[-1] = number + 1
        elif tag in ("br", "tr"):
            self.parts.append("\n")
        elif tag in ("td", "th"):
            self.parts.append(" | ")
        elif tag == "code":
            self.parts.append("`")
        elif tag == "p" and self.parts and re.search(r"\n(?:- |\d+\. )$", self.parts[-1]):
            return  # a paragraph that fills a list item
        elif tag in BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        silent = self._silent()
        for at in range(len(self.open) - 1, -1, -1):
            if self.open[at][0] == tag:
                del self.open[at:]
                break
        else:
            return  # an end without its beginning
        if silent:
            return
        if tag == "pre" and self.pre is not None:
            self._close_pre()
        elif self.pre is not None:
            return
        elif tag in ("ol", "ul"):
            if self.lists:
                self.lists.pop()
            self.parts.append("\n")
        elif tag == "code":
            self.parts.append("`")
        elif tag in BLOCKS and tag not in ("div",):
            self.parts.append("\n\n" if not self.lists else "\n")

    def handle_data(self, data: str) -> None:
        if self._silent():
            return
        if self.pre is None:
            self.parts.append(re.sub(r"\s+", " ", data))
            return
        names = [tag for tag, _ in self.open]
        inside = names[len(names) - names[::-1].index("pre") :] if "pre" in names else names
        into = self.pre.code if "code" in inside else self.pre.bar if "div" in inside else self.pre.plain
        into.append(data)

    def close(self) -> None:
        super().close()
        self._close_pre()  # cut off in a code block

    def _close_pre(self) -> None:
        if self.pre is None:
            return
        self.parts.append(f"\n\n\0{len(self.blocks)}\0\n\n")
        self.blocks.append(self.pre.text())
        self.pre = None

    def _silent(self) -> bool:
        return any(silent for _, silent in self.open)


def html_to_text(fragment: str) -> str:
    """The text of `fragment`, with paragraphs, lists and code blocks on lines of their own.

    Of a code block only what stands in its ``<code>`` is code: the bar above it, with the language's name and a button,
    is not. Lines of code stay as they are.
    """
    reader = _Reader()
    reader.feed(fragment.replace("\0", ""))
    reader.close()
    text = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+\n", "\n", "".join(reader.parts)))
    return re.sub("\0(\\d+)\0", lambda match: reader.blocks[int(match[1])], text).strip()
