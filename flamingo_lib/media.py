"""Media attention: which image each token attends to, by the rules of the references; the ignore index of labels.

Plain Python on lists; arrays and tensors are asked for their own methods, so that neither NumPy nor PyTorch is
imported before it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, overload

if TYPE_CHECKING:
    from torch import Tensor

MEDIA_RULES = ("preceding", "following")
"""`preceding` (OpenFlamingo v2): text attends to the latest image. `following` (v1, Polite and Clever Flamingo): to the
next.
"""

IGNORE_INDEX = -100
"""The label of a token that is not supervised, as in PyTorch's cross-entropy and in Transformers."""


@overload
def attended_images(ids: Sequence[int], image_token_id: int, rule: str, first: int = 0) -> list[int]: ...
@overload
def attended_images(ids: Any, image_token_id: int, rule: str, first: int = 0) -> Any: ...
def attended_images(ids: Any, image_token_id: int, rule: str, first: int = 0) -> Any:
    """For each token the image it attends to: 0 for none, k for the k-th image.

    Args:
        ids: token ids: a list of one row, or of one turn of it if no token may attend beyond its turn; or an integer
            array or tensor (..., t), of which padding counts as ordinary text.
        rule: one of `MEDIA_RULES`. An `<image>` attends to its own image under both.
        first: images that come before `ids` in the row; the first one here is number `first + 1`.

    Returns:
        A list, array or tensor of the same shape.
    """
    if hasattr(ids, "cumsum"):
        is_image = ids == image_token_id
        seen = is_image.cumsum(-1)
        number = seen if rule == "preceding" else seen + ~is_image
        return (number + first) * ((number > 0) & (number <= seen[..., -1:]))
    total = first + sum(token == image_token_id for token in ids)
    seen, attended = first, []
    for token in ids:
        own = token == image_token_id
        seen += own
        if rule == "preceding":
            attended.append(seen if seen > first else 0)
        else:
            image = seen if own else seen + 1
            attended.append(image if image <= total else 0)
    return attended


def pad_latents(rows: Sequence[Sequence[Tensor]]) -> Tensor | None:
    """Visual latents of a batch, zeros where a row has fewer images than another.

    Args:
        rows: for each row the latents of its images, each (n, D).

    Returns:
        (b, m, n, D) with m the largest number of images, or None where no row has any.
    """
    import torch

    first = next((row[0] for row in rows if len(row)), None)
    if first is None:
        return None
    padded = first.new_zeros(len(rows), max(map(len, rows)), *first.shape)
    for line, row in zip(padded, rows, strict=True):
        if len(row):
            line[: len(row)] = torch.stack(list(row))
    return padded
