"""Released checkpoints: both layouts, prefixes, PEFT's names of 2023 and now, refusals, full size."""

import gzip
import json
import pickle
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from flamingo_lib.errors import CheckpointError
from flamingo_lib.model import FlamingoConfig, FlamingoForConditionalGeneration
from flamingo_lib.model.checkpoints import (
    load_clever_flamingo,
    load_openflamingo,
    load_plain_lora,
    load_polite_flamingo,
)
from flamingo_lib.model.checkpoints.loading import zero_lora
from flamingo_lib.model.lora import add_lora, lora_state
from flamingo_lib.model.trainable import part_of
from flamingo_lib.training.assemble import open_clip_vision_config
from flamingo_lib.weight_files import read_state

EMBEDDING = "lang_encoder.model.embed_tokens.weight"
GATED = "gated_cross_attn_layer"


def trained_state(model, parts):
    """Clones of the weights of some parts, as a training script would keep them."""
    return {
        name: weight.detach().clone() for name, weight in model.named_parameters() if part_of(name, EMBEDDING) in parts
    }


OPEN_PARTS = ("resampler", "cross_attention", "cross_attention_ffn", "embeddings")


@pytest.fixture
def source(build):
    """A model whose trained parts differ from `target`'s."""
    return build(seed=1)


@pytest.fixture
def target(build):
    return build(seed=2)


def as_is(state):
    return state


def second_name(state):
    def renamed(name):
        return name.replace("lang_encoder.model.layers.", "lang_encoder.gated_cross_attn_layers.").replace(
            f".{GATED}.", "."
        )

    return {renamed(name) if GATED in name else name: weight for name, weight in state.items()}


def both_names(state):
    return second_name(state) | state


def behind_module(state):
    return {f"module.{name}": weight for name, weight in state.items()}


@pytest.mark.parametrize("layout", [as_is, second_name, both_names, behind_module])
@pytest.mark.parametrize("ending", [".safetensors", ".pt", "nested.pt"])
def test_openflamingo_round_trip(source, target, batch, tmp_path, layout, ending):
    state = layout(trained_state(source, OPEN_PARTS))
    path = tmp_path / f"checkpoint{ending}"
    if ending == ".safetensors":
        save_file({name: weight.clone() for name, weight in state.items()}, path)
    else:
        torch.save({"model_state_dict": state, "epoch": 3, "optimizer": {}} if ending == "nested.pt" else state, path)
    frozen = {
        name: weight.clone() for name, weight in target.named_parameters() if part_of(name, EMBEDDING) not in OPEN_PARTS
    }
    report = load_openflamingo(target, path)
    for name, weight in trained_state(source, OPEN_PARTS).items():
        assert torch.equal(target.get_parameter(name), weight)
        assert report.loaded[name] == str(path)
    assert set(report.initial) == set(frozen) and not report.unexpected
    assert all(torch.equal(target.get_parameter(name), weight) for name, weight in frozen.items())
    assert len(report.ignored) == (sum(f".{GATED}." in name for name in state) if layout is both_names else 0)
    assert f"loaded: {len(report.loaded)}" in str(report)


def test_v2_names_of_the_tower_and_v1s_whole_clip(source, target):
    state = trained_state(source, (*OPEN_PARTS, "vision"))
    short = {name.replace("vision_encoder.visual.", "vision_encoder."): weight for name, weight in state.items()}
    assert torch.equal(load_and_get(target, short, "vision_encoder.visual.proj"), state["vision_encoder.visual.proj"])
    whole = state | {
        "vision_encoder.text_projection": torch.zeros(2),
        "vision_encoder.transformer.resblocks.0.ln_1.bias": torch.zeros(2),
    }
    whole["lang_encoder.model.layers.0.decoder_layer.self_attn.rotary_emb.inv_freq"] = torch.zeros(2)
    report = load_openflamingo(target, whole)
    assert len(report.ignored) == 3 and not report.unexpected


def load_and_get(target, state, name):
    assert name in load_openflamingo(target, state).loaded
    return target.get_parameter(name)


def test_unexpected_names_are_reported(source, target):
    report = load_openflamingo(target, trained_state(source, OPEN_PARTS) | {"perceiver.frame_embs": torch.zeros(3)})
    assert report.unexpected == ["perceiver.frame_embs"] and "not expected: 1\n  perceiver.frame_embs" in str(report)


