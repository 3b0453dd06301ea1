"""The loss and gradients of a training step without padding, against the plain model's."""

import pytest
import torch

from flamingo_lib.cpu import optimize_for_cpu, restore
from flamingo_lib.cpu.llama_layer import FusedLlamaLayer
from flamingo_lib.cpu.training_step import training_loss
from flamingo_lib.errors import DataError
from tests.cpu.conftest import IMAGE, lengths_mask, loss_and_grads, ragged_batch


@pytest.fixture
def widths(monkeypatch):
    """How many tokens each fused layer was computed for."""
    seen, call = [], FusedLlamaLayer.__call__

    def count(layer, hidden_states, *args, **kwargs):
        seen.append(hidden_states.shape[0] * hidden_states.shape[1])
        return call(layer, hidden_states, *args, **kwargs)

    monkeypatch.setattr(FusedLlamaLayer, "__call__", count)
    return seen


def both(model, batch, items=None):
    """Loss and gradients by the plain model and by the optimized one."""
    expected = loss_and_grads(model, lambda: model(**batch, num_items_in_batch=items).loss)
    optimize_for_cpu(model)
    found = loss_and_grads(model, lambda: model.training_loss(model, batch, items))
    return found, expected


@pytest.mark.parametrize("trained", ["lora", "connector", "resampler"])
@pytest.mark.parametrize("lengths", [(30, 29, 12, 9, 9, 4, 2), (5, 40, 3, 22), (1, 16), (17,)])
@pytest.mark.parametrize("rule", ["preceding", "following"])
def test_right_padded(build, prepared, compare, widths, trained, lengths, rule):
    model, batch = prepared(build(media_rule=rule), trained), ragged_batch(lengths)
    compare(*both(model, batch))
    last = int((batch["labels"] != -100).any(0).nonzero().max())
    assert widths[-3:] == [int(batch["attention_mask"][:, :last].sum())] * 3


@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("padded", ["no", "left", "inside"])
def test_not_packed(build, build_llama, batch, prepared, compare, kv_heads, padded):
    model = prepared(build(build_llama(num_key_value_heads=kv_heads)), "lora", "connector")
    mask = torch.ones_like(batch["input_ids"])
    if padded != "no":
        mask[1, slice(0, 1) if padded == "left" else slice(3, 4)] = 0
    labels = batch["input_ids"].masked_fill(mask == 0, -100)
    compare(*both(model, batch | {"attention_mask": mask, "labels": labels}))


def test_mask_of_four_dimensions(build, batch, prepared, compare):
    mask = torch.ones(12, 12, dtype=torch.bool).tril()[None, None].repeat(3, 1, 1, 1)
    mask[:, :, 6:, 1:5] = False
    labels = batch["input_ids"].clone()
    labels[:, 9:] = -100
    compare(*both(prepared(build(), "lora"), batch | {"attention_mask": mask, "labels": labels}))


def test_weights_and_items(build, prepared, compare):
    batch = ragged_batch((20, 11, 3))
    batch |= {"label_weights": torch.rand(batch["labels"].shape)}
    compare(*both(prepared(build(), "connector"), batch, torch.tensor(7.0)))


def test_frozen_lora_is_multiplied_in(build, prepared, compare):
    model = prepared(build(), "lora")
    for name, weight in model.named_parameters():
        weight.requires_grad_("gated_cross_attn" in name)
    compare(*both(model, ragged_batch((20, 11, 3))))
    assert not model.layers[0].decoder_layer.forward.has_lora


def test_lora_is_read_at_each_step(build, prepared, compare):
    model, batch = prepared(build(), "lora"), ragged_batch((20, 11, 3))
    optimize_for_cpu(model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_" in name:
                weight.add_(0.05)
    found = loss_and_grads(model, lambda: model.training_loss(model, batch))
    restore(model)
    compare(found, loss_and_grads(model, lambda: model(**batch).loss))


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("last", [19, 11, 1])
def test_nothing_after_the_last_label_is_computed(build, prepared, compare, widths, padded, last):
    batch = ragged_batch((20, 20, 20))
    batch["labels"][:, last + 1 :] = -100
    batch["labels"][1, :3] = -100  # where it may be padding
    batch["labels"][0, last] = 7
    batch["attention_mask"] = lengths_mask((20, 18, 20)).flip(1) if padded else None
    compare(*both(prepared(build(), "connector"), batch))
    assert widths[-3:] == [3 * last] * 3


def test_without_any_label(build, prepared):
    model = optimize_for_cpu(prepared(build(), "connector"))
    batch = ragged_batch((20, 11, 3))
    loss, _ = loss_and_grads(model, lambda: model.training_loss(model, batch | {"labels": batch["labels"] * 0 - 100}))
    assert loss == 0


def test_padding_is_never_read(build, prepared):
    model, batch = optimize_for_cpu(prepared(build(), "connector")), ragged_batch((20, 11, 3))
    other = batch | {"input_ids": torch.where(batch["attention_mask"] == 0, 50, batch["input_ids"])}
    assert torch.equal(model.training_loss(model, batch), model.training_loss(model, other))


def test_other_inputs_go_through_the_model(build, prepared):
    model, batch = optimize_for_cpu(prepared(build(), "connector")), ragged_batch((20, 11, 3))
    positions = batch | {"position_ids": torch.arange(20).expand(3, -1)}
    torch.testing.assert_close(training_loss(model, positions), training_loss(model, batch))


def test_bad_input_is_named(build, prepared):
    model, batch = optimize_for_cpu(prepared(build(), "connector")), ragged_batch((20, 20, 20), images=1)
    batch["labels"][:, 10:] = -100
    batch["input_ids"][0, 15] = batch["input_ids"][1, 15] = IMAGE
    with pytest.raises(DataError, match=r"2 <image> tokens but 1 images.*row 1"):
        model.training_loss(model, batch)
    with pytest.raises(DataError, match="the batch is empty"):
        model.training_loss(model, batch | {"input_ids": batch["input_ids"][:, :0]})
