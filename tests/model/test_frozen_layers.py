"""Frozen decoder layers computed another way: the same numbers and gradients, and only where that is so."""

import pytest
import torch
from torch import nn
from torch.autograd import gradcheck
from torch.nn import functional as F
from transformers import GemmaConfig, Qwen2Config

from flamingo_lib.model import flamingo, generate_batch
from flamingo_lib.model.frozen_layers import FrozenLayer, frozen_layers
from flamingo_lib.model.fused import FrozenLinear, FrozenWeight, Normalise, Rotate, SwiGlu, in_halves, interleaved
from flamingo_lib.model.lora import add_lora, merge_lora
from flamingo_lib.model.trainable import set_trainable


def double(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def with_lora(model, dropout=0.0):
    add_lora(model, 4, 8, dropout)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.1)
    return model


@pytest.fixture
def calls(watch):
    """Counts the decoder layers that were computed the quick way."""
    return watch(FrozenLayer, "__call__", lambda layer, *given: layer)


def plainly(monkeypatch, work):
    """What `work` gives with every decoder layer as Transformers has it."""
    with monkeypatch.context() as patch:
        patch.setattr(flamingo, "frozen_layers", lambda model: {})
        return work()


class TestPieces:
    def test_normalise(self):
        x = double(6, 8)
        assert gradcheck(lambda x: Normalise.apply(x, 0.3), (x,))
        expected = F.rms_norm(x, (8,), None, 0.3)
        torch.testing.assert_close(Normalise.apply(x, 0.3), expected)

    def test_linears_side_by_side(self):
        x, base, down, first, second = (
            double(5, 4),
            double(5, 9),
            double(5, 4, seed=2),
            double(6, 2, seed=3),
            double(3, 3, seed=4),
        )
        weight = double(9, 4, seed=1).detach()

        def ours(x, base, down, first, second):
            return FrozenLinear.apply(x, FrozenWeight(weight), base, down, (0.5, 2.0), first, second)

        assert gradcheck(ours, (x, base, down, first, second))
        low = x @ down.T
        lora = torch.cat([0.5 * low[:, :2] @ first.T, 2.0 * low[:, 2:] @ second.T], dim=1)
        torch.testing.assert_close(ours(x, base, down, first, second), base + x @ weight.T + lora)
        assert gradcheck(lambda x: FrozenLinear.apply(x, FrozenWeight(weight), None, None, ()), (x,))

    def test_no_gradient_is_made_for_what_is_frozen(self):
        x, down, up = double(5, 4).detach(), double(2, 4).detach(), double(3, 2)
        FrozenLinear.apply(x, FrozenWeight(double(3, 4).detach()), None, down, (1.0,), up).sum().backward()
        assert up.grad is not None and x.grad is None and down.grad is None

    def test_rotation(self):
        heads, kv_heads, e = 4, 2, 6
        halves, angles = double(2, 3, (heads + 2 * kv_heads) * e), double(1, 3, e // 2, seed=1).detach()
        rotation = torch.polar(torch.ones_like(angles), angles)

        def ours(halves):
            rotated, values = halves.split([(heads + kv_heads) * e, kv_heads * e], dim=-1)
            product = torch.cat([interleaved(rotated.movedim(-1, 0), e).movedim(0, -1), values], dim=-1)
            query, key, value = Rotate.apply(product, rotation, heads, kv_heads, None)
            return in_halves(query), in_halves(key), value

        assert gradcheck(ours, (halves,))
        cos, sin = angles.cos().repeat(1, 1, 2), angles.sin().repeat(1, 1, 2)
        parts = halves.view(2, 3, -1, e)
        half = torch.cat([-parts[..., e // 2 :], parts[..., : e // 2]], dim=-1)
        rotated = (parts * cos[:, :, None] + half * sin[:, :, None]).transpose(1, 2)
        expected = (
            rotated[:, :heads],
            rotated[:, heads : heads + kv_heads],
            parts.transpose(1, 2)[:, heads + kv_heads :],
        )
        for found, wanted in zip(ours(halves), expected, strict=True):
            torch.testing.assert_close(found, wanted)

    def test_gated_unit(self):
        both = double(5, 14)
        assert gradcheck(SwiGlu.apply, (both,))
        torch.testing.assert_close(SwiGlu.apply(both), F.silu(both[:, :7]) * both[:, 7:])


class TestSameNumbers:
    @pytest.mark.parametrize("lora", [False, True])
    @pytest.mark.parametrize("kv_heads", [4, 2])
    @pytest.mark.parametrize("padded", ["no", "left", "right"])
    def test_loss_and_gradients(self, build, build_llama, batch, monkeypatch, calls, lora, kv_heads, padded):
        model = build(build_llama(num_key_value_heads=kv_heads))
        if lora:
            with_lora(model)
        set_trainable(model, ["connector", "lora"] if lora else ["connector"])
        model.train()
        inputs = dict(batch)
        inputs["attention_mask"] = torch.ones_like(batch["input_ids"])
        if padded != "no":
            place = slice(0, 1) if padded == "left" else slice(-1, None)  # each row's first token is no <image>
            inputs["attention_mask"][1, place] = 0
        labels = batch["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)

        def step():
            model.zero_grad()
            loss = model(**inputs, labels=labels).loss
            loss.backward()
            return loss.detach(), {
                name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None
            }

        loss, slopes = step()
        count = len(calls)
        expected_loss, expected = plainly(monkeypatch, step)
        assert count >= 3 and len(calls) == count
        torch.testing.assert_close(loss, expected_loss)
        assert slopes.keys() == expected.keys() and (len([name for name in slopes if "lora" in name]) > 20) == lora
        for name, slope in expected.items():
            torch.testing.assert_close(slopes[name], slope, rtol=1e-4, atol=1e-5 * float(slope.abs().max()))

    def test_blocked_turns(self, build, batch, monkeypatch, calls):
        model = set_up(build())
        t = batch["input_ids"].shape[1]
        blocked = (
            torch.ones(t, t, dtype=torch.bool)
            .tril()
            .view(1, 1, t, t)
            .expand(len(batch["input_ids"]), -1, -1, -1)
            .clone()
        )
        blocked[:, :, 6:, :5] = False

        def work():
            return model(**batch, attention_mask=blocked, labels=batch["input_ids"]).loss

        loss = work()
        assert calls
        torch.testing.assert_close(loss, plainly(monkeypatch, work))

    @pytest.mark.parametrize("lora", [False, True])
    def test_a_cache_is_filled_the_same(self, build, batch, monkeypatch, calls, lora):
        model = with_lora(build()) if lora else build()
        inputs = batch | {"attention_mask": torch.ones_like(batch["input_ids"])}
        inputs["attention_mask"][1, 0] = 0

        def work():
            return generate_batch(model, inputs, 6, eos=[]), model.generate(**inputs, max_new_tokens=6, num_beams=2)

        lean, beams = work()
        assert calls
        expected_lean, expected_beams = plainly(monkeypatch, work)
        assert lean == expected_lean and torch.equal(beams, expected_beams)

    def test_trains_after_generating(self, build, batch, calls):
        model = set_up(build())
        generate_batch(model, batch, 2, eos=[])
        before = len(calls)
        model(**batch, labels=batch["input_ids"]).loss.backward()
        assert len(calls) == before + 3


def set_up(model):
    set_trainable(model, ["connector"])
    return model


class TestLoraThatDoesNotLearn:
    """It is multiplied in; as soon as it learns, it stands beside the weights again."""

    def test_loss_and_gradients_of_the_rest(self, build, batch, monkeypatch):
        model = set_up(
            with_lora(build())
        ).double()  # rounded to single, weights that were multiplied differ by more than sums do
        batch = batch | {"pixel_values": batch["pixel_values"].double()}

        def work():
            model.zero_grad()
            loss = model(**batch, labels=batch["input_ids"]).loss
            loss.backward()
            return loss.detach(), [weight.grad.clone() for weight in model.parameters() if weight.grad is not None]

        loss, slopes = work()
        assert all(layer.folded for layer in frozen_layers(model).values())
        expected_loss, expected = plainly(monkeypatch, work)
        torch.testing.assert_close(loss, expected_loss)
        assert len(slopes) == len(expected) > 10
        for slope, wanted in zip(slopes, expected, strict=True):
            torch.testing.assert_close(slope, wanted, rtol=1e-9, atol=1e-10 * float(wanted.abs().max()))

    def test_follows_what_learns(self, build):
        model = with_lora(build())
        set_trainable(model, ["lora"])
        assert not any(layer.folded for layer in frozen_layers(model).values())
        with torch.no_grad():
            assert all(layer.folded for layer in frozen_layers(model).values())
        assert not any(layer.folded for layer in frozen_layers(model).values())

    @pytest.mark.parametrize("place", ["lora_A", "lora_B", "scaling", "o_proj"])
    def test_changes_are_noticed(self, build, batch, monkeypatch, place):
        model = set_up(with_lora(build()))

        def work():
            return model(**batch, labels=batch["input_ids"]).loss.detach()

        before = work()
        with torch.no_grad():
            linear = model.layers[1].decoder_layer.self_attn.o_proj
            if place == "scaling":
                linear.scaling["default"] *= 3
            elif place == "o_proj":
                linear.base_layer.weight += 0.1
            else:
                getattr(linear, place)["default"].weight.data.add_(0.1)
        after = work()
        assert not torch.equal(after, before)
        torch.testing.assert_close(after, plainly(monkeypatch, work))


class TestOnlyWhereItIsSo:
    @pytest.mark.parametrize(
        "change",
        [
            lambda model: model.lang_encoder.requires_grad_(True),
            lambda model: model.layers[1].decoder_layer.mlp.register_forward_hook(lambda *_: None),
            lambda model: setattr(model.lang_encoder.config, "output_hidden_states", True),
            lambda model: model.lang_encoder.set_attn_implementation("eager"),
            lambda model: model.to(torch.float64),
            lambda model: with_lora(model, dropout=0.5).train(),
            lambda model: setattr(model.layers[0].decoder_layer.mlp, "act_fn", nn.GELU()),
            lambda model: model.gradient_checkpointing_enable(),
        ],
    )
    def test_left_alone(self, build, change):
        model = set_up(build(seed=3))
        assert len(frozen_layers(model)) == 3
        change(model)
        assert not frozen_layers(model)

    def test_autocast_and_foreign_models_are_left_alone(self, build):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert not frozen_layers(set_up(build()))
        common = {
            "vocab_size": 96,
            "pad_token_id": 0,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 3,
        }
        common |= {"num_attention_heads": 4, "num_key_value_heads": 2}
        for config in (Qwen2Config(**common), GemmaConfig(**common, head_dim=8)):
            model = set_up(build(config))
            for weight in model.lang_encoder.parameters():
                nn.init.normal_(weight, std=0.2)
            assert not frozen_layers(model)

    @pytest.mark.parametrize(
        "change",
        [
            lambda model: nn.init.normal_(model.layers[1].decoder_layer.mlp.up_proj.weight),
            lambda model: model.layers[2].decoder_layer.input_layernorm.weight.data.mul_(2.0),
            lambda model: merge_lora(with_lora(model)),
            with_lora,
        ],
    )
    def test_changed_weights_are_noticed(self, build, batch, monkeypatch, calls, change):
        model = set_up(build())

        def work():
            return model(**batch, labels=batch["input_ids"]).loss.detach()

        before = work()
        with torch.no_grad():
            change(model)
        calls.clear()
        after = work()
        assert calls and not torch.equal(after, before)
        torch.testing.assert_close(after, plainly(monkeypatch, work))
