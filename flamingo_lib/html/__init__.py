"""HTML: tables, figures, cards and pages with one theme, light and dark; all of the library's HTML is written here.

Functions take plain text and give `Markup`. Plain text is escaped, `Markup` is taken as it is, so nothing is escaped
twice and nothing is shown unescaped. A fragment is shown by `standalone` (in a notebook) or on a `page`.
"""

from __future__ import annotations

from .cards import badge, card, columns, definitions, details, grid
from .charts import Segment, Shape, bars, strip_chart
from .chatting import chat_page, page_policy
from .controls import toggles
from .figures import MAX_SIDE, figure, gallery, image_bytes, image_link, picture
from .heat_maps import heat_map
from .judging import judging_page
from .markup import Markup, join, text
from .pages import page, read_fragment, section, standalone, write_fragment, write_page
from .prose import bullets, changed, code, link, message, paragraph
from .tables import format_value, table
from .theme import PLOT_COLOURS
from .tokens import Token, token_strip

__all__ = [
    "MAX_SIDE",
    "PLOT_COLOURS",
    "Markup",
    "Segment",
    "Shape",
    "Token",
    "badge",
    "bars",
    "bullets",
    "card",
    "changed",
    "chat_page",
    "code",
    "columns",
    "definitions",
    "details",
    "figure",
    "format_value",
    "gallery",
    "grid",
    "heat_map",
    "image_bytes",
    "image_link",
    "join",
    "judging_page",
    "link",
    "message",
    "page",
    "page_policy",
    "paragraph",
    "picture",
    "read_fragment",
    "section",
    "standalone",
    "strip_chart",
    "table",
    "text",
    "toggles",
    "token_strip",
    "write_fragment",
    "write_page",
]
