"""Towers of both libraries, and which of their tokens are taken."""

import pytest
import torch
from transformers import (
    CLIPVisionConfig,
    ConvNextConfig,
    Dinov2WithRegistersConfig,
    SiglipVisionConfig,
    ViTConfig,
)

from flamingo_lib.errors import ConfigError
from flamingo_lib.model.vision import VisionEncoder
from flamingo_lib.training.assemble import open_clip_vision_config

SMALL = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 16,
    "patch_size": 8,
}
TRANSFORMERS = {
    "clip": (CLIPVisionConfig(**SMALL), 4, 24),
    "siglip": (SiglipVisionConfig(**SMALL), 4, 24),
    "vit": (ViTConfig(**SMALL), 4, 24),
    "dinov2 with registers": (Dinov2WithRegistersConfig(**{**SMALL, "mlp_ratio": 2, "num_register_tokens": 3}), 4, 24),
    "convnext": (ConvNextConfig(hidden_sizes=[8, 8, 16, 24], depths=[1, 1, 1, 1], image_size=64), 4, 24),
}


def open_clip_config(quick_gelu=False, **changes):
    cfg = {"image_size": 16, "patch_size": 8, "width": 24, "layers": 2, "head_width": 12} | changes
    return {"source": "open_clip", "embed_dim": 8, "quick_gelu": quick_gelu, "vision_cfg": cfg}


@pytest.mark.parametrize("name", TRANSFORMERS)
def test_transformers_towers(name):
    config, tokens, width = TRANSFORMERS[name]
    tower = VisionEncoder(config={"source": "transformers", "config": config.to_dict()}).eval()
    side = tower.image_size
    assert (tower.num_tokens, tower.width) == (tokens, width)
    pixels = torch.randn(2, 3, side, side)
    found = tower(pixels)
    assert found.shape == (2, tokens, width)
    whole = tower.visual(pixel_values=pixels).last_hidden_state
    torch.testing.assert_close(found, whole.flatten(2).transpose(1, 2) if whole.ndim == 4 else whole[:, -tokens:])


def test_open_clip_tokens_before_and_after_the_last_norm():
    torch.manual_seed(0)
    after = VisionEncoder(config=open_clip_config(), patch_tokens="after_ln_post").eval()
    before = VisionEncoder(config=open_clip_config(), patch_tokens="before_ln_post").eval()
    torch.nn.init.normal_(after.visual.ln_post.weight)
    before.load_state_dict(after.state_dict())
    pixels = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(after(pixels), after.visual.ln_post(before(pixels)))
    after.visual.output_tokens = True
    torch.testing.assert_close(after(pixels), after.visual(pixels)[1])


def test_quick_gelu_is_honoured():
    torch.manual_seed(0)
    plain, quick = VisionEncoder(config=open_clip_config()), VisionEncoder(config=open_clip_config(quick_gelu=True))
    quick.load_state_dict(plain.state_dict())
    difference = (plain(torch.ones(1, 3, 16, 16)) - quick(torch.ones(1, 3, 16, 16))).abs().max()
    assert 1e-5 < difference < 1
    assert (
        open_clip_vision_config("ViT-L-14-336-quickgelu")["quick_gelu"]
        and not open_clip_vision_config("ViT-L-14-336")["quick_gelu"]
    )


def test_open_clip_residual_network():
    tower = VisionEncoder(
        config=open_clip_config(layers=[1, 1, 1, 1], width=8, image_size=64, patch_size=None, head_width=8)
    ).eval()
    assert (tower.num_tokens, tower.width) == (4, 256)
    assert tower(torch.randn(1, 3, 64, 64)).shape == (1, 4, 256)


def test_frozen_tower_stays_in_evaluation_mode_and_makes_no_gradient():
    tower = VisionEncoder(config=open_clip_config(patch_dropout=0.5)).train()
    assert tower.frozen and not tower.visual.training
    pixels = torch.randn(1, 3, 16, 16)
    assert torch.equal(tower(pixels), tower(pixels)) and not tower(pixels).requires_grad
    tower.requires_grad_(True).train()
    assert tower.visual.training and tower(pixels).requires_grad


@pytest.mark.parametrize(
    "config",
    [
        {"source": "elsewhere"},
        {"source": "open_clip", "embed_dim": 8},
        open_clip_config(no_such_key=1),
        {"source": "transformers", "config": {"model_type": "no-such-model"}},
        {"source": "transformers", "config": {}},
    ],
)
def test_configs_that_cannot_be_built(config):
    with pytest.raises(ConfigError):
        VisionEncoder(config=config)
    with pytest.raises(ConfigError, match="knows no tower"):
        open_clip_vision_config("ViT-nothing")
