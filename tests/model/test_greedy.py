"""Plain greedy decoding through `generate` takes the lean path, and nobody can tell."""

import pytest
import torch
from torch.nn import functional as F
from transformers import GenerationConfig, GPTNeoXConfig

from flamingo_lib.model import greedy
from flamingo_lib.model.lora import add_lora

GREEDY = {"max_new_tokens": 9, "do_sample": False}


def both_ways(model, monkeypatch, *given, **arguments):
    """(whether the lean path was taken, its ids, the ids of Transformers' own loop)."""
    taken = []
    whole = greedy.plain_greedy

    def watch(*values, **named):
        found = whole(*values, **named)
        taken.append(found is not None)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(greedy, "plain_greedy", watch)
        found = model.generate(*given, **arguments)
        patch.setattr(greedy, "plain_greedy", lambda *_, **__: None)
        return taken[0], found, model.generate(*given, **arguments)


def left_padded(batch, width=3):
    ids = F.pad(batch["input_ids"], (width, 0))
    mask = F.pad(torch.ones_like(batch["input_ids"]), (width, 0))
    ids[1, : width + 2], mask[1, : width + 2] = 0, 0
    return batch | {"input_ids": ids, "attention_mask": mask}


@pytest.mark.parametrize("rule", ["preceding", "following"])
@pytest.mark.parametrize("lora", [False, True])
def test_the_same_ids(build, batch, monkeypatch, rule, lora):
    model = build(media_rule=rule)
    if lora:
        add_lora(model, 4, 8)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.1)
    text = {"input_ids": batch["input_ids"][2:]}
    ends = model.generate(**batch, **GREEDY, eos_token_id=None)[:, 12:]
    for inputs in (batch, left_padded(batch), text):
        for settings in (
            {"eos_token_id": None},
            {"eos_token_id": int(ends[0, 3])},
            {"eos_token_id": [int(ends[0, 3]), int(ends[1, 1]), int(ends[2, 2])]},
            {"eos_token_id": [int(ends[0, 0]), int(ends[1, 0])], "min_new_tokens": 4},
            {"generation_config": GenerationConfig(max_new_tokens=5, eos_token_id=int(ends[2, 2]), pad_token_id=0)},
        ):
            lean, found, expected = both_ways(
                model, monkeypatch, **inputs, **(GREEDY if "generation_config" not in settings else {}), **settings
            )
            assert lean and torch.equal(found, expected)
            assert not found.is_inference()


def test_whatever_else_is_asked_goes_the_long_way(build, batch, monkeypatch):
    model = build()
    for more in (
        {"num_beams": 2},
        {"do_sample": True},
        {"use_cache": False},
        {"repetition_penalty": 1.3},
        {"return_dict_in_generate": True},
        {"no_repeat_ngram_size": 2},
        {
            "streamer": type("Streamer", (), {"put": lambda *_: None, "end": lambda *_: None})(),
            "input_ids": batch["input_ids"][:1],
        },
    ):
        arguments = batch | GREEDY | more
        arguments["pixel_values"] = arguments["pixel_values"][: len(arguments["input_ids"])]
        assert not both_ways(model, monkeypatch, **arguments)[0]
    other = build(
        GPTNeoXConfig(
            vocab_size=96,
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            pad_token_id=0,
        )
    )
    assert not both_ways(other, monkeypatch, **batch, **GREEDY)[0]
    calls = []
    hook = model.layers[0].register_forward_hook(lambda *_: calls.append(1))
    assert not both_ways(model, monkeypatch, **batch, **GREEDY)[0] and calls
    hook.remove()
    assert both_ways(model, monkeypatch, **batch, **GREEDY)[0]


def test_changed_weights_are_noticed(model, batch, monkeypatch):
    """The copies of the weights are kept from one generation to the next, until one changes, however it is written."""
    before = model.generate(**batch, **GREEDY)
    head, layer = model.get_output_embeddings(), model.layers[1]
    changes = (
        lambda: head.weight.data.mul_(-1),
        lambda: torch.nn.init.normal_(layer.decoder_layer.mlp.down_proj.weight),
        lambda: layer.gated_cross_attn_layer.attn_gate.data.fill_(-3.0),
        lambda: setattr(layer.decoder_layer.self_attn.o_proj, "weight", torch.nn.Parameter(torch.randn(32, 32))),
    )
    for change in changes:
        change()
        lean, found, expected = both_ways(model, monkeypatch, **batch, **GREEDY)
        assert lean and torch.equal(found, expected) and not torch.equal(found, before)
        before = found
