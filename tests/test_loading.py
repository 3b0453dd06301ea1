"""Model folders: written whole, read with a look at every weight, refused by name."""

import json
import shutil
import stat

import pytest
import torch
from safetensors.torch import load_file, save_file

from flamingo_lib.config import JudgesConfig
from flamingo_lib.errors import CheckpointError, ConfigError, MissingAsset
from flamingo_lib.judges.panel import load_judges
from flamingo_lib.loading import load_model, save_model
from flamingo_lib.model import FlamingoImageProcessor, FlamingoProcessor
from flamingo_lib.model.lora import add_lora
from flamingo_lib.rewriting.backends.load import check_backend
from flamingo_lib.rewriting.backends.settings import BackendConfig
from flamingo_lib.rewriting.backends.vlm import load_vlm
from tests.model.conftest import tiny_model


@pytest.fixture(scope="module")
def processor():
    return load_model("openflamingo-tiny", optimize=False)[1]


@pytest.fixture(scope="module")
def whole(tmp_path_factory, processor):
    """A model's folder, with LoRA."""
    model = add_lora(tiny_model(seed=1), 4, 8)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.normal_()
    own = FlamingoProcessor(FlamingoImageProcessor(16), processor.tokenizer)
    return save_model(model, own, tmp_path_factory.mktemp("models") / "whole", adapter=True, notes={"a.json": {"b": 1}})


@pytest.fixture
def folder(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "copied")


def reweigh(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def resettle(folder, name, **values):
    file = folder / name
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_there_and_back(whole):
    model, processor = load_model(whole)
    assert not model.training and model.vision_encoder.frozen and processor.image_processor.size == 16
    assert "decoder" in model.__dict__ and "decoder" not in load_model(whole, optimize=False)[0].__dict__
    ids = torch.tensor([[1, 9, 30, 44, 7]])
    merged, _ = load_model(whole, merge=True)
    assert merged.config.lora is None and model.config.lora["rank"] == 4
    torch.testing.assert_close(merged(input_ids=ids).logits, model(input_ids=ids).logits, atol=1e-4, rtol=1e-4)
    assert load_model(whole, dtype=torch.bfloat16)[0].dtype == torch.bfloat16


def test_what_is_written(whole):
    assert json.loads((whole / "a.json").read_text()) == {"b": 1}
    assert (whole / "adapter" / "adapter_model.safetensors").is_file()
    modes = {stat.S_IMODE(file.stat().st_mode) for file in whole.rglob("*") if file.is_file()}
    assert len(modes) == 1 and modes.pop() & 0o400


def test_a_name_that_is_nowhere(tmp_path):
    with pytest.raises(MissingAsset, match="no-such-model"):
        load_model("no-such-model", role="the base model")
    with pytest.raises(CheckpointError, match="lacks config.json"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights: weights.pop("perceiver.latents"), "perceiver.latents are missing"),
        (
            lambda weights: weights.update({"perceiver.latent": weights.pop("perceiver.latents")}),
            "perceiver.latents are missing; perceiver.latent find no parameter",
        ),
        (lambda weights: weights.update({"perceiver.latents": torch.zeros(7, 24)}), "perceiver.latents"),
        (
            lambda weights: weights.pop("lang_encoder.model.layers.0.decoder_layer.mlp.up_proj.lora_B.default.weight"),
            "lang_encoder.*lora_B.* missing",
        ),
        (
            lambda weights: weights.update({"perceiver.latents": weights["perceiver.latents"].to(torch.int8)}),
            "perceiver.latents is stored as I8",
        ),
        (lambda weights: weights["perceiver.norm.bias"].fill_(float("nan")), "NaN.*, the first perceiver.norm.bias"),
    ],
)
def test_weights_that_are_wrong(folder, change, message):
    reweigh(folder, change)
    with pytest.raises(CheckpointError, match=f"{message}.*copied"):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: (folder / "model.safetensors").unlink(), "lacks model.safetensors"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "as a pickle only"),
        (lambda folder: (folder / "model.safetensors").write_text("version https://git-lfs"), "git LFS pointer"),
        (lambda folder: (folder / "tokenizer.json").write_text("{"), "cannot be loaded"),
        (lambda folder: (folder / "config.json").write_text("{}"), "names no model_type"),
        (lambda folder: (folder / "config.json").write_text("[]"), "is not a JSON object"),
        (lambda folder: (folder / "config.json").write_text("{"), "not valid JSON"),
        (lambda folder: resettle(folder, "config.json", model_type="llama"), "model_type is 'llama'"),
        (lambda folder: resettle(folder, "config.json", cross_attn_every_n_layers=2), "no setting 'cross_attn_every"),
        (lambda folder: resettle(folder, "config.json", text_config={}), "text_config names no model_type"),
        (lambda folder: resettle(folder, "config.json", vision_config=None), "vision_config names no source"),
        (lambda folder: resettle(folder, "config.json", num_latents=6), "perceiver.latents"),
        (lambda folder: resettle(folder, "config.json", cross_attention_every=2), "layers.0.gated.* find no parameter"),
        (
            lambda folder: resettle(folder, "config.json", auto_map={"AutoModel": "x.Y"}),
            r"brings code of its own \(auto_map",
        ),
        (lambda folder: resettle(folder, "tokenizer_config.json", auto_map={"AutoTokenizer": "x.Y"}), "brings code"),
    ],
)
def test_folders_that_are_no_models(folder, change, message):
    change(folder)
    with pytest.raises(CheckpointError, match=f"{message}.*copied|copied.*{message}"):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [({"image_token_id": 5}, "<image> has id 3, the model's is 5"), ({"end_of_chunk_token_id": 6}, "the model's is 6")],
)
def test_the_tokenizer_of_another_model_is_refused(folder, change, message):
    resettle(folder, "config.json", **change)
    with pytest.raises(CheckpointError, match=f"the tokenizer is not the model's.*{message}.*tokenizer.json"):
        load_model(folder)


@pytest.mark.parametrize("device", ["quantum", "cuda:99"])
def test_a_device_that_is_not_there_is_refused_before_anything_is_loaded(device, tmp_path):
    for load in (
        lambda: load_model("openflamingo-tiny", device=device),
        lambda: load_judges(JudgesConfig(), device=device),
        lambda: load_vlm(str(tmp_path), BackendConfig(kind="transformers", device=device)),
        lambda: check_backend(str(tmp_path), BackendConfig(kind="transformers", device=device)),
    ):
        with pytest.raises(ConfigError, match=f"the device '{device}' can't be used"):
            load()
