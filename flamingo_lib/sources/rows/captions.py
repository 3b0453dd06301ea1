"""Captioned images and regions: ten captioning sets of the paper (RET-3 is three)."""

from __future__ import annotations

from ..row import SourceRow, plain

ROWS = (
    SourceRow(
        name="mscoco-captions",
        title="MS-COCO Captions 2014",
        task="caption",
        format="coco-captions",
        files={
            "captions": ("annotations/|captions_{split}2014.json", "annotations/|captions_{split}2017.json"),
            "instances": ("annotations/|instances_{split}2014.json", "annotations/|instances_{split}2017.json"),
        },
        optional=("instances",),
        splits=plain("train", "val"),
        images=("images/|{split}2014/|{file}", "images/|{split}2017/|{file}", "images/{file}"),
        adopted=59_670,
        licence="annotations CC BY 4.0; images under Flickr's terms",
        homepage="https://cocodataset.org",
        citation="Lin et al., Microsoft COCO: Common Objects in Context, ECCV 2014; Chen et al., Microsoft COCO Captions, arXiv 1504.00325",
        notes="The 2017 files are read as well. Boxes come from the instances file where there is one; crowds are left out.",
    ),
    SourceRow(
        name="refcocog",
        title="RefCOCOg (Google RefExp)",
        task="region",
        format="refcocog",
        files={
            "refs": ("refcocog/|refs(umd).p", "refcocog/|refs(google).p"),
            "google": ("google_refexp_{split}_201511_coco_aligned.json", "google_refexp_{split}_201511.json"),
            "instances": ("refcocog/|instances.json", "annotations/|instances_train2014.json"),
        },
        optional=("refs", "google"),
        splits=plain("train", "val", "test"),
        images=("images/|mscoco/images/|train2014/|{file}", "images/{file}", "val2014/{file}"),
        adopted=8_103,
        licence="annotations CC BY 4.0 (Google); refer toolbox Apache-2.0; images under Flickr's terms",
        homepage="https://github.com/lichengunc/refer",
        citation="Mao et al., Generation and Comprehension of Unambiguous Object Descriptions, CVPR 2016",
        notes=(
            "One of `refs` and `google` is enough; refs(umd) is preferred, its splits share no image. "
            "The raw Google file needs COCO's instances. All images are in COCO train2014. The expressions of one region make one draft."
        ),
    ),
)
