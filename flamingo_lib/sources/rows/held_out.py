"""Sets held out of all training, for evaluation only: raw is the reference answer."""

from __future__ import annotations

from ..row import SourceRow

ROWS = (
    SourceRow(
        name="vsr",
        title="Visual Spatial Reasoning",
        task="vqa",
        format="vsr",
        files={"statements": ("data/|splits/|{kind}/|{part}.jsonl",)},
        splits={
            "train": {"kind": "random", "part": "train"},
            "dev": {"kind": "random", "part": "dev"},
            "test": {"kind": "random", "part": "test"},
            "zeroshot-train": {"kind": "zeroshot", "part": "train"},
            "zeroshot-dev": {"kind": "zeroshot", "part": "dev"},
            "zeroshot-test": {"kind": "zeroshot", "part": "test"},
        },
        secondary=("zeroshot-train", "zeroshot-dev", "zeroshot-test"),
        images=("data/|images/|{file}", "train2017/{file}", "val2017/{file}"),
        licence="Apache-2.0",
        homepage="https://github.com/cambridgeltl/visual-spatial-reasoning",
        citation="Liu, Emerson and Collier, Visual Spatial Reasoning, TACL 2023",
        notes="The images are COCO 2017 train and val in one folder. Asked as a yes-or-no question.",
    ),
)
