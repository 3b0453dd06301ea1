"""The default: the whole method on two CPU cores in minutes, on rendered Scenes."""

from ..config import Preset, StageConfig
from .ablations import ablations

_LORA = {"tunes": ("lora",), "learning_rate": 3e-3, "context_length": 256, "max_images": 4}

_STAGE2 = StageConfig(
    tunes=("resampler", "cross_attention"),
    mixture="pf1m",
    start="stage1",
    max_steps=200,
    learning_rate=1e-3,
    context_length=196,
    max_images=3,
)

PRESET = Preset(
    name="tiny",
    rewriter=StageConfig(**_LORA | {"mixture": "distorted-pairs", "max_steps": 180, "packing": "none"}),
    stages={
        "stage1": StageConfig(**_LORA | {"mixture": "stage1", "max_steps": 120}),
        "stage2": _STAGE2,
        "stage3": StageConfig(**_LORA | {"mixture": "stage1", "start": "stage2", "max_steps": 60, "learning_rate": 3e-4}),
        "raw": _STAGE2.model_copy(update={"mixture": "raw"}),
    },
    ablations=ablations(_STAGE2, low_resolution=36),
)
