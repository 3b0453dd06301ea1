"""Which image each token of a token list looks at: the two rules of the references."""

from __future__ import annotations

from collections.abc import Sequence

MEDIA_RULES = ("preceding", "following")
"""`preceding` (OpenFlamingo v2): text looks at the latest image. `following` (v1, Polite and Clever Flamingo): at the
next.
"""


def attended_images(ids: Sequence[int], image_token_id: int, rule: str, first: int = 0) -> list[int]:
    """For each token the image it looks at: 0 for none, k for the k-th image.

    Args:
        ids: one row, or one turn of it if no token may look beyond its turn.
        rule: one of `MEDIA_RULES`. An `<image>` looks at its own image under both.
        first: images that come before `ids` in the row; the first one here is number `first + 1`.
    """
    total = first + sum(token == image_token_id for token in ids)
    seen, looks = first, []
    for token in ids:
        own = token == image_token_id
        seen += own
        if rule == "preceding":
            looks.append(seen if seen > first else 0)
        else:
            image = seen if own else seen + 1
            looks.append(image if image <= total else 0)
    return looks
