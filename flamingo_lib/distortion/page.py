"""A page that shows pairs side by side, with the differences marked. Pure: pairs in, HTML out; needs no network."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher

from ..html import Markup, card, changed, code, columns, image_link, join, message, page, paragraph, table, toggles
from ..records import Pair
from ..renamed import renamed
from .commands import STYLE_COMMANDS
from .edit_rates import common_subsequence
from .segment import find_tokens, words

WAYS = {"llm": "short version", "noise": "random noise", "retrieval": "captions and boxes"}
"""Ways of distortion and their labels on the page."""

_PROMISES = {command.name: command.promise for command in STYLE_COMMANDS}


def marked(before: str, after: str) -> tuple[Markup, Markup]:
    """A word diff of two texts: lost words of the first are marked as removed, new words of the second as added."""
    one, two = (_pieces(text) for text in (before, after))
    matcher = SequenceMatcher(
        None, [token.lower() for _, token in one], [token.lower() for _, token in two], autojunk=False
    )
    left, right = [], []
    for kind, start, end, other_start, other_end in matcher.get_opcodes():
        if kind == "equal":
            for (gap, token), (other_gap, other) in zip(one[start:end], two[other_start:other_end], strict=True):
                left += [(gap, False), (token, token != other)]  # where they differ, only the case changed
                right += [(other_gap, False), (other, token != other)]
        else:
            for found, tokens in ((left, one[start:end]), (right, two[other_start:other_end])):
                found += [piece for gap, token in tokens for piece in ((gap, False), (token, True))]
    return changed(left, "del"), changed(right, "ins")


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


def _card(pair: Pair, picture: Callable[[str], str | None] | None) -> Markup:
    target, draft = marked(pair.target, pair.draft)
    command = pair.command.replace(" ", ", ") or "no command"
    promise = _PROMISES.get(pair.command, "")
    shown = {image: picture(image) for image in pair.images} if picture is not None else {}
    return card(
        WAYS.get(pair.way, pair.way),
        paragraph(pair.instruction, strong=True),
        columns([("good response (target)", target), ("distorted (draft)", draft)]),
        note=join(
            [
                f"{command} ({promise})" if promise else command,
                f"keeps {kept_share(pair):.0%} of the words",
                code(pair.id),
            ],
            " · ",
        ),
        media=[image_link(address, alt=f"image {image}", width=112) for image, address in shown.items() if address],
        group=f"way-{pair.way}",
    )


def _summary(pairs: Sequence[Pair]) -> Markup:
    counts = Counter(pair.way for pair in pairs)
    rows = []
    for way in sorted(counts, key=list(WAYS).index if set(counts) <= set(WAYS) else None):
        own = [pair for pair in pairs if pair.way == way]
        long = sum(len(pair.target.split()) for pair in own) / len(own)
        short = sum(len(pair.draft.split()) for pair in own) / len(own)
        kept = sum(map(kept_share, own)) / len(own)
        rows.append(
            (WAYS.get(way, way), len(own), f"{len(own) / len(pairs):.0%}", f"{long:.0f}", f"{short:.0f}", f"{kept:.0%}")
        )
    head = ("way", "pairs", "share", "words of the target", "words of the draft", "words kept")
    return table(head, rows)


def pairs_page(
    pairs: Iterable[Pair],
    *,
    title: str = "Distorted pairs",
    note: str = "",
    picture: Callable[[str], str | None] | None = None,
) -> Markup:
    """A whole page.

    Args:
        pairs: what to show; a few hundred at most, since all are on one page.
        title: its heading.
        note: a sentence under the heading, plain text.
        picture: gives the address (or data URI) of an image path; None shows no pictures.
    """
    pairs = list(pairs)
    ways = [way for way in WAYS if any(pair.way == way for pair in pairs)]
    if not pairs:
        return page(title, message("There are no pairs to show."), note=note)
    choice = toggles({f"way-{way}": WAYS[way] for way in ways}) if len(ways) > 1 else ""
    return page(title, _summary(pairs), choice, *(_card(pair, picture) for pair in pairs), note=note)


__getattr__ = renamed(__name__, to_html=pairs_page)
