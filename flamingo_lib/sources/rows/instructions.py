"""Instructions and dialogues with polite responses: sources of distortion and text-only sets."""

from __future__ import annotations

from ..row import SourceRow, plain

ROWS = (
    SourceRow(
        name="llava-instruct",
        title="LLaVA-Instruct-150K",
        task="instruction",
        format="llava",
        files={"dialogues": ("{file}.json",)},
        splits={
            "detail": {"file": "detail_23k"},
            "conversation": {"file": "conversation_58k"},
            "reasoning": {"file": "complex_reasoning_77k"},
            "all": {"file": "llava_instruct_150k"},
            "80k": {"file": "llava_instruct_80k"},
        },
        secondary=("all", "80k"),
        images=("images/|coco/|train2017/|{image}", "train2014/COCO_train2014_{image}", "images/COCO_train2014_{image}", "val2017/{image}"),
        licence="CC BY 4.0; OpenAI's terms of use apply",
        homepage="https://huggingface.co/datasets/liuhaotian/LLaVA-Instruct-150K",
        citation="Liu et al., Visual Instruction Tuning, NeurIPS 2023",
        notes="Ids repeat between the files, which are separate splits here. The images are COCO train2017.",
        ids_repeat=True,
    ),
    SourceRow(
        name="ultrachat",
        title="UltraChat",
        task="instruction",
        format="ultrachat",
        files={"dialogues": ("ultrachat_release*.json", "*.jsonl", "train_*.jsonl", "*.json")},
        splits=plain("train"),
        licence="MIT; for research and education",
        homepage="https://github.com/thunlp/UltraChat",
        citation="Ding et al., Enhancing Chat Language Models by Scaling High-quality Instructional Conversations, EMNLP 2023",
        notes="JSON lines in files named .json.",
        ids_repeat=True,
    ),
    SourceRow(
        name="sharegpt",
        title="ShareGPT (Vicuna's release)",
        task="instruction",
        format="sharegpt",
        files={"dialogues": ("sg_90k_part*.json", "ShareGPT_V3_unfiltered_cleaned_split*.json", "*.json", "*.jsonl")},
        splits=plain("train"),
        licence="not stated",
        homepage="https://github.com/lm-sys/FastChat/blob/main/docs/commands/data_cleaning.md",
        citation="Chiang et al., Vicuna: An Open-Source Chatbot, 2023 (data shared by users of sharegpt.com)",
        notes="Speakers' names vary; HTML values become text; dialogues may begin with an answer or end with a question.",
        ids_repeat=True,
    ),
)
