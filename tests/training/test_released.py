"""Released Flamingos into model folders: sizes from the files, every weight's origin, what doesn't fit together."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from flamingo_lib.cli import app
from flamingo_lib.errors import CheckpointError, ConfigError, FlamingoError, MissingAsset
from flamingo_lib.loading import load_model
from flamingo_lib.model.lora import lora_state
from flamingo_lib.released import FLAMINGOS
from flamingo_lib.training.released import build_released, import_released
from flamingo_lib.training.released_config import connector_sizes, release_places, released_config
from tests import released_weights as tiny


def checkpoint_of(root, name="openflamingo-9b"):
    """The tensors of a checkpoint under the model's own names."""
    state = torch.load(release_places(name, root)[name], weights_only=True)
    state = state.get("model_state_dict", state)
    return {key.removeprefix("module."): weight for key, weight in state.items()}


@pytest.mark.parametrize("name", FLAMINGOS)
def test_every_release_becomes_a_model_folder(released_weights, tmp_path, name):
    imported = import_released(name, released_weights, tmp_path / "model")
    model, processor = load_model(tmp_path / "model", optimize=False)
    own = dict(model.named_parameters())
    given = {key: weight for key, weight in checkpoint_of(released_weights, name).items() if key in own}
    assert given and all(torch.equal(own[key], weight) for key, weight in given.items())
    assert not imported.start and not imported.not_expected
    assert sum(imported.sources.values()) == len(model.state_dict())
    assert json.loads((tmp_path / "model" / "import.json").read_text()) == json.loads(json.dumps(imported.to_json()))
    assert bool(model.config.lora) == (name != "openflamingo-9b") == (tmp_path / "model" / "adapter").is_dir()
    assert processor.rewriter_marker == ("Assistent" if name.startswith("polite") else "Assistant")


