"""Decoding without modules gives the tokens of the model's own decoding."""

import pytest
import torch

from flamingo_lib.cpu import optimize_for_cpu
from flamingo_lib.cpu.decoder import PackedWeights
from flamingo_lib.model import generate_batch
from flamingo_lib.model.generation import ModelDecoder
from flamingo_lib.seeding import torch_generator
from tests.cpu.conftest import IMAGE


def left_padded(batch, widths):
    ids = torch.zeros_like(batch["input_ids"])
    mask = torch.zeros_like(ids)
    for row, width in enumerate(widths):
        ids[row, -width:] = batch["input_ids"][row, :width]
        mask[row, -width:] = 1
    return {"input_ids": ids, "attention_mask": mask, "pixel_values": batch["pixel_values"]}


@pytest.mark.parametrize("rule", ["preceding", "following"])
@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("lora", [False, True])
def test_same_tokens(build, build_llama, batch, prepared, rule, kv_heads, lora):
    model = build(build_llama(num_key_value_heads=kv_heads), media_rule=rule)
    if lora:
        prepared(model, "lora").eval()
    optimize_for_cpu(model)
    assert isinstance(model.decoder, PackedWeights)
    for inputs in (batch, left_padded(batch, (12, 8, 5)), {"input_ids": batch["input_ids"][2:]}):
        assert generate_batch(model, inputs, 10, eos=[]) == generate_batch(
            model, inputs, 10, eos=[], decoder=ModelDecoder
        )


def test_biases_and_slots(build, build_llama, batch):
    model = build(build_llama(attention_bias=True, mlp_bias=True), cross_attention_slot_embedding=True)
    for name, weight in model.named_parameters():
        if name.endswith("proj.bias"):
            torch.nn.init.normal_(weight, std=0.3)
    optimize_for_cpu(model)
    assert isinstance(model.decoder, PackedWeights)
    assert generate_batch(model, batch, 10) == generate_batch(model, batch, 10, decoder=ModelDecoder)


def test_rows_end_one_by_one_and_leave_the_batch(build, batch):
    model = optimize_for_cpu(build())
    endless = generate_batch(model, batch, 16, eos=[])
    for end in {token for line in endless for token in line}:
        expected = [line[: line.index(end)] if end in line else line for line in endless]
        assert generate_batch(model, batch, 16, eos=end) == expected


def test_sampling_is_seeded_by_row(build, batch):
    model = optimize_for_cpu(build())
    options = {"temperature": 1.0, "eos": []}
    together = generate_batch(model, batch, 8, generators=[torch_generator(0, row) for row in range(3)], **options)
    assert all(IMAGE not in line for line in together)
    plain = {"decoder": ModelDecoder, "generators": [torch_generator(0, row) for row in range(3)]}
    assert together == generate_batch(model, batch, 8, **plain, **options)
