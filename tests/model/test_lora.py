"""LoRA in the model, as a PEFT adapter, and merged."""

import json

import pytest
import torch
from peft import PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

from flamingo_lib.errors import CheckpointError, ConfigError
from flamingo_lib.model import FlamingoForConditionalGeneration
from flamingo_lib.model.lora import add_lora, load_adapter, lora_state, merge_lora, peft_config, save_adapter


def trained(model):
    """Pretend that LoRA was trained."""
    torch.manual_seed(3)
    with torch.no_grad():
        for name, weight in lora_state(model).items():
            if "lora_B" in name:
                weight.normal_(std=0.05)
    return model


@pytest.fixture
def lora(model):
    return trained(add_lora(model, rank=4, alpha=8))


def test_only_the_language_models_linears_get_it(lora):
    names = list(lora_state(lora))
    assert len(names) == 3 * 7 * 2
    assert all(".decoder_layer." in name and "gated_cross_attn" not in name for name in names)
    assert {name for name, weight in lora.named_parameters() if weight.requires_grad} == set(names)


def test_fresh_lora_changes_nothing_and_says_so_in_the_config(model, batch):
    before = model(**batch).logits
    add_lora(model, 4, 8)
    torch.testing.assert_close(model(**batch).logits, before)
    assert model.config.lora == {"rank": 4, "alpha": 8, "dropout": 0.0}
    with pytest.raises(ConfigError, match="has LoRA already"):
        add_lora(model, 4, 8)


def test_formula(lora, batch):
    layer = lora.layers[0].decoder_layer.self_attn.q_proj
    x = torch.randn(2, 32)
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    torch.testing.assert_close(layer(x), x @ layer.base_layer.weight.T + 8 / 4 * (x @ a.T @ b.T))


def test_saved_with_the_model(lora, batch, tmp_path):
    lora.save_pretrained(tmp_path)
    loaded = FlamingoForConditionalGeneration.from_pretrained(tmp_path)
    with torch.no_grad():
        assert torch.equal(loaded(**batch).logits, lora(**batch).logits)


def test_adapter_is_read_here_and_by_peft(build, lora, batch, tmp_path):
    save_adapter(lora, tmp_path / "adapter")
    expected = lora(**batch).logits
    assert torch.equal(load_adapter(build(), tmp_path / "adapter")(**batch).logits, expected)
    frozen = PeftModel.from_pretrained(
        build(), tmp_path / "adapter"
    ).eval()  # nothing of it learns, so it is multiplied in
    torch.testing.assert_close(frozen(**batch).logits, expected, atol=1e-5, rtol=1e-5)


def test_peft_model_around_flamingo_trains_generates_and_saves(build, batch, tmp_path):
    model = build()
    wrapped = get_peft_model(model, peft_config(model, {"rank": 4, "alpha": 8}))
    wrapped(**batch, labels=batch["input_ids"]).loss.backward()
    trained(model)
    wrapped.eval()
    ids = wrapped.generate(**batch, max_new_tokens=4, do_sample=False)
    wrapped.save_pretrained(tmp_path)
    again = load_adapter(build(), tmp_path)
    assert torch.equal(again.generate(**batch, max_new_tokens=4, do_sample=False), ids)


def test_merged_model_is_plain_and_the_same(lora, batch, tmp_path):
    expected = lora(**batch).logits
    merged = merge_lora(lora)
    torch.testing.assert_close(merged(**batch).logits, expected, atol=1e-4, rtol=1e-4)
    assert not lora_state(merged) and merged.config.lora is None
    merged.save_pretrained(tmp_path)
    torch.testing.assert_close(
        FlamingoForConditionalGeneration.from_pretrained(tmp_path)(**batch).logits, expected, atol=1e-4, rtol=1e-4
    )


def test_adapters_that_do_not_fit(build, lora, tmp_path):
    save_adapter(lora, tmp_path)
    weights = load_file(tmp_path / "adapter_model.safetensors")
    first = min(weights)
    save_file(
        {name: weight for name, weight in weights.items() if name != first}, tmp_path / "adapter_model.safetensors"
    )
    with pytest.raises(CheckpointError, match="lacks 1 matrices"):
        load_adapter(build(), tmp_path)
    save_file(
        weights | {"base_model.model.other.lora_A.weight": torch.zeros(1)}, tmp_path / "adapter_model.safetensors"
    )
    with pytest.raises(CheckpointError, match="holds the unknown 1 matrices"):
        load_adapter(build(), tmp_path)
    save_file(weights | {first: torch.zeros(2, 2)}, tmp_path / "adapter_model.safetensors")
    with pytest.raises(CheckpointError, match=r"is \(2, 2\), not"):
        load_adapter(build(), tmp_path)
    with pytest.raises(ConfigError, match="no LoRA to save"):
        save_adapter(build(), tmp_path / "none")
    with pytest.raises(ConfigError, match="LoRA rank 0"):
        add_lora(build(), 0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"peft_type": "IA3"}, "the adapter is of the type IA3"),
        ({"peft_type": "LOHA"}, "the adapter is of the type LOHA"),
        ({"layers_to_transform": 0}, "layers_to_transform is 0"),
        ({"rank_pattern": {"q_proj": 2}}, "rank_pattern"),
        ({"use_dora": True}, "use_dora"),
        ({"r": True}, "r of the adapter is True"),
        ({"r": 0}, "r of the adapter is 0"),
        ({"lora_alpha": 2.5}, "lora_alpha of the adapter is 2.5"),
        ({"lora_dropout": "none"}, "lora_dropout of the adapter is 'none'"),
        ({"lora_dropout": 5}, "lora_dropout of the adapter is 5"),
    ],
)
def test_settings_that_would_be_read_in_part_are_refused(build, lora, tmp_path, change, message):
    save_adapter(lora, tmp_path)
    file = tmp_path / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(CheckpointError, match=f"{message}.*adapter_config.json"):
        load_adapter(build(), tmp_path)


def test_an_alpha_written_as_a_float_is_the_same(build, lora, batch, tmp_path):
    save_adapter(lora, tmp_path)
    file = tmp_path / "adapter_config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps(config | {"lora_alpha": float(config["lora_alpha"])}))
    assert torch.equal(load_adapter(build(), tmp_path)(**batch).logits, lora(**batch).logits)


def test_adapters_that_hold_nothing_or_nan(build, lora, tmp_path):
    save_adapter(lora, tmp_path)
    weights = load_file(tmp_path / "adapter_model.safetensors")
    weights[min(weights)].fill_(float("nan"))
    save_file(weights, tmp_path / "adapter_model.safetensors")
    with pytest.raises(CheckpointError, match="1 matrices of the adapter hold NaN or Inf"):
        load_adapter(build(), tmp_path)
    (tmp_path / "adapter_config.json").write_text("[]")
    with pytest.raises(CheckpointError, match="its config is no JSON object"):
        load_adapter(build(), tmp_path)
