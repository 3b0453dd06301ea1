"""The whole model: what it computes, what it refuses."""

import threading

import pytest
import torch
from transformers import AutoConfig, AutoModel, LlamaForCausalLM

from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.model import FlamingoForConditionalGeneration

IMAGE = 3


def test_closed_gates_leave_the_language_model_as_it_was(build, build_llama, batch):
    torch.manual_seed(0)
    language_model = LlamaForCausalLM(build_llama()).eval()
    before = language_model(input_ids=batch["input_ids"]).logits
    from flamingo_lib.model.flamingo import FlamingoForConditionalGeneration as Flamingo

    model = Flamingo(build(gate_init=0.0).config, language_model).eval()
    assert torch.equal(model(**batch).logits, before)
    model.layers[0].gated_cross_attn_layer.attn_gate.data.fill_(1.0)
    assert not torch.allclose(model(**batch).logits, before)


def test_tokens_see_their_image_and_no_other(model, batch):
    logits = model(**batch).logits
    for slot, first_changed in ((0, 2), (1, 7)):  # preceding rule: row 0 has images at 2 and 7
        pixels = batch["pixel_values"].clone()
        pixels[0, slot] += 1
        changed = (model(input_ids=batch["input_ids"], pixel_values=pixels).logits - logits).abs().amax(-1) > 1e-6
        assert not changed[0, :first_changed].any() and changed[0, first_changed]
        assert not changed[1:].any()


def test_unused_slots_do_not_matter(model, batch):
    pixels = batch["pixel_values"].clone()
    pixels[1, 1] = pixels[2] = 99.0
    torch.testing.assert_close(model(input_ids=batch["input_ids"], pixel_values=pixels).logits, model(**batch).logits)


def test_rows_do_not_depend_on_each_other(model, batch):
    logits = model(**batch).logits
    alone = model(input_ids=batch["input_ids"][1:2], pixel_values=batch["pixel_values"][1:2, :1]).logits
    torch.testing.assert_close(alone, logits[1:2], atol=1e-5, rtol=1e-4)
    textual = model(input_ids=batch["input_ids"][2:]).logits
    torch.testing.assert_close(textual, logits[2:], atol=1e-5, rtol=1e-4)


def test_following_rule_differs_and_explicit_attention_overrides(build, batch):
    preceding, following = build(), build(media_rule="following")
    following.load_state_dict(preceding.state_dict())
    from flamingo_lib.media import attended_images

    attended = attended_images(batch["input_ids"], IMAGE, "following")
    assert not torch.allclose(preceding(**batch).logits, following(**batch).logits)
    assert torch.equal(preceding(**batch, attended_image=attended).logits, following(**batch).logits)


def test_pixels_tokens_latents_and_memory_say_the_same(model, batch):
    logits = model(**batch).logits
    tokens = model.encode_images(batch["pixel_values"])
    latents = model.resample(tokens)
    assert tokens.shape == (3, 2, 4, 24) and latents.shape == (3, 2, 5, 24)
    for given in ({"vision_tokens": tokens}, {"latents": latents}, {"visual_memory": model.remember(latents)}):
        torch.testing.assert_close(model(input_ids=batch["input_ids"], **given).logits, logits)


def labels_of(batch):
    labels = batch["input_ids"].clone()
    labels[:, :6] = -100
    labels[1, 8] = -100
    labels[labels == IMAGE] = -100
    return labels


def dense_loss(logits, labels):
    losses, count = 0.0, 0
    for row, targets in zip(logits, labels, strict=True):
        for position in range(1, len(targets)):
            if targets[position] != -100:
                losses = losses - row[position - 1].log_softmax(-1)[targets[position]]
                count += 1
    return losses, count


def test_loss_on_labels_only_equals_the_dense_one(model, batch):
    labels = labels_of(batch)
    output = model(**batch, labels=labels, return_logits=True)
    total, count = dense_loss(model(**batch).logits, labels)
    assert output.logits.shape == (count, 96)
    torch.testing.assert_close(output.loss, total / count)
    in_pieces = model(**batch, labels=labels)
    assert in_pieces.logits is None
    torch.testing.assert_close(in_pieces.loss, total / count)
    torch.testing.assert_close(model(**batch, labels=labels, num_items_in_batch=50).loss, total / 50)
    torch.testing.assert_close(model(**batch, labels=labels, num_items_in_batch=torch.tensor(50)).loss, total / 50)


def test_weighted_loss(model, batch):
    labels = labels_of(batch)
    weights = torch.rand(labels.shape, generator=torch.Generator().manual_seed(0))
    logits = model(**batch).logits
    pairs = [(r, t) for r in range(3) for t in range(1, 12) if labels[r, t] != -100]
    total = sum(-logits[r, t - 1].log_softmax(-1)[labels[r, t]] * weights[r, t] for r, t in pairs)
    torch.testing.assert_close(
        model(**batch, labels=labels, label_weights=weights).loss, total / sum(weights[r, t] for r, t in pairs)
    )


def test_batch_without_a_label_has_no_loss_and_no_nan(model, batch):
    loss = model(**batch, labels=torch.full_like(batch["input_ids"], -100)).loss
    loss.backward()
    assert loss == 0 and all(w.grad is None or w.grad.isfinite().all() for w in model.parameters())


