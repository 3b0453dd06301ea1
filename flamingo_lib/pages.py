"""Pages that people open in a browser: one HTML file each, with one look, light or dark as the system is; no script, no
network.
"""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from .storage import atomic_write

STYLE = """
:root{color-scheme:light dark;--ink:light-dark(#24221f,#ece8e1);--soft:light-dark(#6d675f,#a39c91);--line:light-dark(#e0dbd2,#3d3a36);
 --paper:light-dark(#f9f7f3,#1b1a18);--card:light-dark(#fff,#252320);--well:light-dark(#f2efe8,#302d29)}
body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:0 auto;padding:24px 20px 60px;background:var(--paper);color:var(--ink)}
h1{font-size:26px;margin:0 0 4px}h2{font-size:19px;margin:40px 0 8px}p{max-width:46em}.note{color:var(--soft);margin:0 0 20px}
table.fl{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
table.fl th,table.fl td{text-align:left;padding:4px 12px 4px 0;border-top:1px solid var(--line);vertical-align:top}
table.fl .n{text-align:right;white-space:nowrap}
"""
"""What all pages share: colours by name, headings, tables of the class `fl`."""


def page(title: str, *parts: str, note: str = "", style: str = "") -> str:
    """A whole page.

    Args:
        title: the page's name and its heading, plain text.
        parts: what follows, HTML.
        note: a sentence under the heading, plain text; left out if empty.
        style: CSS after the common one.
    """
    name, line = escape(title), f'<p class="note">{escape(note)}</p>' if note else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{name}</title><style>{STYLE}{style}</style></head>\n<body><h1>{name}</h1>{line}\n{''.join(parts)}\n</body></html>\n"
    )


def write_page(path: str | os.PathLike, title: str, *parts: str, note: str = "", style: str = "") -> Path:
    """Write a `page` to a file, whole or not at all; returns the file's path."""
    with atomic_write(path) as file:
        file.write(page(title, *parts, note=note, style=style))
    return Path(path)