def test_missing_parts_are_refused_and_nothing_is_hidden(source, target):
    state = trained_state(source, OPEN_PARTS)
    del state["perceiver.layers.1.0.to_q.weight"]
    with pytest.raises(
        CheckpointError, match=r"1 weights of resampler did not come, the first perceiver.layers.1.0.to_q.weight"
    ):
        load_openflamingo(target, state)
    state = trained_state(source, ("resampler", "cross_attention", "cross_attention_ffn"))
    with pytest.raises(CheckpointError, match="of embeddings did not come"):
        load_openflamingo(target, state)
    assert EMBEDDING in load_openflamingo(target, state, allow_missing=["embeddings"]).initial
    with pytest.raises(CheckpointError, match="no name in the checkpoint fits"):
        load_openflamingo(target, {"something": torch.zeros(2)})


def test_wrong_shapes_and_contradictions_are_refused(source, target):
    state = trained_state(source, OPEN_PARTS)
    with pytest.raises(
        CheckpointError, match=r"perceiver.latents is \(7, 24\), the model's perceiver.latents is \(5, 24\)"
    ):
        load_openflamingo(target, state | {"perceiver.latents": torch.zeros(7, 24)})
    other = {name: weight + 1 for name, weight in second_name(state).items() if "gated_cross_attn_layers" in name}
    with pytest.raises(CheckpointError, match="two names of one weight but differ"):
        load_openflamingo(target, state | other)


class Evil:
    def __reduce__(self):
        return print, ("code ran",)


@pytest.mark.parametrize("old_format", [False, True])
def test_a_pickle_that_wants_to_run_code_is_refused(target, tmp_path, capsys, old_format):
    path = tmp_path / "evil.pt"
    torch.save(
        {"perceiver.latents": torch.zeros(5, 24), "x": Evil()}, path, _use_new_zipfile_serialization=not old_format
    )
    with pytest.raises(CheckpointError, match="could run code"):
        load_openflamingo(target, path)
    assert "code ran" not in capsys.readouterr().out


def test_files_that_are_no_checkpoints(tmp_path):
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{")
    (tmp_path / "text.pt").write_text("not found")
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    torch.save([torch.zeros(1)], tmp_path / "list.pt")
    torch.save({"epoch": 3}, tmp_path / "none.pt")
    (tmp_path / "folder").mkdir()
    for name in ("cut.safetensors", "text.pt", "empty.pt", "list.pkl", "list.pt", "none.pt", "folder", "missing.pt"):
        with pytest.raises(CheckpointError):
            read_state(tmp_path / name)


POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0f" * 32 + "\nsize 123456789\n"
PAGE = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head><body>Please sign in to go on.</body></html>\n"


@pytest.mark.parametrize("name", ["checkpoint.pt", "pytorch_model.bin", "model.safetensors"])
@pytest.mark.parametrize("place", ["file", "folder"])
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (POINTER, "a git LFS pointer.*git lfs pull"),
        (PAGE, "a web page.*Download it again"),
        ("Not found", "a text file"),
        ("", "an empty file"),
        (b"GGUF\3\0\0\0", "a GGUF file"),
        (b"\1\2\3\4\5\6\7\10\11", "binary data"),
    ],
)
def test_what_stands_in_place_of_weights_is_called_what_it_is(target, tmp_path, name, place, content, says):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(CheckpointError, match=says) as error:
        load_openflamingo(target, tmp_path / name if place == "file" else tmp_path)
    assert name in str(error.value)
    assert not any(word in str(error.value) for word in ("run code", "trusts", "more than tensors"))


