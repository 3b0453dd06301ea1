"""Pairs of images and what changed: three sets."""

from __future__ import annotations

from ..row import SourceRow, plain

ROWS = (
    SourceRow(
        name="spot-the-diff",
        title="Spot-the-Diff",
        task="change",
        format="spot-the-diff",
        files={"annotations": ("data/|annotations/|{split}.json",)},
        splits=plain("train", "val", "test"),
        images=("data/|resized_images/|{file}", "images/{file}"),
        adopted=6_787,
        licence="none stated",
        homepage="https://github.com/harsh19/spot-the-diff",
        citation="Jhamtani and Berg-Kirkpatrick, Learning to Describe Differences Between Pairs of Similar Images, EMNLP 2018",
        notes="A pair may have up to three records; they are merged.",
    ),
)
