"""The styles of every component as CSS, by what shows in HTML that the component is there."""

from __future__ import annotations

import re

from .theme import SERIES, TINTS, VARIABLES

BASE = """
.fl{color-scheme:light dark;font:14px/1.5 system-ui,sans-serif;color:var(--fl-ink);background:var(--fl-paper)}
[data-jp-theme-light="true"] .fl{color-scheme:light}
[data-jp-theme-light="false"] .fl{color-scheme:dark}
[data-jp-theme-light] .fl{background:none}
.fl a{color:var(--fl-accent)}
"""
"""Base styles of every fragment: font, colours, and in JupyterLab its theme, on whose own page fragments stand."""

COMPONENTS = {
    "fl-page": """
body.fl-page{max-width:1000px;margin:0 auto;padding:24px 20px 60px;font-size:15px}
body.fl-page.fl-page-wide{max-width:none}
.fl-page h1{font-size:26px;line-height:1.25;margin:0 0 4px}
""",
    "fl-section": """
.fl-section h2{font-size:19px;margin:36px 0 8px}
.fl-scroll{overflow-x:auto}
""",
    "fl-paragraph": ".fl .fl-paragraph{max-width:46em;white-space:pre-wrap;overflow-wrap:anywhere;margin:0 0 10px}",
    "fl-soft": ".fl .fl-soft{color:var(--fl-soft)}",
    "fl-strong": ".fl .fl-strong{font-weight:600}",
    "fl-table": """
.fl table.fl-table{border-collapse:collapse;margin:0 0 12px;font-size:inherit;
 font-variant-numeric:tabular-nums;color:inherit}
.fl table.fl-table caption{text-align:left;font-weight:600;padding:0 0 4px;color:inherit}
.fl .fl-table th,.fl .fl-table td{text-align:left;padding:3px 14px 3px 0;border:0;
 border-top:1px solid var(--fl-line);vertical-align:top;white-space:pre-wrap;overflow-wrap:break-word;
 color:inherit;background:none;max-width:46em}
.fl table.fl-table :is(thead,tbody) tr:nth-child(n){background:none}
.fl .fl-table thead th{border-top:0;color:var(--fl-soft);font-weight:600}
.fl .fl-table .fl-n{text-align:right;white-space:nowrap}
.fl .fl-table .fl-total td{font-weight:600}
""",
    "fl-badge": """
.fl .fl-badge{font-weight:600;white-space:nowrap}
.fl .fl-good{color:var(--fl-good)}
.fl .fl-bad{color:var(--fl-bad)}
.fl .fl-pill{border:1px solid currentColor;border-radius:10px;padding:0 9px;font-size:12px}
""",
    "fl-card": """
.fl-card{background:var(--fl-card);border:1px solid var(--fl-line);border-radius:8px;padding:12px 16px;
 margin:0 0 14px;display:flex;flex-wrap:wrap;gap:8px 20px;max-width:1000px;box-sizing:border-box;align-content:start}
.fl-card>*{margin:0;min-width:0}
.fl-card>.fl-head,.fl-card>table,.fl-card>.fl-full{flex:1 0 100%}
.fl-head{display:flex;flex-wrap:wrap;gap:4px 10px;align-items:baseline}
.fl .fl-head h3{margin:0;font-size:14px;overflow-wrap:anywhere}
.fl-head small{color:var(--fl-soft);overflow-wrap:anywhere;font-size:13px}
.fl-media{display:flex;gap:8px;flex-wrap:wrap;align-content:start;flex:0 1 auto}
.fl-body{flex:1 1 min(24em,100%)}
.fl .fl-card .fl-body>*,.fl .fl-card .fl-full>*{margin:0}
.fl .fl-card .fl-body>*+*{margin-top:8px}
""",
    "fl-grid": """
.fl-grid{display:grid;gap:14px;
 grid-template-columns:repeat(auto-fill,minmax(min(var(--fl-least,340px),100%),1fr))}
.fl-grid>*{margin:0}
""",
    "fl-definitions": """
.fl dl.fl-definitions{margin:0;display:grid;grid-template-columns:max-content 1fr;gap:6px 12px;
 align-content:start}
.fl .fl-definitions dt{font-weight:600;color:var(--fl-soft);grid-column:1}
.fl .fl-definitions dd{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;grid-column:2}
.fl .fl-grid .fl-definitions dd{max-height:14em;overflow-y:auto}
""",
    "fl-columns": """
.fl-columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,19em),1fr));gap:14px}
.fl .fl-columns h4{font-size:12px;color:var(--fl-soft);margin:0 0 2px;font-weight:600}
.fl .fl-columns p{margin:0;white-space:pre-wrap;overflow-wrap:anywhere}
""",
    "<ins>": """
.fl ins{text-decoration:underline 1.5px;text-underline-offset:3px;background:var(--fl-added);
 color:var(--fl-ink);border-radius:2px}
""",
    "<del>": """
.fl del{text-decoration:line-through 1px;background:var(--fl-removed);color:var(--fl-ink);border-radius:2px}
""",
    "fl-code": """
.fl code.fl-code{font:13px ui-monospace,monospace;overflow-wrap:anywhere;background:none;color:inherit;
 padding:0}
""",
    "fl-figure": """
.fl figure.fl-figure{margin:0 0 12px}
.fl .fl-figure>img{max-width:100%;background:#fff;border-radius:6px}
.fl .fl-figure figcaption{font-size:13px;color:var(--fl-soft);white-space:pre-wrap}
""",
    "fl-gallery": """
.fl-gallery{display:flex;flex-wrap:wrap;gap:14px}
.fl .fl-gallery figure{margin:0;max-width:var(--fl-side)}
""",
    "fl-picture": """
.fl .fl-picture{position:relative;line-height:0;display:inline-block}
.fl .fl-picture img{border-radius:4px;max-width:100%;height:auto;margin:0}
""",
    "fl-box": """
.fl-box{position:absolute;box-sizing:border-box;border:2px solid #111;outline:1.5px solid #fff;
 border-radius:2px}
.fl .fl-box b{position:absolute;left:-2px;top:-17px;font:600 11px/14px system-ui,sans-serif;background:#111;
 color:#fff;padding:1px 4px;border-radius:2px;white-space:nowrap}
.fl .fl-box.fl-right b{left:auto;right:-2px}
.fl .fl-box.fl-top b{top:auto;bottom:-17px}
""",
    "fl-heat": """
.fl .fl-heat-map{position:relative;line-height:0;display:inline-block}
.fl-heat{position:absolute;box-sizing:border-box;border:1px solid rgba(255,255,255,.35)}
.fl .fl-heat b{position:absolute;right:2px;bottom:2px;font:600 11px/14px system-ui,sans-serif;background:#111;
 color:#fff;padding:0 4px;border-radius:2px}
""",
    "fl-bars": """
.fl .fl-bars td:nth-child(2){width:60%;min-width:12em}
.fl .fl-bars td,.fl .fl-bars th{border:0}
.fl .fl-bars{max-width:760px;width:100%}
.fl .fl-bars tbody th{text-align:right;font-weight:400}
.fl-bar{height:16px;min-width:2px;margin:2px auto;background:var(--fl-bar);border-radius:3px}
""",
    "fl-tokens": """
.fl-tokens{background:var(--fl-card);border:1px solid var(--fl-line);border-radius:6px;padding:10px;
 margin:0 0 12px}
.fl-stream{font:13px/2 ui-monospace,monospace;overflow-wrap:anywhere}
.fl-stream span{padding:2px 1px;white-space:pre-wrap}
.fl-stream sup{color:var(--fl-soft);font-size:10px;line-height:0;padding:0 1px}
""",
    "fl-trained": """
.fl .fl-trained{font-weight:700;text-decoration:underline 2px var(--fl-bad);text-underline-offset:3px}
""",
    "fl-tint": "\n".join(
        f".fl .fl-tint-{number}{{background:var(--fl-tint-{number})}}" for number in range(1, len(TINTS) + 1)
    ),
    "fl-legend": """
.fl-legend{display:flex;flex-wrap:wrap;gap:4px 16px;font-size:13px;margin:0 0 6px;align-items:center}
.fl-legend span{padding:0 4px}
.fl-legend svg{vertical-align:-3px}
""",
    "fl-strips": """
.fl svg.fl-strips{width:100%;height:auto;display:block}
.fl-strips text{font:600 11px system-ui,sans-serif;fill:var(--fl-card);text-anchor:middle;pointer-events:none}
""",
    "fl-shape": """
.fl-shape{fill:var(--fl-soft)}
.fl-shape.fl-shape-half{fill-opacity:.45}
.fl-shape.fl-shape-tick{fill:var(--fl-ink)}
.fl-shape.fl-shape-empty{fill:none;stroke:var(--fl-soft);stroke-dasharray:3 3}
""",
    "fl-series": "\n".join(
        f".fl-series-{number}{{fill:var(--fl-series-{number})}}" for number in range(1, len(SERIES) + 1)
    ),
    "fl-toggles": """
.fl fieldset.fl-toggles{display:flex;flex-wrap:wrap;gap:8px;margin:0 0 18px;border:0;padding:0}
.fl-toggles label{border:1px solid var(--fl-line);border-radius:2em;padding:2px 12px;cursor:pointer;
 background:var(--fl-card)}
.fl-toggles input{accent-color:var(--fl-accent)}
""",
    "fl-details": """
.fl details.fl-details{margin:4px 0 12px;font-size:13px}
.fl .fl-details summary{cursor:pointer;color:var(--fl-accent)}
""",
}
"""Start of the component's classes, or its tag: its styles."""


def stylesheet(html: str | None = None) -> str:
    """The theme as CSS.

    Args:
        html: only the styles of components that occur in it, and the colours those use; None gives all.
    """
    rules = [BASE] + [css for sign, css in COMPONENTS.items() if html is None or sign in html]
    used = set(re.findall(r"var\(--fl-([a-z0-9-]+)", "".join(rules)))
    colours = ";".join(
        f"--fl-{name}:light-dark({light},{dark})" for name, (light, dark) in VARIABLES.items() if name in used
    )
    return f".fl{{{colours}}}\n" + "\n".join(css.strip() for css in rules)
