"""Any causal language model with one list of layers: found by structure, conditioned, cached, saved."""

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPTNeoXConfig, LlamaConfig, MptConfig, OPTConfig, Qwen2Config

from flamingo_lib.errors import ConfigError
from flamingo_lib.model import FlamingoForConditionalGeneration, generate_batch
from flamingo_lib.model.conditioning import Conditioning, conditioning_context, current_conditioning
from flamingo_lib.model.decoder_layer import FlamingoLayer, find_layers, passes_keywords

V = 96
COMMON = {"vocab_size": V, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
LANGUAGE_MODELS = {
    "llama": lambda: LlamaConfig(
        **COMMON, hidden_size=32, intermediate_size=48, num_hidden_layers=3, num_attention_heads=4
    ),
    "smollm2": lambda: LlamaConfig(
        **COMMON,
        hidden_size=36,
        intermediate_size=96,
        num_hidden_layers=3,
        num_attention_heads=9,
        num_key_value_heads=3,
        tie_word_embeddings=True,
    ),
    "qwen2": lambda: Qwen2Config(
        **COMMON,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
    ),
    "gpt-neox": lambda: GPTNeoXConfig(
        **COMMON,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=64,
    ),
    "opt": lambda: OPTConfig(
        **COMMON,
        hidden_size=32,
        ffn_dim=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        max_position_embeddings=64,
        word_embed_proj_dim=32,
    ),
    "mpt": lambda: MptConfig(
        vocab_size=V, d_model=32, n_heads=4, n_layers=3, max_seq_len=64, pad_token_id=0, bos_token_id=1, eos_token_id=2
    ),
    "gpt2": lambda: GPT2Config(**COMMON, n_embd=32, n_layer=3, n_head=4, n_positions=64),
}
LAYERS = {
    "llama": "model.layers",
    "smollm2": "model.layers",
    "qwen2": "model.layers",
    "gpt-neox": "gpt_neox.layers",
    "opt": "model.decoder.layers",
    "mpt": "transformer.blocks",
    "gpt2": "transformer.h",
}


@pytest.fixture(params=LANGUAGE_MODELS)
def name(request):
    return request.param


def test_language_model(name, build, batch, tmp_path):
    model = build(LANGUAGE_MODELS[name](), cross_attention_every=2)
    assert model.layers_path == f"lang_encoder.{LAYERS[name]}"
    assert [layer.gated_cross_attn_layer is not None for layer in model.layers] == [False, True, False]
    with torch.no_grad():
        for weight in model.lang_encoder.parameters():
            if weight.ndim > 1:
                weight.mul_(4)  # so that greedy choices are not near ties

    # images reach the layers
    pixels = batch["pixel_values"]
    logits = model(**batch).logits
    assert (model(input_ids=batch["input_ids"], pixel_values=pixels + 1).logits - logits)[:2].abs().max() > 1e-3

    # the loss on labels only is the dense one
    labels = batch["input_ids"].masked_fill(batch["input_ids"] < 5, -100)
    dense = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
    torch.testing.assert_close(model(**batch, labels=labels).loss, dense)

    # cached, uncached, left padded and lean generation agree
    greedy = {"max_new_tokens": 6, "do_sample": False, "eos_token_id": None}
    alone = model.generate(batch["input_ids"], pixel_values=pixels, **greedy)
    assert torch.equal(model.generate(batch["input_ids"], pixel_values=pixels, use_cache=False, **greedy), alone)
    mask = nn.functional.pad(torch.ones(3, 12, dtype=torch.long), (2, 0))
    padded = {
        "input_ids": nn.functional.pad(batch["input_ids"], (2, 0)),
        "attention_mask": mask,
        "pixel_values": pixels,
    }
    assert torch.equal(model.generate(**padded, **greedy)[:, 14:], alone[:, 12:])
    assert generate_batch(model, padded, 6, eos=[]) == alone[:, 12:].tolist()
    assert generate_batch(model, batch, 6, eos=[]) == alone[:, 12:].tolist()

    model.save_pretrained(tmp_path)
    assert torch.equal(FlamingoForConditionalGeneration.from_pretrained(tmp_path)(**batch).logits, logits)


def test_trained_language_model_keeps_its_weights(build_config):
    from transformers import LlamaForCausalLM

    torch.manual_seed(0)
    language_model = LlamaForCausalLM(LANGUAGE_MODELS["llama"]())
    before = {name: weight.clone() for name, weight in language_model.state_dict().items()}
    model = FlamingoForConditionalGeneration(build_config(language_model.config), language_model)
    after = {name.replace(".decoder_layer", ""): weight for name, weight in model.lang_encoder.state_dict().items()}
    for name, weight in before.items():
        assert torch.equal(after[name], weight), name


def test_layers_are_asked_whether_keywords_arrive(build):
    assert passes_keywords(build(LANGUAGE_MODELS["llama"]()).lang_encoder)
    assert not passes_keywords(build(LANGUAGE_MODELS["mpt"]()).lang_encoder)


def test_ambiguous_or_missing_layers_are_refused():
    class Two(nn.Module):
        def __init__(self, lists):
            super().__init__()
            self.config = LlamaConfig(num_hidden_layers=2)
            for index in range(lists):
                setattr(self, f"list{index}", nn.ModuleList([nn.Identity(), nn.Identity()]))

    with pytest.raises(ConfigError, match="list0, list1"):
        find_layers(Two(2))
    with pytest.raises(ConfigError, match="none"):
        find_layers(Two(0))
    assert len(find_layers(Two(1))) == 2


def test_wrapper_passes_attributes_and_forgets_its_context():
    inner = nn.Linear(3, 3)
    layer = FlamingoLayer(index=0, decoder_layer=inner, gated_cross_attn_layer=None)
    assert layer.in_features == 3 and layer.index == 0
    with pytest.raises(AttributeError):
        _ = layer.nothing_of_the_kind
    with conditioning_context(Conditioning()):
        assert current_conditioning.get() is not None
    assert current_conditioning.get() is None
