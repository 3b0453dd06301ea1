"""The Flamingo model: vision tower, resampler, gated language model, processor, generation, adapters, checkpoints."""

from .config import FlamingoConfig
from .flamingo import FlamingoForConditionalGeneration, FlamingoOutput
from .generation import generate_batch
from .image_processor import FlamingoImageProcessor
from .processor import FlamingoProcessor

__all__ = [
    "FlamingoConfig",
    "FlamingoForConditionalGeneration",
    "FlamingoImageProcessor",
    "FlamingoOutput",
    "FlamingoProcessor",
    "generate_batch",
]
