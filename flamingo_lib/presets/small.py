"""For a laptop or one GPU: SmolLM2-135M with an open_clip tower, whose connector the first stage trains from nothing.

Make its base with `flamingo assemble --tower ViT-B-16 --weights FILE --out FOLDER` and name the folder in `model.base`.
"""

from ..config import ModelConfig, Preset, StageConfig
from .ablations import ablations
from .tiny import SCENES_DATASETS

_LORA = {
    "tunes": ("lora",),
    "learning_rate": 3e-4,
    "batch_size": 32,
    "micro_batch_size": 4,
    "context_length": 512,
    "max_images": 6,
}

_CONNECTOR = {
    "tunes": ("resampler", "cross_attention"),
    "learning_rate": 5e-4,
    "batch_size": 64,
    "micro_batch_size": 8,
    "context_length": 196,
    "max_images": 3,
}

_STAGE2 = StageConfig(**_CONNECTOR | {"mixture": "pf1m", "start": "stage1", "epochs": 3})

PRESET = Preset(
    name="small",
    sources=SCENES_DATASETS,
    model=ModelConfig(base="flamingo-small", lora_rank=32, lora_alpha=32),
    rewriter=StageConfig(
        **_LORA | {"mixture": "distorted-pairs", "start": "connector", "epochs": 3, "packing": "none"}
    ),
    stages={
        "connector": StageConfig(
            **_CONNECTOR
            | {"tunes": ("connector", "embeddings_new_tokens"), "mixture": "raw", "epochs": 4, "warmup_steps": 100}
        ),
        "stage1": StageConfig(**_LORA | {"mixture": "stage1", "start": "connector"}),
        "stage2": _STAGE2,
        "stage3": StageConfig(**_LORA | {"mixture": "stage1", "start": "stage2", "learning_rate": 3e-5}),
        "raw": _STAGE2.model_copy(update={"mixture": "raw"}),
    },
    ablations=ablations(_STAGE2, low_resolution=112, before_stage1="connector"),
)
