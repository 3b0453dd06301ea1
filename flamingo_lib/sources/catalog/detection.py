"""Detection sets, seen from above: three sets."""

from __future__ import annotations

from .spec import DatasetSpec, plain

ROWS = (
    DatasetSpec(
        name="dior",
        title="DIOR",
        task="detection",
        format="voc-objects",
        files={
            "ids": ("ImageSets/|Main/|{split}.txt",),
            "annotations": (
                "Annotations/|Horizontal Bounding Boxes/|{id}.xml",
                "Annotations/Oriented Bounding Boxes/{id}.xml",
            ),
        },
        optional=("ids",),
        splits=plain("train", "val", "test"),
        images=("JPEGImages-trainval/|{id}.jpg", "JPEGImages-test/{id}.jpg", "JPEGImages/{id}.jpg"),
        paper_samples=5_907,
        licence="not found",
        homepage="http://www.escience.cn/people/gongcheng/DIOR.html",
        citation="Li et al., Object Detection in Optical Remote Sensing Images: A Survey and a New Benchmark, ISPRS 2020",
        notes="Class names are made lower case without hyphens, as copies differ. Horizontal boxes are preferred.",
    ),
    DatasetSpec(
        name="dota",
        title="DOTA",
        task="detection",
        format="dota",
        files={
            "labels": (
                "{split}/labelTxt/*.txt",
                "{split}/labelTxt-v1.0/labelTxt/*.txt",
                "{split}/labelTxt-v1.0/*.txt",
                "{split}/labelTxt-v1.5/DOTA-v1.5_{split}/*.txt",
                "{split}/labelTxt-v1.5/*.txt",
                "{split}/labelTxt-v2.0/DOTA-v2.0_{split}/*.txt",
                "{split}/labelTxt-v2.0/*.txt",
                "labelTxt/{split}/*.txt",
                "{split}/annfiles/*.txt",
                "labelTxt/*.txt",
                "labelTxt-v1.0/*.txt",
                "labelTxt-v1.5/*.txt",
                "labelTxt-v2.0/*.txt",
                "{split}/labelTxt-v?/*.txt",
                "{split}/labelTxt-v?/?/*.txt",
                "labelTxt-v?/*.txt",
            )
        },
        splits=plain("train", "val"),
        images=("{split}/|images/{id}.png", "images/{split}/{id}.png", "{split}/images/images/{id}.png"),
        paper_samples=1_733,
        licence="academic use only",
        homepage="https://captain-whu.github.io/DOTA/",
        citation="Xia et al., DOTA: A Large-Scale Dataset for Object Detection in Aerial Images, CVPR 2018",
        notes="Boxes are the horizontal ones around four corners: of the two kinds of labels the oriented ones are read, of the versions the earliest. Images over the pixel bound are put aside. Licence as remembered.",
        max_share=0.2,
    ),
    DatasetSpec(
        name="hrrsd",
        title="HRRSD",
        task="detection",
        format="voc-objects",
        files={"ids": ("OPT2017/|ImageSets/|Main/|{split}.txt",), "annotations": ("OPT2017/|Annotations/|{id}.xml",)},
        optional=("ids",),
        splits=plain("train", "val", "test"),
        images=("OPT2017/|JPEGImages/|{id}.jpg",),
        paper_samples=5_898,
        licence="Mulan PSL v1 (repository)",
        homepage="https://github.com/CrazyStoneonRoad/TGRS-HRRSD-Dataset",
        citation="Zhang et al., Hierarchical and Robust CNN for Very High-Resolution Remote Sensing Object Detection, TGRS 2019",
        notes="The XML labels are read. Its COCO files are another split, its text labels may be fractions; neither is read.",
    ),
)
