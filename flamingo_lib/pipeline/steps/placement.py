"""Where a run's models compute, and in which number format."""

from __future__ import annotations

from typing import Any

from ...config import Preset


def placement(preset: Preset) -> dict[str, Any]:
    """Device and number format in which models rewrite and answer, as arguments of a loader."""
    import torch

    config = preset.model
    return {
        "device": "cuda" if config.device == "auto" and torch.cuda.is_available() else "cpu",
        "dtype": torch.bfloat16 if config.dtype == "bfloat16" else torch.float32,
    }
