"""The fifteen sets of ELEVATER's image classification suite, and any set packed or laid out like them."""

from __future__ import annotations

from ..row import SourceRow, plain

ROWS = (
    SourceRow(
        name="elevater",
        title="ELEVATER-IC packaging, any set",
        task="classification",
        format="elevater",
        files={
            "index": (
                "{split}.txt",
                "{split}_ic.txt",
                "{split}_images.txt",
                "{split}.json",
                "classification/*/{split}.txt",
                "*/{split}.txt",
            ),
            "wiki": ("resources/|knowledge/|external/*_knowledge.tsv",),
            "gpt3": ("resources/|knowledge/|gpt3/GPT3_*.tsv",),
        },
        optional=("index", "wiki", "gpt3"),
        splits=plain("train", "val", "test"),
        licence="each set's own; toolkit MIT",
        homepage="https://github.com/Computer-Vision-in-the-Wild/Elevater_Toolkit_IC",
        citation="Li et al., ELEVATER: A Benchmark and Toolkit for Evaluating Language-Augmented Visual Models, NeurIPS 2022",
        notes="Reads index lines `archive.zip@path label` with labels.txt beside them, a COCO index, or class folders; 32 images a class.",
    ),
)
