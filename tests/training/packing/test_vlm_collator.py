"""Packed windows of real architectures: a window's loss is its samples' own, and no sample sees another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

from flamingo_lib.errors import CheckpointError, DataError
from flamingo_lib.media import IGNORE_INDEX
from flamingo_lib.rewriting.backends.chat_format import ChatFormat
from flamingo_lib.rewriting.backends.prompt import REWRITE_PROMPT
from flamingo_lib.training.packing import PackedCollator
from flamingo_lib.training.packing.isolation import block_mask
from flamingo_lib.training.vlm.examples import make_example
from flamingo_lib.training.vlm.labels import VlmCollator
from tests.tiny_vlms import ARCHITECTURES, make_vlm, text_settings

WINDOWS = ([[0, 1]], [[2, 6]], [[3, 2, 0], [7, 1]], [[6], [2]], [[2, 6], [3, 7, 4]], [[3]])
"""Samples by index: with one image, none, two; windows with and without images, alone and side by side."""


def encoded(processor, conversations):
    encode = VlmCollator(ChatFormat(processor), 1024)
    return [dict(encode([make_example(encode.chat, REWRITE_PROMPT, one)])) for one in conversations]


def own_loss(model, samples):
    """Mean loss over all labels of samples, each read alone."""
    counts = [int((sample["labels"] != IGNORE_INDEX).sum()) for sample in samples]
    losses = [float(model(**sample).loss) for sample in samples]
    return sum(count * loss for count, loss in zip(counts, losses, strict=True)) / sum(counts)


def second_loss(model, collator, first, second):
    """The second sample's loss behind the first."""
    batch = collator([[first, second]])
    batch["labels"][:, : first["input_ids"].shape[1]] = IGNORE_INDEX
    return float(model(**batch).loss)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def parts(request, conversations):
    """Name, model, processor, encoded samples, collator."""
    model, processor = make_vlm(request.param)
    samples = encoded(processor, conversations)
    return request.param, model, processor, samples, PackedCollator(model, processor, samples[:4])


@torch.no_grad()
def test_the_loss_of_packed_windows_is_their_samples_own(parts):
    _, model, _, samples, collator = parts
    for windows in WINDOWS:
        packed = float(model(**collator([[samples[index] for index in window] for window in windows])).loss)
        own = own_loss(model, [samples[index] for window in windows for index in window])
        assert packed == pytest.approx(own, abs=1e-5)


@torch.no_grad()
def test_the_loss_of_a_sample_does_not_change_with_the_one_before(parts):
    _, model, _, samples, collator = parts
    for first, second in ((0, 1), (2, 6), (3, 2), (2, 3)):
        loss = second_loss(model, collator, samples[first], samples[second])
        assert loss == pytest.approx(own_loss(model, [samples[second]]), abs=1e-5)
        changed = {**samples[first], "input_ids": samples[first]["input_ids"].clone()}
        changed["input_ids"][0, -8:-1] = changed["input_ids"][0, -9]
        if "pixel_values" in changed:
            changed["pixel_values"] = changed["pixel_values"] * 0.5 + 0.1
        assert second_loss(model, collator, changed, samples[second]) == loss


@torch.no_grad()
def test_without_blocking_the_second_sample_would_see_the_first(parts):
    name, model, _, samples, collator = parts
    batch = collator([[samples[2], samples[6]]])
    del batch["position_ids"]
    batch.pop("attention_mask", None)
    assert abs(float(model(**batch).loss) - own_loss(model, [samples[2], samples[6]])) > 1e-3, name


def test_each_architecture_is_told_in_the_way_that_it_obeys(parts):
    name, *_, collator = parts
    assert collator.attention == ("mask+images" if name == "gemma3" else "positions")


@torch.no_grad()
def test_a_block_diagonal_mask_does_the_same_where_images_are_causal(parts):
    name, model, processor, samples, _ = parts
    collator = PackedCollator(model, processor, samples[:4])
    collator.attention = "mask"
    loss = float(model(**collator([samples[:2], samples[2:5]])).loss)
    assert (loss == pytest.approx(own_loss(model, samples[:5]), abs=1e-5)) == (name != "gemma3")


@torch.no_grad()
def test_models_of_text_are_packed_with_their_tokenizer(parts):
    from transformers import LlamaConfig, LlamaForCausalLM

    _, _, processor, samples, _ = parts
    keys = ("input_ids", "attention_mask", "labels")
    texts = [{key: samples[index][key] for key in keys} for index in (2, 6)]
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**text_settings(processor.tokenizer))).eval()
    batch = PackedCollator(model, processor.tokenizer, texts)([texts])
    assert float(model(**batch).loss) == pytest.approx(own_loss(model, texts), abs=1e-5)


