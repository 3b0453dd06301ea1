"""Pairs of images and what changed: three sets."""

from __future__ import annotations

from .spec import DatasetSpec, plain

ROWS = (
    DatasetSpec(
        name="spot-the-diff",
        title="Spot-the-Diff",
        task="change",
        format="spot-the-diff",
        files={"annotations": ("data/|annotations/|{split}.json",)},
        splits=plain("train", "val", "test"),
        images=("data/|resized_images/|{file}", "images/{file}"),
        paper_samples=6_787,
        licence="none stated",
        homepage="https://github.com/harsh19/spot-the-diff",
        citation="Jhamtani and Berg-Kirkpatrick, Learning to Describe Differences Between Pairs of Similar Images, EMNLP 2018",
        notes="A pair may have up to three records; they are merged.",
    ),
    DatasetSpec(
        name="image-editing-requests",
        title="Image-Editing-Requests",
        task="change",
        format="edit-requests",
        files={"annotations": ("dataset/|adobe/|{split}.json", "data/{split}.json")},
        splits=plain("train", "valid", "test"),
        images=("dataset/|adobe/|images/|{file}",),
        paper_samples=2_747,
        licence="none stated",
        homepage="https://github.com/airsplay/VisualRelationships",
        citation="Tan et al., Expressing Visual Relationships via Language, ACL 2019",
        notes="Some copies hold whole paths of images: only the file's name counts.",
    ),
    DatasetSpec(
        name="levir-cc",
        title="LEVIR-CC",
        task="change",
        format="karpathy-pairs",
        files={"annotations": ("LevirCCcaptions.json",)},
        splits=plain("train", "val", "test"),
        images=("images/|{split}/{side}/{file}",),
        paper_samples=6_761,
        licence="none stated",
        homepage="https://github.com/Chen-Yang-Liu/LEVIR-CC-Dataset",
        citation="Liu et al., Remote Sensing Image Change Captioning With Dual-Branch Transformers, TGRS 2022",
        notes="The split is read from `split`, else from `filepath`.",
    ),
)
