"""The door: what it does, what it leaves alone and why, and that it can be undone."""

import copy
import logging

import pytest
import torch
from torch import nn
from transformers import GemmaConfig, Qwen2Config

from flamingo_lib.cpu import decoder, llama_layer, optimize_for_cpu, restore
from flamingo_lib.model.lora import add_lora
from tests.cpu.conftest import ragged_batch


def is_plain(model):
    bound = any("forward" in layer.decoder_layer.__dict__ for layer in model.layers)
    return not bound and "training_loss" not in model.__dict__ and "decoder" not in model.__dict__


@pytest.fixture
def said(caplog):
    caplog.set_level(logging.INFO, "flamingo_lib.cpu")
    return caplog


def test_training_and_evaluation(build, prepared, said):
    model = prepared(build(), "lora")
    state = {name: weight.clone() for name, weight in model.state_dict().items()}
    assert optimize_for_cpu(model) is model
    assert model.training_loss is not None and "decoder" not in model.__dict__
    assert said.messages == ["training on this CPU: 3 frozen layers fused, padding left out"]
    optimize_for_cpu(model.eval())
    assert model.training_loss is None and "decoder" in model.__dict__
    assert model.state_dict().keys() == state.keys()
    assert all(torch.equal(weight, state[name]) for name, weight in model.state_dict().items())
    assert is_plain(restore(model))


def test_the_environment_switches_it_off(build, prepared, said, monkeypatch):
    monkeypatch.setenv("FLAMINGO_CPU", "off")
    for model in (build(), prepared(build(), "lora")):
        assert is_plain(optimize_for_cpu(model))
    assert said.messages == ["the model is left as it is on this CPU: FLAMINGO_CPU is off"] * 2


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda model: model.to(torch.bfloat16), "the weights are not all float32"),
        (lambda model: model.to("meta"), "the model is not on the CPU"),
        (lambda model: model.lang_encoder.requires_grad_(True), "own weights are trained"),
        (lambda model: add_lora(model, 2, 2, dropout=0.5), "LoRA has dropout"),
        (lambda model: setattr(model.layers[0].decoder_layer.mlp, "act_fn", nn.GELU()), "not SiLU"),
        (lambda model: setattr(model.layers[1].decoder_layer.self_attn, "attention_dropout", 0.1), "has dropout"),
        (lambda model: model.layers[1].decoder_layer.mlp.add_module("more", nn.Linear(2, 2)), "not built like Llama"),
        (lambda model: setattr(model.lang_encoder, "lm_head", nn.Sequential()), "not built like Llama"),
    ],
)
def test_left_alone(build, prepared, said, change, reason):
    model = prepared(build(), "connector")
    change(model)
    assert is_plain(optimize_for_cpu(model))
    assert reason in said.messages[-1]


def test_other_language_models_are_left_alone(build, prepared, said):
    common = {"vocab_size": 96, "pad_token_id": 0, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3}
    common |= {"num_attention_heads": 4, "num_key_value_heads": 2}
    for config in (Qwen2Config(**common), GemmaConfig(**common, head_dim=8)):
        model = prepared(build(config), "connector")
        for weight in model.lang_encoder.parameters():
            nn.init.normal_(weight, std=0.2)
        assert is_plain(optimize_for_cpu(model))


@pytest.mark.parametrize("training", [True, False])
def test_other_results_are_noticed(build, prepared, said, monkeypatch, training):
    """A layer and a decoder that compute something else."""
    model = prepared(build(), "connector").train(training)
    monkeypatch.setattr(llama_layer.SwiGLU, "apply", lambda x: x.chunk(2, -1)[1])
    monkeypatch.setattr(decoder.PackedWeights, "normalized", lambda weights, x: x)
    assert is_plain(optimize_for_cpu(model))
    assert "other results" in said.messages[-1]


def test_a_copy_is_independent(build, prepared):
    model = optimize_for_cpu(prepared(build(), "lora"))
    twin, batch = copy.deepcopy(model), ragged_batch((20, 11, 3))
    before = model.training_loss(model, batch)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.zero_()
    assert torch.equal(twin.training_loss(twin, batch), before)
    assert not torch.equal(model.training_loss(model, batch), before)


def test_no_randomness_is_moved(build, prepared):
    model = prepared(build(), "lora")
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    optimize_for_cpu(model)
    assert torch.equal(torch.rand(3), expected)
