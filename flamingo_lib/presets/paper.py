"""The paper's setting, for 8 GPUs of 40 GB and up: LLaMA-7B, ViT-L/14@336, 37 datasets.

Its datasets are read from folders of one's own (`sources.root`), its weights as their makers released them
(`model.weights`); `flamingo pipeline --preset paper --root DATA --weights FOLDER --dry-run` says what is there. Stages
are its Table 4 cell by cell. Where the paper is silent: betas, weight decay, warm-up (3 % of the steps or so), decay
and clipping are ours; LoRA's alpha is QLoRA's for Guanaco; the images of a rewriter window are stage 1's.
"""

from ..config import (
    DistortionConfig,
    EvaluationConfig,
    JudgesConfig,
    ModelConfig,
    Preset,
    RewritingConfig,
    SourcesConfig,
    StageConfig,
)
from .ablations import ablations

_LORA = {
    "tunes": ("lora",),
    "batch_size": 256,
    "micro_batch_size": 2,
    "context_length": 1024,
    "max_images": 10,
    "packing": "random_fill",
}

_STAGE2 = StageConfig(
    tunes=("resampler", "cross_attention"),
    mixture="pf1m",
    samples=975_782,
    start="stage1",
    epochs=3,
    learning_rate=1e-4,
    batch_size=1024,
    micro_batch_size=16,
    context_length=196,
    max_images=3,
    packing="random_fill",
    warmup_steps=100,
)

_DISTORTED = ("llava-instruct", "ultrachat", "sharegpt")

_TEXT_ONLY = ("ultrachat", "sharegpt", "oasst-1", "alpaca-gpt4", "gpteacher", "instruction-wild")

_ELEVATER = (
    "fer-2013",
    "cifar-10",
    "eurosat",
    "mnist",
    "voc-2007",
    "oxford-pets",
    "gtsrb",
    "resisc-45",
    "dtd",
    "cifar-100",
    "fgvc-aircraft",
    "food-101",
    "caltech-101",
    "oxford-flowers",
    "stanford-cars",
)

_RAW = (
    *("mscoco-captions", "flickr30k", "textcaps", "image2paragraph", "cc3m", "refcocog"),
    *("rsicd", "rsitmd", "ucm-captions"),  # together RET-3
    *("dior", "dota", "hrrsd"),
    *(f"elevater-{name}" for name in _ELEVATER),
    *("spot-the-diff", "image-editing-requests", "levir-cc"),
    *("a-okvqa", "vqa-e", "scienceqa"),
    *("vqa-v2", "clevr", "gqa", "textvqa", "ocr-vqa", "pointqa"),
)
"""The 37 datasets that become PF-1M."""

_ASKED = {
    "mscoco-captions": 5000,  # Table 1, with OK-VQA, VSR and Grid-3D
    "textcaps": 3000,
    "image2paragraph": 3000,
    "ok-vqa": 3000,
    "vsr": None,
    "grid-3d": 3000,
    "spot-the-diff": None,  # Table 2, with NLVR2
    "image-editing-requests": None,
    "nlvr2": 3000,
}
"""The evaluation's sources and the number of questions of each; None: the whole validation split."""

PRESET = Preset(
    name="paper",
    sources=SourcesConfig(
        polite=("llava-instruct", *_TEXT_ONLY),
        raw=_RAW,
        captions=("mscoco-captions",),
    ),
    model=ModelConfig(
        base="openflamingo-9b",
        adapter="guanaco-7b",
        clip="ViT-L-14-336/openai",
        media_rule="following",
        image_position="after",
        lora_rank=64,
        lora_alpha=16,
        dtype="bfloat16",
        device="auto",
    ),
    distortion=DistortionConfig(
        pairs=255_000,
        sources=_DISTORTED,
        backend="transformers",
        backend_model="timdettmers/guanaco-33b-merged",
        image_dropped=0,
        image_mismatched=0,
    ),
    rewriter=StageConfig(
        **_LORA
        | {
            "mixture": "distorted-pairs",
            "samples": 255_000,
            "epochs": 3,
            "learning_rate": 1e-4,
            "packing": "none",
            "warmup_steps": 100,
        }
    ),
    rewriting=RewritingConfig(mixture="rewritten", batch_size=32, max_new_tokens=512),
    judges=JudgesConfig(
        sts="all-mpnet-base-v2",
        nli="cross-encoder/nli-deberta-v3-base",
        reward="OpenAssistant/reward-model-deberta-v3-large-v2",
        clip="ViT-L-14-336/openai",
    ),
    stages={
        "stage1": StageConfig(
            **_LORA | {"mixture": "stage1", "samples": 772_000, "epochs": 1, "learning_rate": 1e-4, "warmup_steps": 50}
        ),
        "stage2": _STAGE2,
        "stage3": StageConfig(
            **_LORA
            | {
                "mixture": "stage1",
                "samples": 772_000,
                "start": "stage2",
                "epochs": 1,
                "learning_rate": 1e-5,
                "warmup_steps": 50,
            }
        ),
        "raw": _STAGE2.model_copy(update={"mixture": "raw-adopted"}),
    },
    ablations=ablations(_STAGE2, low_resolution=224),
    evaluation=EvaluationConfig(
        questions=4000, held_out_questions=4000, texts=1000, sources=_ASKED, batch_size=32, max_new_tokens=256
    ),
)
