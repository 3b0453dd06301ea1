"""A page that shows pairs side by side, with the differences marked. Pure: pairs in, HTML out; needs no network."""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher

from ..pages import page
from ..records import Pair
from .commands import STYLE_COMMANDS
from .edit_rates import common_subsequence
from .segment import find_tokens, words

WAYS = {"llm": "short version", "noise": "random noise", "retrieval": "captions and boxes"}
"""Ways of distortion and what the page calls them."""

_PROMISES = {command.name: command.promise for command in STYLE_COMMANDS}

_STYLE = """
:root { --gone: light-dark(#fde8dd, #5a2f22); --new: light-dark(#dcefe3, #20442f); --accent: light-dark(#c4563a, #ef8d70); }
* { box-sizing: border-box; }
body { max-width: 72rem; }
.summary { border-collapse: collapse; margin: 0 0 1.5rem; }
.summary td, .summary th { padding: .2rem 1.4rem .2rem 0; text-align: left; font-variant-numeric: tabular-nums; }
.summary th { color: var(--soft); font-weight: 500; }
.filters { display: flex; flex-wrap: wrap; gap: .5rem; margin: 0 0 1.25rem; border: 0; padding: 0; }
.filters label { border: 1px solid var(--line); border-radius: 2rem; padding: .2rem .8rem; cursor: pointer; background: var(--card); }
.filters input { accent-color: var(--accent); }
article { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; margin: 0 0 1rem; padding: .9rem 1rem; }
header { display: flex; flex-wrap: wrap; gap: .35rem .8rem; align-items: baseline; color: var(--soft); font-size: .85rem;
  margin-bottom: .5rem; }
header b { color: var(--accent); font-weight: 600; }
header code { margin-left: auto; overflow-wrap: anywhere; }
.ask { font-weight: 600; margin: 0 0 .6rem; white-space: pre-wrap; overflow-wrap: anywhere; }
.sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 19rem), 1fr)); gap: .9rem; }
.sides.pictured { grid-template-columns: 7rem 1fr 1fr; }
.sides img { width: 100%; border-radius: .35rem; display: block; margin-bottom: .4rem; }
.side h3 { font-size: .78rem; letter-spacing: .03em; color: var(--soft); margin: 0 0 .2rem; font-weight: 500; }
.side p { margin: 0; white-space: pre-wrap; overflow-wrap: anywhere; }
del, ins { text-decoration: none; border-radius: .2rem; }
del { background: var(--gone); }
ins { background: var(--new); }
.empty { color: var(--soft); padding: 2rem 0; }
@media (max-width: 40rem) { .sides.pictured { grid-template-columns: 1fr; } .sides img { max-width: 9rem; } }
"""


def marked(before: str, after: str) -> tuple[str, str]:
    """A word diff of two texts as HTML: lost words of the first in ``<del>``, new words of the second in ``<ins>``."""
    one, two = (_pieces(text) for text in (before, after))
    matcher = SequenceMatcher(
        None, [token.lower() for _, token in one], [token.lower() for _, token in two], autojunk=False
    )
    left, right = [], []
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal":
            for (gap, token), (other_gap, other) in zip(one[start:end], two[other_start:other_end], strict=True):
                tag = "" if token == other else "c"  # only the case changed
                left.append(_piece(gap, token, "del" if tag else ""))
                right.append(_piece(other_gap, other, "ins" if tag else ""))
        else:
            left += [_piece(gap, token, "del") for gap, token in one[start:end]]
            right += [_piece(gap, token, "ins") for gap, token in two[other_start:other_end]]
    return "".join(left), "".join(right)


def kept_share(pair: Pair) -> float:
    """The share of the target's words that the draft still has, in their order; case counts."""
    target = words(pair.target)
    return common_subsequence(target, words(pair.draft)) / max(len(target), 1)


def _pieces(text: str) -> list[tuple[str, str]]:
    pieces, end = [], 0
    for match in find_tokens(text):
        pieces.append((text[end : match.start()], match.group()))
        end = match.end()
    return pieces


def _piece(gap: str, token: str, tag: str) -> str:
    token = html.escape(token)
    return html.escape(gap) + (f"<{tag}>{token}</{tag}>" if tag else token)


def _card(pair: Pair, picture: Callable[[str], str | None] | None) -> str:
    target, draft = marked(pair.target, pair.draft)
    command = html.escape(pair.command.replace(" ", ", ") or "no command")
    promise = html.escape(_PROMISES.get(pair.command, ""))
    sources = [source for image in pair.images if picture is not None and (source := picture(image))]
    images = "".join(f'<img src="{html.escape(source)}" alt="" loading="lazy">' for source in sources)
    return (
        f'<article class="way-{html.escape(pair.way)}"><header><b>{html.escape(WAYS.get(pair.way, pair.way))}</b>'
        f'<span title="{promise}">{command}</span><span>keeps {kept_share(pair):.0%} of the words</span>'
        f"<code>{html.escape(pair.id)}</code></header>"
        f'<p class="ask">{html.escape(pair.instruction)}</p><div class="sides{" pictured" if images else ""}">'
        + (f"<div>{images}</div>" if images else "")
        + f'<div class="side"><h3>good response (target)</h3><p>{target}</p></div>'
        f'<div class="side"><h3>distorted (draft)</h3><p>{draft}</p></div></div></article>'
    )


def _summary(pairs: Sequence[Pair]) -> str:
    counts = Counter(pair.way for pair in pairs)
    rows = []
    for way in sorted(counts, key=list(WAYS).index if set(counts) <= set(WAYS) else None):
        own = [pair for pair in pairs if pair.way == way]
        long = sum(len(pair.target.split()) for pair in own) / len(own)
        short = sum(len(pair.draft.split()) for pair in own) / len(own)
        kept = sum(map(kept_share, own)) / len(own)
        rows.append(
            f"<tr><th>{html.escape(WAYS.get(way, way))}</th><td>{len(own)} ({len(own) / len(pairs):.0%})</td>"
            f"<td>{long:.0f} words became {short:.0f}</td><td>{kept:.0%} of the words kept</td></tr>"
        )
    return f'<table class="summary">{"".join(rows)}</table>'


def to_html(
    pairs: Iterable[Pair],
    *,
    title: str = "Distorted pairs",
    note: str = "",
    picture: Callable[[str], str | None] | None = None,
) -> str:
    """A whole page.

    Args:
        pairs: what to show; a few hundred at most, since all are on one page.
        title: its heading.
        note: a sentence under the heading, plain text.
        picture: gives the address (or data URI) of an image path; None shows no pictures.
    """
    pairs = list(pairs)
    ways = [way for way in WAYS if any(pair.way == way for pair in pairs)]
    hidden = "".join(f"body:has(#show-{way}:not(:checked)) .way-{way} {{ display: none; }}\n" for way in ways)
    filters = "".join(f'<label><input type="checkbox" id="show-{way}" checked> {WAYS[way]}</label>' for way in ways)
    parts = [
        _summary(pairs) if pairs else "",
        f'<fieldset class="filters">{filters}</fieldset>' if len(ways) > 1 else "",
        *(_card(pair, picture) for pair in pairs),
        "" if pairs else '<p class="empty">There are no pairs to show.</p>',
    ]
    return page(title, *parts, note=note, style=_STYLE + hidden)
