"""The Flamingo model: config, vision tower, resampler, gated language model, processor, generation, adapters, checkpoints."""

from .config import FlamingoConfig
from .flamingo import FlamingoForConditionalGeneration, FlamingoOutput

__all__ = ["FlamingoConfig", "FlamingoForConditionalGeneration", "FlamingoOutput"]
