"""The peers of `benchmarks/model.py`, at the same sizes and, for OpenFlamingo, with the same weights.

open-flamingo 2.0.1 is from 2023 and is installed without its dependencies (it pins torch 2.0 and transformers 4.28)
into `.cache/benchmark-peers`, not into the environment. To run beside today's Transformers, three things had to be
patched:

1. its language-model mixin asks for `attention_mask` by position: today's `generate` leaves out a mask of ones, so it
gets a default; 2. its mixin class is put on a `LlamaForCausalLM` instance by hand, because its factory only builds
models by hub name; 3. the resampler's depth is fixed at 6 in its constructor: it is replaced by one of the wanted
depth, its own class.
"""

from __future__ import annotations

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import torch
from transformers import IdeficsConfig, IdeficsForVisionText2Text, LlamaConfig, LlamaForCausalLM

from flamingo_lib.model import FlamingoConfig, FlamingoForConditionalGeneration
from flamingo_lib.model.checkpoints.names import match_names

PEERS = Path(__file__).resolve().parents[1] / ".cache" / "benchmark-peers"
PACKAGES = ("open-flamingo==2.0.1", "einops-exts==0.0.4")

WIDTH, LAYERS, HEADS, FEED_FORWARD = 256, 6, 4, 688
VISION = {"image_size": 64, "patch_size": 16, "width": 128, "layers": 4, "head_width": 32}
IMAGE, END_OF_CHUNK, EOS = 3, 4, 2


def language_config(vocabulary: int) -> LlamaConfig:
    """The language model of all sides: 6 layers of 256."""
    return LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=WIDTH,
        intermediate_size=FEED_FORWARD,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=512,
        pad_token_id=0,
    )


def ours(vocabulary: int) -> FlamingoForConditionalGeneration:
    """Our model: resampler of depth 2, gated layers before every second layer, the references' head sizes."""
    torch.manual_seed(0)
    config = FlamingoConfig(
        text_config=language_config(vocabulary),
        vision_config={"source": "open_clip", "embed_dim": 64, "vision_cfg": VISION},
        resampler_depth=2,
        cross_attention_every=2,
        gate_init=0.5,
        image_token_id=IMAGE,
        end_of_chunk_token_id=END_OF_CHUNK,
        stop_token_id=EOS,
    )
    return FlamingoForConditionalGeneration(config).eval()


def open_flamingo(model: FlamingoForConditionalGeneration):
    """An open-flamingo model with the weights of `model`, connector trainable."""
    _install()
    from open_flamingo.src.flamingo import Flamingo
    from open_flamingo.src.flamingo_lm import FlamingoLMMixin
    from open_flamingo.src.helpers import PerceiverResampler
    from open_flamingo.src.utils import extend_instance

    class Mixin(FlamingoLMMixin):
        def forward(self, input_ids, attention_mask=None, **kwargs):
            return super().forward(input_ids, attention_mask, **kwargs)

    language_model = LlamaForCausalLM(language_config(model.config.text_config.vocab_size))
    extend_instance(language_model, Mixin)
    language_model.set_decoder_layers_attr_name("model.layers")

    class Clip(torch.nn.Module):
        def __init__(self):
            super().__init__()
            from open_clip.model import CLIPVisionCfg, _build_vision_tower

            self.visual = _build_vision_tower(64, CLIPVisionCfg(**VISION, output_tokens=True))

    peer = Flamingo(Clip(), language_model, END_OF_CHUNK, IMAGE, vis_dim=VISION["width"], cross_attn_every_n_layers=2)
    peer.perceiver = PerceiverResampler(dim=VISION["width"], depth=2)
    peer.perceiver._use_gradient_checkpointing = False
    matched = match_names(peer.state_dict(), model.state_dict(), model.layers_path)
    if matched.unexpected or len(matched.weights) != len(model.state_dict()):
        raise RuntimeError(f"the peer's weights don't fit: {matched.unexpected[:3]}")
    state = {source: model.state_dict()[name] for name, source in matched.sources.items()}
    peer.load_state_dict(state, strict=False)
    peer.requires_grad_(False)
    peer.perceiver.requires_grad_(True)
    peer.lang_encoder.gated_cross_attn_layers.requires_grad_(True)
    return peer.eval()


def idefics(vocabulary: int) -> IdeficsForVisionText2Text:
    """Idefics with the closest equal sizes: its gated layers' feed-forward is gated and as wide as the language
    model's.
    """
    torch.manual_seed(0)
    config = IdeficsConfig(
        vocab_size=vocabulary,
        additional_vocab_size=0,
        hidden_size=WIDTH,
        intermediate_size=FEED_FORWARD,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        max_position_embeddings=512,
        cross_layer_interval=2,
        qk_layer_norms=False,
        use_resampler=True,
        alpha_initializer="ones",
        pad_token_id=0,
        eos_token_id=EOS,
        vision_config={
            "embed_dim": VISION["width"],
            "image_size": VISION["image_size"],
            "patch_size": VISION["patch_size"],
            "num_hidden_layers": VISION["layers"],
            "num_attention_heads": 4,
            "intermediate_size": 4 * VISION["width"],
        },
        perceiver_config={
            "resampler_depth": 2,
            "resampler_n_heads": 8,
            "resampler_head_dim": 64,
            "resampler_n_latents": 64,
        },
    )
    model = IdeficsForVisionText2Text(config).eval()
    model.requires_grad_(False)
    for name, weight in model.named_parameters():
        weight.requires_grad_("perceiver_resampler" in name or "gated_cross_attn_layers" in name)
    return model


def is_installed() -> bool:
    """Whether open-flamingo is on this machine."""
    return (PEERS / "open_flamingo").is_dir() or find_spec("open_flamingo") is not None


def _install() -> None:
    if not is_installed():
        PEERS.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", PEERS, *PACKAGES], check=True
        )
    if str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))
