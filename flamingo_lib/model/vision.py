"""The vision tower: images to patch tokens, from any open_clip tower or any Transformers vision model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..errors import ConfigError

SOURCES = ("open_clip", "transformers")


class VisionEncoder(nn.Module):
    """A vision tower that hands over its patch tokens; frozen until someone says otherwise.

    Shapes: n images, c = 3, h, w pixels, v patch tokens (no class or register tokens), d width.

    Args:
        config: ``{"source": "open_clip", "embed_dim": int, "quick_gelu": bool, "vision_cfg": {...}}``, the latter as in
            open_clip's model configs, or ``{"source": "transformers", "config": {...}}`` with a vision model's config.
        patch_tokens: "before_ln_post" or "after_ln_post"; of a Transformers model it is always `last_hidden_state`.

    Raises:
        ConfigError: unknown source, or a config that the library refuses.
    """

    def __init__(self, *, config: dict[str, Any], patch_tokens: str = "after_ln_post") -> None:
        super().__init__()
        self.source = config.get("source", "open_clip")
        self.normalize = patch_tokens == "after_ln_post"
        self.image_size = image_size(config)
        self.visual = _build(config)
        self.num_tokens, self.width = _token_shape(config, self.normalize)
        self.requires_grad_(False)

    @property
    def frozen(self) -> bool:
        """True while no weight of the tower is trained; then it runs without gradient and in evaluation mode."""
        return not any(weight.requires_grad for weight in self.visual.parameters())

    def train(self, mode: bool = True) -> VisionEncoder:
        """Set the mode; a frozen tower stays in evaluation mode."""
        super().train(mode)
        if self.frozen:
            self.visual.eval()
        return self

    def forward(self, pixel_values: Tensor) -> Tensor:
        """(n, c, h, w) normalised pixels to (n, v, d) patch tokens."""
        if self.frozen:
            with torch.no_grad():
                return patch_tokens_of(self.visual, pixel_values, self.source, self.normalize)
        return patch_tokens_of(self.visual, pixel_values, self.source, self.normalize)


def patch_tokens_of(tower: Any, pixel_values: Tensor, source: str, normalize: bool) -> Tensor:
    """(n, c, h, w) to (n, v, d): the patch tokens of an open_clip or Transformers tower, without any prefix tokens."""
    if source == "open_clip":
        kept = tower.forward_intermediates(
            pixel_values, indices=1, normalize_intermediates=normalize, intermediates_only=True
        )
        return kept["image_intermediates"][-1].flatten(2).transpose(1, 2)
    tokens = tower(pixel_values=pixel_values).last_hidden_state
    if tokens.ndim == 4:  # a convolutional tower's map
        return tokens.flatten(2).transpose(1, 2)
    patch = getattr(tower.config, "patch_size", None)
    if isinstance(patch, int):
        patches = (pixel_values.shape[-2] // patch) * (pixel_values.shape[-1] // patch)
        if 0 < patches < tokens.shape[1]:  # class and register tokens come first
            tokens = tokens[:, tokens.shape[1] - patches :]
    return tokens


def image_size(config: dict[str, Any]) -> int:
    """Side in pixels of the square images that the tower expects."""
    inner = (
        config.get("vision_cfg", {}) if config.get("source", "open_clip") == "open_clip" else config.get("config", {})
    )
    size = inner.get("image_size", 224)
    return size if isinstance(size, int) else size[0]


def _build(config: dict[str, Any]) -> nn.Module:
    source = config.get("source", "open_clip")
    try:
        if source == "open_clip":
            from open_clip.model import CLIPVisionCfg, _build_vision_tower

            return _build_vision_tower(
                config["embed_dim"], CLIPVisionCfg(**config["vision_cfg"]), bool(config.get("quick_gelu", False))
            )
        if source == "transformers":
            from transformers import AutoConfig, AutoModel

            values = dict(config["config"])
            return AutoModel.from_config(AutoConfig.for_model(values.pop("model_type"), **values))
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"the vision config cannot be built: {error!r}", record=source) from error
    raise ConfigError(f"unknown vision source {source!r}", remedy=f"Use one of {', '.join(SOURCES)}.")


def _token_shape(config: dict[str, Any], normalize: bool) -> tuple[int, int]:
    """(v, d) of one image, found by running an empty twin of the tower: no table of architectures is needed."""
    side = image_size(config)
    with torch.device("meta"), torch.no_grad():
        twin = _build(config).eval()
        tokens = patch_tokens_of(twin, torch.zeros(1, 3, side, side), config.get("source", "open_clip"), normalize)
    return tokens.shape[1], tokens.shape[2]
