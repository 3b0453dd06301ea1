"""Pictures to normalised pixels: the resize, crop and scaling of CLIP, on plain Pillow and NumPy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers import AutoImageProcessor
from transformers.image_processing_utils import BaseImageProcessor

from ..errors import ConfigError
from ..images import ImageInput, crop_to_ratio, load_image
from .config import FlamingoConfig

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)

Picture = ImageInput
"""A Pillow image of any mode, a uint8 array (h, w, 3), the bytes of an encoded image, or a file."""


class FlamingoImageProcessor(BaseImageProcessor):
    """Makes square, normalised images for a vision tower.

    Args:
        size: side in pixels.
        mean, std: of the three channels, for values from 0 to 1.
        fit: "crop" scales the shorter side to `size` (bicubic, antialiased) and cuts out the middle, as CLIP does;
            "squash" scales both.

    Raises:
        ConfigError: an unknown `fit`.
    """

    model_input_names = ("pixel_values",)

    def __init__(
        self,
        size: int = 224,
        mean: Sequence[float] = CLIP_MEAN,
        std: Sequence[float] = CLIP_STD,
        fit: str = "crop",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if fit not in ("crop", "squash"):
            raise ConfigError(f"unknown image fit {fit!r}", remedy="Use crop or squash.")
        self.size, self.mean, self.std, self.fit = size, list(mean), list(std), fit

    def pixels(self, images: Sequence[Picture]) -> Tensor:
        """Pictures, n, to (n, 3, size, size) float32; n may be 0. The same picture always gives the same pixels."""
        out = np.empty((len(images), self.size, self.size, 3), np.float32)
        for index, image in enumerate(images):
            out[index] = np.asarray(self.square(load_image(image)))
        out /= 255.0
        out -= np.asarray(self.mean, np.float32)
        out /= np.asarray(self.std, np.float32)
        return torch.from_numpy(out).permute(0, 3, 1, 2).contiguous()

    def __call__(self, images: Any, **kwargs: Any) -> dict[str, Tensor]:
        """A picture or a sequence of them to ``{"pixel_values": (n, 3, size, size)}``."""
        single = isinstance(images, (Image.Image, np.ndarray, bytes, str, os.PathLike))
        return {"pixel_values": self.pixels([images] if single else images)}

    def square(self, image: Image.Image) -> Image.Image:
        """`image` scaled (and cut) to `size` x `size` pixels."""
        width, height = image.size
        if (width, height) == (self.size, self.size):
            return image
        if self.fit == "squash":
            return image.resize((self.size, self.size), Image.Resampling.BICUBIC)
        image = crop_to_ratio(image)
        width, height = image.size
        if width <= height:
            scaled = (self.size, int(self.size * height / width))
        else:
            scaled = (int(self.size * width / height), self.size)
        image = image.resize(scaled, Image.Resampling.BICUBIC)
        left, top = (round((side - self.size) / 2.0) for side in scaled)
        return image.crop((left, top, left + self.size, top + self.size))


to_picture = load_image
"""Any `Picture` as upright RGB: the one image loader, by the name it had here."""


AutoImageProcessor.register(
    FlamingoConfig, image_processor_classes=dict.fromkeys(("pil", "torchvision"), FlamingoImageProcessor)
)