def test_frozen_parts_and_rules_are_version_1s(released_weights):
    model, processor, imported = build_released("openflamingo-9b", released_weights)
    config, places = model.config, imported.files
    assert (config.media_rule, config.patch_tokens, config.vision_config["quick_gelu"]) == (
        "following",
        "before_ln_post",
        True,
    )
    assert (processor.media_rule, processor.image_position) == ("following", "after")
    assert (config.num_latents, config.resampler_depth, config.cross_attention_every) == (
        tiny.LATENTS,
        tiny.DEPTH,
        tiny.EVERY,
    )
    language = load_file(f"{places['llama-7b']}/model.safetensors")
    tower = load_file(f"{places['ViT-L-14-336/openai']}/open_clip_model.safetensors")
    own = model.state_dict()
    layer = "layers.0.self_attn.q_proj.weight"
    inside = layer.replace("layers.0.", "layers.0.decoder_layer.")
    assert torch.equal(own[f"lang_encoder.model.{inside}"], language[f"model.{layer}"])
    assert torch.equal(own["vision_encoder.visual.conv1.weight"], tower["visual.conv1.weight"])
    tokenizer = processor.tokenizer
    before = len(tiny.llama_tokenizer())
    assert tokenizer.convert_tokens_to_ids(["<|endofchunk|>", "<image>"]) == [before, before + 1]
    assert (tokenizer.pad_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (0, 1, 2)
    rows = checkpoint_of(released_weights)["lang_encoder.model.embed_tokens.weight"]
    assert torch.equal(own["lang_encoder.model.embed_tokens.weight"], rows) and len(rows) == before + 3


def test_guanacos_lora_is_loaded_into_the_wrapped_layers(released_weights):
    model, _, imported = build_released("openflamingo-9b", released_weights, adapter="guanaco-7b")
    given = load_file(f"{imported.files['guanaco-7b']}/adapter_model.safetensors")
    assert len(lora_state(model)) == len(given) == tiny.LAYERS * len(tiny.LORA_TARGETS) * 2
    own = lora_state(model)["lang_encoder.model.layers.1.decoder_layer.mlp.up_proj.lora_B.default.weight"]
    assert torch.equal(own, given["base_model.model.model.layers.1.mlp.up_proj.lora_B.weight"])
    assert model.config.lora["rank"] == tiny.RANK and model.config.lora["alpha"] == tiny.ALPHA


def test_the_config_is_known_without_loading_the_model(released_weights):
    config = released_config("openflamingo-9b", released_weights)
    model, _, _ = build_released("openflamingo-9b", released_weights)
    for key in ("num_latents", "resampler_heads", "cross_attention_ff_mult", "image_token_id", "patch_tokens"):
        assert getattr(config, key) == getattr(model.config, key)
    assert config.text_config.vocab_size == model.config.text_config.vocab_size


def test_sizes_are_those_of_the_full_checkpoint():
    """The published names and shapes of the 9B model."""
    import gzip
    from pathlib import Path

    listed = json.loads(
        gzip.decompress((Path(__file__).parents[1] / "model/data/openflamingo_9b_v1_keys.json.gz").read_bytes())
    )
    state = {
        name: torch.empty(entry["shape"], device="meta")
        for name, entry in listed["keys"].items()
        if entry["kind"].startswith("trained")
    }
    sizes = connector_sizes(state, "checkpoint.pt")
    assert sizes == {
        "num_latents": 64,
        "resampler_depth": 6,
        "resampler_heads": 8,
        "resampler_ff_mult": 4,
        "cross_attention_every": 4,
        "cross_attention_heads": 8,
        "cross_attention_ff_mult": 4,
        "width": 4096,
        "vision_width": 1024,
        "rows": 32_003,
    }


@pytest.fixture
def weights(released_weights, tmp_path):
    """A copy that may be changed."""
    return shutil.copytree(released_weights, tmp_path / "weights")


def test_weights_of_another_model_are_refused_before_anything_is_written(weights, tmp_path):
    shutil.rmtree(weights / "llama-7b")
    shutil.copytree(weights / "guanaco-33b-merged", weights / "llama-7b")
    with pytest.raises(CheckpointError, match="for a language model of width 32, and llama-7b is 48 wide"):
        import_released("openflamingo-9b", weights, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_a_checkpoint_without_its_parts_is_refused(weights, tmp_path):
    file = weights / "clever_flamingo" / "clever_flamingo.pt"
    torch.save({"something": torch.zeros(2)}, file)
    with pytest.raises(CheckpointError, match="holds no LoRA"):
        import_released("clever-flamingo", weights, tmp_path / "model")
    torch.save({"something": torch.zeros(2)}, weights / "OpenFlamingo-9B-deprecated" / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="holds no resampler and gated layers"):
        import_released("openflamingo-9b", weights, tmp_path / "model")


def test_a_checkpoint_alone_says_what_did_not_come(weights):
    shutil.rmtree(weights / "OpenFlamingo-9B-deprecated")
    with pytest.raises(CheckpointError, match="1 weights of embeddings did not come"):
        build_released("clever-flamingo", weights)


@pytest.mark.parametrize(
    ("name", "adapter", "error", "message"),
    [
        ("clever-flamingo-v9", None, ConfigError, "no released Flamingo 'clever-flamingo-v9'"),
        ("clever-flamingo", "guanaco-7b", ConfigError, "clever-flamingo has LoRA of its own"),
        ("openflamingo-9b", "llama-7b", ConfigError, "no released adapter 'llama-7b'"),
    ],
)
def test_names_that_make_no_sense_are_told(released_weights, name, adapter, error, message):
    with pytest.raises(error, match=message):
        build_released(name, released_weights, adapter=adapter)


def invoke(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_the_command_imports_and_reports(released_weights, tmp_path):
    done = invoke("import", released_weights, "--as", "clever-flamingo", "--out", tmp_path / "model")
    assert done.exit_code == 0, done.output
    assert "Clever Flamingo, " in done.stdout and "clever_flamingo.pt" in done.stdout and "not needed: " in done.stdout
    model, _ = load_model(tmp_path / "model", dtype=torch.bfloat16, optimize=False)
    assert model.dtype == torch.bfloat16
    given = checkpoint_of(released_weights, "clever-flamingo")["perceiver.latents"]
    assert torch.equal(model.perceiver.latents, given.bfloat16())


def test_the_command_refuses_a_folder_with_other_things(released_weights, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    done = invoke("import", released_weights, "--as", "openflamingo-9b", "--out", tmp_path)
    assert isinstance(done.exception, ConfigError) and (tmp_path / "notes.txt").read_text() == "mine"
    missing = invoke("import", tmp_path / "nowhere", "--as", "openflamingo-9b", "--out", tmp_path / "model")
    assert isinstance(missing.exception, MissingAsset) and not (tmp_path / "model").exists()


def test_chatting_with_a_release_by_name(released_weights, tmp_path):
    asked = ("chat", "--question", "What is this?", "--max-new-tokens", 4, "--json")
    done = invoke(*asked, "--model", "clever-flamingo", "--weights", released_weights)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout.strip().splitlines()[-1])["question"] == "What is this?"
    without = invoke(*asked, "--model", "clever-flamingo")
    assert isinstance(without.exception, FlamingoError)
    assert "flamingo import WEIGHTS --as clever-flamingo" in str(without.exception)
