"""The fused decoder layer in the plain model's own forward: logits, caches, checkpointing."""

import torch

from flamingo_lib.cpu import optimize_for_cpu, restore
from flamingo_lib.model import generate_batch
from tests.cpu.conftest import loss_and_grads


def test_logits_and_generation(build, batch, prepared):
    model = optimize_for_cpu(prepared(build(), "lora"))
    inputs = batch | {"attention_mask": torch.ones_like(batch["input_ids"])}
    inputs["attention_mask"][1, 0] = 0

    def outputs():
        with torch.no_grad():
            beams = model.generate(**inputs, max_new_tokens=6, num_beams=2)
            return model(**inputs).logits, beams, generate_batch(model, inputs, 6, eos=[])

    found = outputs()
    restore(model)
    expected = outputs()
    rows = inputs["attention_mask"].bool()
    torch.testing.assert_close(found[0][rows], expected[0][rows], atol=1e-4, rtol=1e-4)
    assert torch.equal(found[1], expected[1]) and found[2] == expected[2]


def test_activation_checkpointing(build, batch, prepared, compare):
    model = prepared(build(), "lora", "connector")
    expected = loss_and_grads(model, lambda: model(**batch, labels=batch["input_ids"]).loss)
    optimize_for_cpu(model)
    model.activation_checkpointing_enable()
    compare(loss_and_grads(model, lambda: model(**batch, labels=batch["input_ids"]).loss), expected)