def test_right_padding_changes_no_loss(model, batch):
    labels = labels_of(batch)
    wide = {"input_ids": torch.nn.functional.pad(batch["input_ids"], (0, 3)), "pixel_values": batch["pixel_values"]}
    mask = torch.nn.functional.pad(torch.ones_like(labels), (0, 3))
    padded = model(**wide, attention_mask=mask, labels=torch.nn.functional.pad(labels, (0, 3), value=-100))
    torch.testing.assert_close(padded.loss, model(**batch, labels=labels).loss)


def test_four_dimensional_mask_goes_through(model, batch):
    causal = torch.ones(12, 12, dtype=torch.bool).tril()[None, None].expand(3, 1, 12, 12)
    torch.testing.assert_close(
        model(**batch, attention_mask=causal).logits, model(**batch).logits, atol=1e-5, rtol=1e-4
    )
    apart = causal.clone()
    apart[:, :, 6:, 1:6] = False
    assert not torch.allclose(model(**batch, attention_mask=apart).logits, model(**batch).logits, atol=1e-3)


def test_cross_attentions_on_request(model, batch):
    output = model(**batch, output_cross_attentions=True)
    assert [tuple(w.shape) for w in output.cross_attentions] == [(3, 2, 12, 10)] * 3
    assert output.cross_attentions[0][0, :, 3, 5:].abs().max() == 0  # looks at image 1 only
    assert model(**batch).cross_attentions is None


def test_save_and_load(model, batch, tmp_path):
    model.save_pretrained(tmp_path)
    loaded = FlamingoForConditionalGeneration.from_pretrained(tmp_path)
    assert torch.equal(loaded(**batch).logits, model(**batch).logits)
    assert loaded.vision_encoder.frozen and not loaded.training
    assert isinstance(AutoConfig.from_pretrained(tmp_path), type(model.config))
    assert isinstance(AutoModel.from_pretrained(tmp_path), FlamingoForConditionalGeneration)


def test_tied_weights_are_saved_once(build, build_llama, batch, tmp_path):
    from safetensors import safe_open

    model = build(build_llama(tie_word_embeddings=True))
    model.save_pretrained(tmp_path)
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        assert sum(name.endswith(("embed_tokens.weight", "lm_head.weight")) for name in file.keys()) == 1  # noqa: SIM118
    loaded = FlamingoForConditionalGeneration.from_pretrained(tmp_path)
    assert loaded.get_output_embeddings().weight is loaded.get_input_embeddings().weight
    assert torch.equal(loaded(**batch).logits, model(**batch).logits)


def test_two_models_in_two_threads_do_not_mix(build, build_llama, batch):
    models = [build(seed=1), build(seed=2)]
    wanted = [m(**batch).logits for m in models]
    found: list = [None, None]

    def work(index):
        for _ in range(5):
            found[index] = models[index](**batch).logits

    threads = [threading.Thread(target=work, args=(index,)) for index in range(2)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    for index in range(2):
        torch.testing.assert_close(found[index], wanted[index])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: {"pixel_values": b["pixel_values"][:, :1]}, r"2 <image> tokens but 1 images.*row 0"),
        (lambda b: {"pixel_values": None}, r"2 <image> tokens but 0 images.*row 0"),
        (lambda b: {"num_images": torch.tensor([2, 2, 0])}, r"1 <image> tokens but 2 images.*row 1"),
        (lambda b: {"attended_image": torch.full((3, 12), 3)}, r"look at image 3 but the row has 2.*row 0"),
        (
            lambda b: {"attended_image": torch.tensor([[2] * 6 + [1] * 6] * 3)},
            r"token 6 looks back at image 1 after image 2.*row 0",
        ),
        (lambda b: {"input_ids": b["input_ids"][:0]}, "the batch is empty"),
        (lambda b: {"input_ids": b["input_ids"][:, :0]}, "the batch is empty"),
        (
            lambda b: {"input_ids": torch.full((3, 200), 7)},
            "rows are 200 tokens long, the language model's window is 128",
        ),
        (lambda b: {"pixel_values": torch.full((3, 2, 3, 16, 16), 7)}, "pixel values are torch.int64"),
        (lambda b: {"pixel_values": torch.zeros(3, 2, 3, 20, 20)}, r"images are \(3, 20, 20\), not \(3, 16, 16\)"),
        (lambda b: {"pixel_values": torch.zeros(3, 3, 16, 16)}, "pixel_values has 4 dimensions, not 5"),
        (lambda b: {"latents": torch.zeros(3, 2, 5, 24)}, "given twice"),
    ],
)
def test_bad_input_is_named(model, batch, change, message):
    with pytest.raises(DataError, match=message):
        model(**batch | change(batch))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_pixels_that_are_no_numbers_are_named(model, batch, bad):
    batch["pixel_values"][1, 0, 2, 3, 4] = bad
    with pytest.raises(DataError, match=r"NaN or Inf among the pixels \(record row 1 image 0\)"):
        model(**batch)


def test_no_gated_layer_is_refused(build):
    with pytest.raises(ConfigError, match="no gated layer"):
        build(cross_attention_every=5)