@pytest.mark.parametrize("name", ["qwen2.5-vl", "gemma3"])
@torch.no_grad()
def test_in_half_precision_and_with_eager_attention_too(name, conversations):
    model, processor = make_vlm(name)
    samples = encoded(processor, conversations[:4])
    model.set_attn_implementation("eager")
    loss = float(model(**PackedCollator(model, processor, samples)([samples])).loss)
    assert loss == pytest.approx(own_loss(model, samples), abs=1e-5)
    half = model.bfloat16()
    collator = PackedCollator(half, processor, samples)
    assert collator.attention == ("mask+images" if name == "gemma3" else "positions")
    assert float(half(**collator([samples])).loss) == pytest.approx(loss, abs=0.05)


def test_gradients_are_those_of_the_samples(parts):
    _, model, _, samples, collator = parts
    chosen = [samples[index] for index in (3, 2, 0)]
    weight = next(
        weight for name, weight in model.get_decoder().named_parameters() if name.endswith("0.self_attn.v_proj.weight")
    )
    total = sum(int((sample["labels"] != IGNORE_INDEX).sum()) for sample in chosen)
    own = torch.zeros_like(weight)
    for sample in chosen:
        share = (sample["labels"] != IGNORE_INDEX).sum() / total
        own += torch.autograd.grad(share * model(**sample).loss, weight)[0]
    (packed,) = torch.autograd.grad(model(**collator([chosen])).loss, weight)
    assert torch.allclose(packed, own, atol=1e-5 * float(own.abs().max()) + 1e-7)


def test_a_model_with_linear_attention_is_refused(conversations):
    from transformers import Qwen3_5Config, Qwen3_5ForConditionalGeneration

    processor = make_vlm("qwen2.5-vl")[1]
    text = text_settings(
        processor.tokenizer, layer_types=["linear_attention", "full_attention"], head_dim=16,
        linear_num_value_heads=2, linear_num_key_heads=2, linear_key_head_dim=8, linear_value_head_dim=8,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5,
                         "mrope_section": [2, 1, 1]},
    )  # fmt: skip
    vision = {"depth": 1, "hidden_size": 16, "intermediate_size": 24, "num_heads": 2, "out_hidden_size": 32}
    model = Qwen3_5ForConditionalGeneration(Qwen3_5Config(text_config=text, vision_config=vision)).train()
    texts = [one for one in conversations if not one.images]
    with pytest.raises(CheckpointError, match="Qwen3_5ForConditionalGeneration.*can't be blocked.*without packing"):
        PackedCollator(model, processor, encoded(processor, texts))
    assert model.training


def test_a_mask_is_block_diagonal_with_images_both_ways_and_a_sliding_window():
    class Config:
        sliding_window, layer_types = 3, ("sliding_attention", "full_attention")

    sample_of = torch.tensor([[0, 0, 0, 0, 0, 1, 1, 1]])
    types = torch.tensor([[0, 1, 1, 0, 0, 1, 1, 0]])
    masks = block_mask(Config, torch.float32, "mask+images", sample_of, {"token_type_ids": types})
    image = [0, 1, 1, 0, 0, 2, 2, 0]
    for kind, mask in masks.items():
        assert mask.shape == (1, 1, 8, 8)
        for query in range(8):
            for key in range(8):
                sees = sample_of[0, query] == sample_of[0, key]
                sees &= key <= query or (image[query] > 0 and image[query] == image[key])
                sees &= kind == "full_attention" or query - key < 3
                assert bool(mask[0, 0, query, key] == 0) == bool(sees), (kind, query, key)


def test_what_cannot_be_packed_is_named(parts):
    _, model, processor, samples, collator = parts
    two = samples[:2]
    with pytest.raises(DataError, match="a window is empty"):
        collator([two, []])
    with pytest.raises(DataError, match="no batch of one with labels"):
        collator([[{name: values for name, values in samples[0].items() if name != "labels"}]])
    padded = {**samples[2], "attention_mask": torch.zeros_like(samples[2]["attention_mask"])}
    with pytest.raises(DataError, match="padded"):
        collator([[padded]])
    with pytest.raises(DataError, match=r"cross_attention_mask of shape .* can't be packed"):
        collator([[{**samples[2], "cross_attention_mask": torch.zeros(1, 3, 1, 1)}]])
    short = PackedCollator(model, processor, two, context_length=two[0]["input_ids"].shape[1])
    with pytest.raises(DataError, match="a window has .* tokens, more than"):
        short([two])
    with pytest.raises(DataError, match="two or more"):
        PackedCollator(model, processor, two[:1])


@torch.no_grad()
def test_the_documented_lines_run(parts):
    _, model, processor, samples, _ = parts
    text = (Path(__file__).parents[3] / "docs" / "packing.md").read_text("utf-8")
    names = {"model": model, "processor": processor, "encoded": [(sample, 0) for sample in samples]}
    exec("\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.S)), names)
    assert float(names["loss"]) > 0 and len(names["rows"]) > 1
