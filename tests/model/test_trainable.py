"""Trainable parts, and the paper's Table 4 at full size."""

import pytest
import torch
from transformers import LlamaConfig

from flamingo_lib.errors import ConfigError
from flamingo_lib.model import FlamingoConfig, FlamingoForConditionalGeneration
from flamingo_lib.model.lora import add_lora
from flamingo_lib.model.trainable import PARTS, part_of, set_trainable, trainable_table
from flamingo_lib.training.assemble import open_clip_vision_config


def trained_names(model):
    return {name for name, weight in model.named_parameters() if weight.requires_grad}


def test_parts_share_out_every_parameter(model):
    add_lora(model, 2, 4)
    rows = trainable_table(model)
    assert sum(row.parameters for row in rows) == sum(weight.numel() for weight in model.parameters())
    assert {row.part for row in rows} == set(PARTS) - {"embeddings_new_tokens"}


@pytest.mark.parametrize(
    ("parts", "inside"),
    [
        (["vision"], lambda name: name.startswith("vision_encoder.")),
        (["resampler"], lambda name: name.startswith("perceiver.")),
        (["cross_attention"], lambda name: "gated" in name and ".ff" not in name),
        (["cross_attention_ffn"], lambda name: "gated" in name and ".ff" in name),
        (["connector"], lambda name: "gated" in name or name.startswith("perceiver.")),
        (["lora", "resampler"], lambda name: "lora" in name or name.startswith("perceiver.")),
        (["embeddings"], lambda name: "embed_tokens" in name),
        ([], lambda name: False),
    ],
)
def test_exactly_the_named_parts_train(model, parts, inside):
    add_lora(model, 2, 4)
    rows = set_trainable(model, parts)
    assert trained_names(model) == {name for name, _ in model.named_parameters() if inside(name)}
    assert sum(row.trained for row in rows) == sum(
        weight.numel() for weight in model.parameters() if weight.requires_grad
    )


def test_new_tokens_only(build, batch):
    model = build(original_vocab_size=90)
    rows = {row.part: row for row in set_trainable(model, ["embeddings_new_tokens"])}
    assert rows["embeddings_new_tokens"].trained == 6 * 32 and rows["embeddings"].trained == 0
    ids = batch["input_ids"]
    ids[:, 1] = 93
    model(**batch, labels=ids).loss.backward()
    gradient = model.get_input_embeddings().weight.grad
    assert not gradient[:90].any() and gradient[93].any()
    model.zero_grad()
    set_trainable(model, ["embeddings"])  # the restriction goes with the part
    model(**batch, labels=ids).loss.backward()
    assert model.get_input_embeddings().weight.grad[:90].any()


def test_trained_tower_gets_gradients(model, batch):
    set_trainable(model.train(), ["vision"])
    assert model.vision_encoder.visual.training
    model(**batch, labels=batch["input_ids"]).loss.backward()
    assert model.vision_encoder.visual.conv1.weight.grad.abs().max() > 0
    set_trainable(model, ["resampler"])
    assert not model.vision_encoder.visual.training


def test_unknown_or_absent_parts(model):
    with pytest.raises(ConfigError, match="unknown trainable part 'perceiver'"):
        set_trainable(model, ["perceiver"])
    with pytest.raises(ConfigError, match="no LoRA to train"):
        set_trainable(model, ["lora"])
    with pytest.raises(ConfigError, match="no new tokens are known"):
        set_trainable(model, ["embeddings_new_tokens"])


def test_part_of_names():
    assert part_of("lang_encoder.model.layers.3.gated_cross_attn_layer.ff_gate", "e") == "cross_attention_ffn"
    assert part_of("lang_encoder.model.layers.3.gated_cross_attn_layer.attn_gate", "e") == "cross_attention"
    assert part_of("lang_encoder.lm_head.weight", "e") == "language_model"


def test_full_size_counts_are_those_of_table_4():
    """LoRA with the input embeddings is the table's 0.29 B, resampler with cross-attention its 0.1 B."""
    config = FlamingoConfig(
        text_config=LlamaConfig(vocab_size=32003, pad_token_id=0),
        vision_config=open_clip_vision_config("ViT-L-14-336-quickgelu"),
        media_rule="following",
        image_token_id=32001,
    )
    with torch.device("meta"):
        model = FlamingoForConditionalGeneration(config)
    add_lora(model, 64, 16)
    stage_1 = sum(row.trained for row in set_trainable(model, ["lora", "embeddings"]))
    stage_2 = sum(row.trained for row in set_trainable(model, ["resampler", "cross_attention"]))
    assert stage_1 == 159_907_840 + 131_084_288 and round(stage_1 / 1e9, 2) == 0.29
    assert stage_2 == 105_027_592 and round(stage_2 / 1e9, 1) == 0.1
