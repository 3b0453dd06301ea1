"""A small Scenes data root, a random rewriter and random judges, all in their real layouts."""

from __future__ import annotations

import json
from pathlib import Path

from flamingo_lib.config import ScenesConfig
from flamingo_lib.scenes.writers import write_scenes

SIZES = {
    "polite_scenes": 2,
    "raw_scenes": 6,
    "calibration_scenes": 24,
    "evaluation_scenes": 6,
    "held_out_scenes": 2,
    "text_dialogues": 2,
}


def write_root(root: Path) -> None:
    """Write a few scenes of every pool as all default datasets."""
    write_scenes(root, ScenesConfig(**SIZES, image_size=72), seed=1)


def save_rewriter(folder: Path) -> None:
    """Save a random Flamingo of width 32 that reads the world's words."""
    import torch
    from transformers import LlamaConfig

    from flamingo_lib.chat.tokenizer import train_tiny_tokenizer
    from flamingo_lib.model import (
        FlamingoConfig,
        FlamingoForConditionalGeneration,
        FlamingoImageProcessor,
        FlamingoProcessor,
    )

    tokenizer = train_tiny_tokenizer(
        ["What color is the red circle at the top left? There is a large blue star."] * 9, 320
    )
    torch.manual_seed(3)
    llama = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2,
        max_position_embeddings=1024, pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id, initializer_range=0.4,
    )  # fmt: skip
    vision = {"image_size": 24, "patch_size": 8, "width": 24, "layers": 1, "head_width": 12}
    config = FlamingoConfig(
        text_config=llama, num_latents=4, resampler_depth=1, resampler_heads=2, resampler_dim_head=8,
        resampler_ff_mult=2,
        vision_config={"source": "open_clip", "embed_dim": 8, "quick_gelu": False, "vision_cfg": vision},
        cross_attention_every=1, cross_attention_heads=2, cross_attention_dim_head=8,
        cross_attention_ff_mult=2, gate_init=0.7,
        image_token_id=tokenizer.convert_tokens_to_ids("<image>"),
        end_of_chunk_token_id=tokenizer.convert_tokens_to_ids("<|endofchunk|>"),
    )  # fmt: skip
    FlamingoForConditionalGeneration(config).save_pretrained(folder)
    FlamingoProcessor(FlamingoImageProcessor(24), tokenizer).save_pretrained(folder)


def save_judges(models: Path) -> list[str]:
    """Save random judges; gives settings that name them instead of the shipped ones."""
    import open_clip
    import torch
    from safetensors.torch import save_file
    from transformers import BertConfig, BertForSequenceClassification

    from flamingo_lib.judges.nli import LABELS
    from flamingo_lib.judges.tiny_encoder import train_word_pieces

    texts = [
        '"The red circle is at the top left." is the answer to the question: "What color is the large blue star?"'
    ] * 3
    for name, labels in (("nli", LABELS), ("reward", ("reward",))):
        tokenizer = train_word_pieces(texts, lowercase=True, vocab_size=200)
        torch.manual_seed(5)
        config = BertConfig(
            vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
            max_position_embeddings=256, id2label=dict(enumerate(labels)), initializer_range=0.5,
        )  # fmt: skip
        BertForSequenceClassification(config).save_pretrained(models / name)
        tokenizer.save_pretrained(models / name)
    clip = models / "clip"
    clip.mkdir(parents=True)
    tokenizer.backend_tokenizer.save(str(clip / "tokenizer.json"))
    vision = {"image_size": 24, "layers": 1, "width": 16, "patch_size": 12, "head_width": 8}
    text = {"context_length": 24, "vocab_size": len(tokenizer), "width": 16, "heads": 2, "layers": 1}
    (clip / "open_clip_config.json").write_text(
        json.dumps(
            {
                "model_cfg": {"embed_dim": 8, "vision_cfg": vision, "text_cfg": text},
                "preprocess_cfg": {"resize_mode": "squash"},
            }
        )
    )
    torch.manual_seed(6)
    model = open_clip.CLIP(
        embed_dim=8, vision_cfg=open_clip.CLIPVisionCfg(**vision), text_cfg=open_clip.CLIPTextCfg(**text)
    )
    save_file(
        {key: value.contiguous() for key, value in model.state_dict().items()},
        str(clip / "open_clip_model.safetensors"),
    )
    return [f"judges.{role}={models / role}" for role in ("nli", "reward", "clip")]
