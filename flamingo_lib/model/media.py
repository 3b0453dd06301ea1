"""Which image each token attends to, as tensors: the two reference rules, checks, and masks."""

from __future__ import annotations

import torch
from torch import Tensor

from ..errors import DataError


def attended_images(input_ids: Tensor, image_token_id: int, rule: str) -> Tensor:
    """The image that each token looks at, over the whole row (parity fixtures, "Media attention").

    Args:
        input_ids: (b, t); padding counts as ordinary text.
        rule: "preceding": the latest image; "following": an `<image>` looks at its own image, other text at the next.

    Returns:
        (b, t) integers: 0 for none, k for the row's k-th image.
    """
    is_image = input_ids == image_token_id
    seen = is_image.cumsum(dim=1)
    if rule == "preceding":
        return seen
    following = torch.where(is_image, seen, seen + 1)
    return following.masked_fill(following > seen[:, -1:], 0)


def check_attended(attended: Tensor, images: int) -> None:
    """Raise `DataError` naming the row if an index is outside 0 to `images` or the images come out of order."""
    high = attended.amax(dim=1)
    if bool((high > images).any()) or bool((attended < 0).any()):
        row = int(((high > images) | (attended < 0).any(dim=1)).nonzero()[0])
        raise DataError(
            f"the tokens look at image {int(attended[row].max())} but the row has {images}",
            record=f"row {row}",
            remedy="Give one image for each <image> token, and attended indices from 0 (none) to the number of images.",
        )
    latest = attended.cummax(dim=1).values
    backwards = (attended > 0) & (attended < latest)
    if bool(backwards.any()):
        row, position = backwards.nonzero()[0].tolist()
        raise DataError(
            (
                f"token {position} looks back at image {int(attended[row, position])} after image "
                f"{int(latest[row, position])}"
            ),
            record=f"row {row}",
            remedy="Images must be attended to in the order in which they stand in the row.",
        )


def check_counts(input_ids: Tensor, image_token_id: int, images: int, num_images: Tensor | None) -> None:
    """Raise `DataError` naming the row whose `<image>` tokens don't match the images given for it.

    Args:
        images: image slots of the batch; a row may use fewer.
        num_images: (b,) how many of them each row really has, if known.
    """
    counts = (input_ids == image_token_id).sum(dim=1)
    wrong = counts > images if num_images is None else counts != num_images
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        given = images if num_images is None else int(num_images[row])
        raise DataError(
            f"{int(counts[row])} <image> tokens but {given} images",
            record=f"row {row}",
            remedy="Give one image for each <image> token.",
        )


def look_mask(attended: Tensor, images: int, latents: int) -> tuple[Tensor | None, Tensor | None]:
    """What the gated layers need to know of `attended`, made once a forward.

    Args:
        attended: (b, t).
        images: m image slots.
        latents: n latents an image.

    Returns:
        mask: (b, 1, t, m * n), True where a token may look, None for a single image. A token that looks at none
            may look anywhere here, so that no softmax is empty: `looks` takes its result away.
        looks: (b, t, 1) of 0 and 1; float32.
    """
    looks = (attended > 0).unsqueeze(-1)
    if images == 1:
        return None, looks.float()
    owner = torch.arange(1, images + 1, device=attended.device).repeat_interleave(latents)
    mask = (attended.unsqueeze(-1) == owner) | ~looks
    return mask.unsqueeze(1), looks.float()
