"""Tiny Flamingos with random weights, made in milliseconds."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig

from flamingo_lib.model import FlamingoConfig, FlamingoForConditionalGeneration

IMAGE = 3
VOCABULARY = 96


def llama(**changes) -> LlamaConfig:
    """A Llama of 3 layers and width 32."""
    settings = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
        "pad_token_id": 0,
        "initializer_range": 0.3,
    }
    return LlamaConfig(**settings | changes)


VISION = {
    "source": "open_clip",
    "embed_dim": 8,
    "quick_gelu": False,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 24, "layers": 2, "head_width": 12},
}


def tiny_config(text_config=None, **changes) -> FlamingoConfig:
    """Gated layers before layers 1 and 2 of 3 unless told otherwise; gates open."""
    settings = {
        "text_config": text_config or llama(),
        "vision_config": VISION,
        "num_latents": 5,
        "resampler_depth": 2,
        "resampler_heads": 2,
        "resampler_dim_head": 8,
        "resampler_ff_mult": 2,
        "cross_attention_every": 1,
        "cross_attention_heads": 2,
        "cross_attention_dim_head": 8,
        "cross_attention_ff_mult": 2,
        "gate_init": 0.7,
        "image_token_id": IMAGE,
        "end_of_chunk_token_id": 4,
    }
    return FlamingoConfig(**settings | changes)


def tiny_model(text_config=None, seed: int = 0, **changes) -> FlamingoForConditionalGeneration:
    torch.manual_seed(seed)
    return FlamingoForConditionalGeneration(tiny_config(text_config, **changes)).eval()


@pytest.fixture
def build():
    """`tiny_model` as a fixture."""
    return tiny_model


@pytest.fixture
def build_config():
    """`tiny_config` as a fixture."""
    return tiny_config


@pytest.fixture
def build_llama():
    """`llama` as a fixture."""
    return llama


@pytest.fixture
def model() -> FlamingoForConditionalGeneration:
    return tiny_model()


@pytest.fixture
def batch() -> dict[str, torch.Tensor]:
    """Three rows: two images, one image, none; slots that no row uses hold noise."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, VOCABULARY, (3, 12), generator=generator)
    ids[:, 0] = 1
    ids[0, 2] = ids[0, 7] = ids[1, 5] = IMAGE
    return {"input_ids": ids, "pixel_values": torch.randn(3, 2, 3, 16, 16, generator=generator)}


@pytest.fixture
def watch(monkeypatch):
    """`watch(place, name, note)`: from now on each call of `place.name` adds `note` of what it is given to the list
    that this returns.
    """

    def begin(place, name, note):
        seen, real = [], getattr(place, name)

        def call(*given, **named):
            seen.append(note(*given))
            return real(*given, **named)

        monkeypatch.setattr(place, name, call)
        return seen

    return begin