def test_damaged_pickles_are_not_called_unsafe(tmp_path):
    torch.save({"a": torch.zeros(3)}, tmp_path / "whole.pt", _use_new_zipfile_serialization=False)
    whole = (tmp_path / "whole.pt").read_bytes()
    for number, data in enumerate((whole[: len(whole) // 2], b"\x80\2" + b"\xff" * 40, b"\x80\2}q\0(X\1\0")):
        (tmp_path / f"{number}.pt").write_bytes(data)
        with pytest.raises(CheckpointError, match="not a PyTorch file.*cut off") as error:
            read_state(tmp_path / f"{number}.pt")
        assert "run code" not in str(error.value)


def test_safetensors_under_another_name_are_read(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "pytorch_model.bin")
    assert read_state(tmp_path / "pytorch_model.bin")["a"].tolist() == [1, 1]


@pytest.mark.parametrize("index", [[], {}, {"weight_map": []}, {"weight_map": {"a": 1}}])
def test_an_index_that_is_none_is_refused(tmp_path, index):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="weight_map"):
        read_state(tmp_path)


def test_sharded_folders(source, target, tmp_path):
    state = trained_state(source, OPEN_PARTS)
    names = sorted(state)
    for index, part in enumerate((names[::2], names[1::2])):
        save_file({name: state[name] for name in part}, tmp_path / f"part{index}.safetensors")
    weight_map = {name: f"part{index % 2}.safetensors" for index, name in enumerate(names)}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert len(load_openflamingo(target, tmp_path).loaded) == len(state)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../x.safetensors"}}))
    with pytest.raises(CheckpointError, match="outside the folder"):
        load_openflamingo(target, tmp_path)


def with_lora(model, seed):
    torch.manual_seed(seed)
    add_lora(model, 4, 8)
    with torch.no_grad():
        [weight.normal_() for weight in lora_state(model).values()]
    return model


def peft_2023(state):
    """Mid-2023 PEFT kept `<proj>.weight` and the adapter's name."""
    return {name.replace(".base_layer.", "."): weight for name, weight in state.items()}


def peft_object(state):
    """Taken from the PEFT object around the language model."""
    return {
        f"base_model.model.{name.removeprefix('lang_encoder.')}" if "lora" in name else name: weight
        for name, weight in state.items()
    }


def peft_saved(state):
    """As PEFT's save_pretrained writes them: without the adapter's name."""
    return {
        f"base_model.model.{name.replace('.default.', '.')}" if "lora" in name else name: weight
        for name, weight in state.items()
    }


@pytest.mark.parametrize("layout", [as_is, peft_2023, peft_object, peft_saved, behind_module])
def test_polite_and_clever_round_trips(build, source, batch, layout):
    base = trained_state(source, OPEN_PARTS)
    clever_model = with_lora(build(seed=3), 4)
    clever = layout(trained_state(clever_model, ("lora", "resampler", "cross_attention", "language_model")))
    polite_model = with_lora(build(seed=5), 6)
    polite = layout(trained_state(polite_model, ("lora",)))
    kinds = {"rank": 4, "alpha": 8}

    loaded = build(seed=9)
    report = load_clever_flamingo(loaded, clever, base=base, **kinds)
    assert not report.unexpected
    for name, weight in trained_state(clever_model, ("lora", "resampler", "cross_attention", "language_model")).items():
        assert torch.equal(loaded.get_parameter(name), weight), name
    for name, weight in trained_state(source, ("cross_attention_ffn", "embeddings")).items():
        assert torch.equal(loaded.get_parameter(name), weight), name

    first = build(seed=9)
    assert not load_polite_flamingo(first, polite, base=base, **kinds).unexpected
    second = build(seed=9)
    load_polite_flamingo(second, polite, base=base, clever=clever, generation=2, **kinds)
    for name, weight in trained_state(polite_model, ("lora",)).items():
        assert torch.equal(first.get_parameter(name), weight) and torch.equal(second.get_parameter(name), weight)
    assert torch.equal(second.perceiver.latents, clever_model.perceiver.latents)
    assert torch.equal(first.perceiver.latents, source.perceiver.latents)


def test_refusals_of_the_rewriter(build, source):
    base, polite = trained_state(source, OPEN_PARTS), trained_state(with_lora(build(seed=5), 6), ("lora",))
    with pytest.raises(CheckpointError, match="generation 2 needs Clever"):
        load_polite_flamingo(build(), polite, base=base, generation=2, rank=4)
    with pytest.raises(CheckpointError, match="generation 1 takes no Clever"):
        load_polite_flamingo(build(), polite, base=base, clever=base, rank=4)
    with pytest.raises(CheckpointError, match="did not come"):
        load_polite_flamingo(build(), polite, rank=4)
    with pytest.raises(CheckpointError, match="holds no lora"):
        load_polite_flamingo(build(), base, base=base, rank=4)
    half = {name: weight for name, weight in polite.items() if ".layers.1." not in name}
    with pytest.raises(CheckpointError, match="14 weights of lora did not come"):
        load_polite_flamingo(build(), half, base=base, rank=4)


@pytest.fixture
def guanaco(tmp_path, build_llama):
    """An adapter of a plain LLaMA, written by PEFT, and the language model it is for."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(7)
    plain = LlamaForCausalLM(build_llama())
    targets = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
    tuned = get_peft_model(plain, LoraConfig(r=4, lora_alpha=16, target_modules=targets)).eval()
    with torch.no_grad():
        [weight.normal_(std=0.1) for name, weight in tuned.named_parameters() if "lora" in name]
    tuned.save_pretrained(tmp_path / "guanaco")
    return tuned, tmp_path / "guanaco"


def test_adapter_of_a_plain_llama(guanaco, build_config, build_llama, batch):
    tuned, folder = guanaco
    torch.manual_seed(7)
    plain = LlamaForCausalLM(build_llama())  # the same weights again
    model = FlamingoForConditionalGeneration(build_config(gate_init=0.0), plain).eval()
    report = load_plain_lora(model, folder)
    assert len(report.loaded) == 3 * 7 * 2 and not zero_lora(model)
    expected = tuned(input_ids=batch["input_ids"]).logits
    torch.testing.assert_close(model(**batch).logits, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_an_unwary_loader_loads_nothing_from_it(guanaco, build):
    """Why the mapping exists: PEFT's own loader fits no weight, and only warns."""
    tuned = PeftModel.from_pretrained(build().lang_encoder, guanaco[1])
    assert not any(weight.any() for name, weight in tuned.named_parameters() if "lora_B" in name)


def test_plain_adapters_that_do_not_fit(guanaco, build, build_llama, tmp_path):
    from safetensors.torch import load_file

    _, folder = guanaco
    weights = load_file(folder / "adapter_model.safetensors")
    file = folder / "adapter_model.safetensors"
    with pytest.raises(CheckpointError, match="rank 8 and alpha 8, the adapter 4 and 16"):
        load_plain_lora(add_lora(build(), 8, 8), folder)
    with pytest.raises(CheckpointError, match="find no place in the model"):
        load_plain_lora(build(build_llama(num_hidden_layers=2)), folder)
    with pytest.raises(CheckpointError, match="7 LoRA B are still zero"):
        load_plain_lora(build(build_llama(num_hidden_layers=4)), folder)
    save_file({name: weight for name, weight in weights.items() if "down_proj" not in name}, file)
    with pytest.raises(CheckpointError, match="3 LoRA B are still zero"):
        load_plain_lora(build(), folder)
    with pytest.raises(CheckpointError, match="not an adapter"):
        load_plain_lora(build(), tmp_path)
    (folder / "adapter_config.json").write_text("{}")
    with pytest.raises(CheckpointError, match="has no r"):
        load_plain_lora(build(), folder)


def test_full_size_names_and_shapes():
    """All 9 billion, on the meta device: what v1's code would save fits our model, name by name and shape by shape."""
    with gzip.open(Path(__file__).parent / "data" / "openflamingo_9b_v1_keys.json.gz", "rt") as file:
        listed = json.load(file)
    config = FlamingoConfig(
        text_config=LlamaConfig(vocab_size=32003, pad_token_id=0),
        vision_config=open_clip_vision_config("ViT-L-14-336-quickgelu"),
        media_rule="following",
        image_token_id=32001,
        end_of_chunk_token_id=32000,
    )
    with torch.device("meta"):
        model = FlamingoForConditionalGeneration(config)
        everything = {name: torch.empty(entry["shape"]) for name, entry in listed["keys"].items()}
        everything |= {
            name: torch.empty(listed["legacy_buffers_possible"]["shape"])
            for name in listed["legacy_buffers_possible"]["names"]
        }
        lora = {name: torch.empty(shape) for name, shape in listed["lora"]["keys"].items()}
    report = load_openflamingo(model, everything)
    assert not report.initial and not report.unexpected
    saved = {
        name: tensor
        for name, tensor in everything.items()
        if listed["keys"].get(name, {}).get("in_openflamingo_checkpoint")
    }
    report = load_openflamingo(model, saved)
    kinds = [entry["kind"] for entry in listed["keys"].values()]
    assert len(report.loaded) == kinds.count("trained") + kinds.count("trained_embedding") and not report.unexpected
    assert len(report.ignored) == kinds.count("trained_duplicate")
    report = load_polite_flamingo(model, lora, base=saved)
    assert not report.unexpected and sum(name in report.loaded for name in lora_state(model)) == len(lora)
