"""The default: the whole method on two CPU cores in minutes, on rendered Scenes."""

from ..config import Preset, StageConfig

_LORA = {"tunes": ("lora",), "learning_rate": 3e-3, "context_length": 256, "max_images": 4}

PRESET = Preset(
    name="tiny",
    rewriter=StageConfig(**_LORA | {"mixture": "distorted-pairs", "max_steps": 180, "packing": "none"}),
    stages={
        "stage1": StageConfig(**_LORA | {"mixture": "stage1", "max_steps": 120}),
        "stage2": StageConfig(
            tunes=("resampler", "cross_attention"), mixture="pf1m", max_steps=200, learning_rate=1e-3, context_length=196, max_images=3
        ),
        "stage3": StageConfig(**_LORA | {"mixture": "stage1", "max_steps": 60, "learning_rate": 3e-4}),
        "raw": StageConfig(
            tunes=("resampler", "cross_attention"), mixture="raw", max_steps=200, learning_rate=1e-3, context_length=196, max_images=3
        ),
    },
)
