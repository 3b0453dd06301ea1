"""Questions about images: with rationale (three sets) and without (six sets)."""

from __future__ import annotations

from ..row import SourceRow, plain

COCO_2014 = ("images/|mscoco/|{split}2014/|COCO_{split}2014_{id:012d}.jpg", "images/{split}2014/COCO_{split}2014_{id:012d}.jpg")

ROWS = (
    SourceRow(
        name="a-okvqa",
        title="A-OKVQA v1.0",
        task="vqa_rationale",
        format="a-okvqa",
        files={"questions": ("aokvqa_v1p0_{split}.json", "annotations/aokvqa_v1p0_{split}.json")},
        splits=plain("train", "val", "test"),
        unlabelled=("test",),
        images=("images/|coco/|{split}2017/|{id:012d}.jpg", "train2017/{id:012d}.jpg", "val2017/{id:012d}.jpg", "images/{id:012d}.jpg"),
        adopted=14_868,
        licence="Apache-2.0 (repository)",
        homepage="https://github.com/allenai/aokvqa",
        citation="Schwenk et al., A-OKVQA: A Benchmark for Visual Question Answering using World Knowledge, ECCV 2022",
        notes="The images are COCO 2017. The draft joins the right choice and the rationales; options: choices=False, rationales=N.",
    ),
    SourceRow(
        name="vqa-v2",
        title="VQA v2.0",
        task="vqa",
        format="vqa-pairs",
        files={
            "questions": (
                "annotations/|v2_OpenEnded_mscoco_{question_split}_questions.json",
                "questions/v2_OpenEnded_mscoco_{question_split}_questions.json",
            ),
            "annotations": ("annotations/|v2_mscoco_{question_split}_annotations.json",),
        },
        splits={
            "train": {"question_split": "train2014", "folder": "train2014"},
            "val": {"question_split": "val2014", "folder": "val2014"},
            "test": {"question_split": "test2015", "folder": "test2015"},
            "test-dev": {"question_split": "test-dev2015", "folder": "test2015"},
        },
        unlabelled=("test", "test-dev"),
        images=("images/|mscoco/|{folder}/|COCO_{folder}_{id:012d}.jpg", "images/COCO_{folder}_{id:012d}.jpg"),
        adopted=210_743,
        licence="annotations CC BY 4.0; images under Flickr's terms",
        homepage="https://visualqa.org",
        citation="Goyal et al., Making the V in VQA Matter, CVPR 2017",
        notes="Licence of the annotations as remembered, not seen in the files.",
    ),
    SourceRow(
        name="clevr",
        title="CLEVR v1.0",
        task="vqa",
        format="clevr",
        files={"questions": ("CLEVR_v1.0/|questions/|CLEVR_{split}_questions.json",)},
        splits=plain("train", "val", "test"),
        unlabelled=("test",),
        images=("CLEVR_v1.0/|images/|{split}/|{file}",),
        adopted=26_390,
        licence="CC BY 4.0",
        homepage="https://cs.stanford.edu/people/jcjohns/clevr/",
        citation="Johnson et al., CLEVR: A Diagnostic Dataset for Compositional Language and Elementary Visual Reasoning, CVPR 2017",
    ),
    SourceRow(
        name="gqa",
        title="GQA 1.2",
        task="vqa",
        format="gqa",
        files={
            "questions": (
                "questions1.2/|questions/|{split}_balanced_questions.json",
                "questions1.2/|questions/|{split}_all_questions.json",
                "questions1.2/|questions/|{split}_all_questions/*.json",
            )
        },
        splits=plain("train", "val", "testdev", "test", "challenge", "submission"),
        unlabelled=("test", "challenge", "submission"),
        images=("images/|{id}.jpg", "allImages/images/{id}.jpg"),
        adopted=223_244,
        licence="CC BY 4.0",
        homepage="https://cs.stanford.edu/people/dorarad/gqa/",
        citation="Hudson and Manning, GQA: A New Dataset for Real-World Visual Reasoning and Compositional Question Answering, CVPR 2019",
        notes="The balanced questions are preferred. Option full_answer=True takes the whole-sentence answers as drafts.",
    ),
)
