"""Gradient checkpointing, bf16 autocast, compilation and FSDP."""

import logging
import os

import pytest
import torch
import torch.distributed as dist

from flamingo_lib.model.lora import add_lora
from flamingo_lib.model.trainable import set_trainable


def gradients(model, batch):
    model.zero_grad()
    loss = model(**batch, labels=batch["input_ids"]).loss
    loss.backward()
    return loss.detach(), {
        name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None
    }


@pytest.mark.parametrize("parts", [["connector"], ["lora"]])
@pytest.mark.parametrize("language_model", ["llama", "mpt"])
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpointed_gradients_are_the_same(build, batch, parts, language_model, reentrant):
    from transformers import MptConfig

    other = MptConfig(vocab_size=96, d_model=32, n_heads=4, n_layers=3, max_seq_len=64, pad_token_id=0)
    model = build(other if language_model == "mpt" else None)
    add_lora(model, 4, 8)
    set_trainable(model, parts)
    model.train()
    loss, expected = gradients(model, batch)
    model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": reentrant})
    if reentrant:
        model.enable_input_require_grads()
    forwards = []
    for layer in model.layers:
        layer.decoder_layer.register_forward_hook(lambda *_: None)
        layer.gated_cross_attn_layer.attn.register_forward_hook(lambda *_: forwards.append(1))
    again, found = gradients(model, batch)
    assert len(forwards) == 6  # each of the three layers ran twice
    torch.testing.assert_close(again, loss)
    assert found.keys() == expected.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], atol=1e-6, rtol=1e-4)


def test_bf16_autocast(model, batch):
    expected, exact = gradients(model, batch)
    with torch.autocast("cpu", torch.bfloat16):
        loss, found = gradients(model, batch)
        output = model.generate(**batch, max_new_tokens=3, do_sample=False)
    assert loss.dtype == torch.float32 and abs(loss - expected) < 0.05 * expected
    assert output.shape == (3, 15)
    flat = [torch.cat([g[name].flatten().float() for name in sorted(exact)]) for g in (exact, found)]
    assert torch.cosine_similarity(*flat, dim=0) > 0.95


def test_whole_model_in_bf16(model, batch):
    from flamingo_lib.model import generate_batch

    expected = model(**batch).logits
    model.to(torch.bfloat16)
    logits = model(**batch).logits
    assert logits.dtype == torch.bfloat16
    assert torch.cosine_similarity(logits.float().flatten(), expected.flatten(), dim=0) > 0.99
    assert [len(line) for line in generate_batch(model, batch, 3, eos=[])] == [3, 3, 3]


def test_compiled_forward_is_one_graph_and_the_same(build, build_llama, batch):
    logging.disable(logging.DEBUG)  # pytest would keep every line of the compiler's trace
    try:
        model = build(build_llama(num_hidden_layers=1), resampler_depth=1)
        compiled = torch.compile(model, backend="eager", fullgraph=True)
        with torch.no_grad():
            torch.testing.assert_close(
                compiled(**batch, use_cache=False).logits, model(**batch).logits, atol=1e-4, rtol=1e-3
            )
    finally:
        logging.disable(logging.NOTSET)


@pytest.fixture
def one_process():
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("more", [[], ["lang_encoder"], ["lang_encoder.lm_head"]])
def test_fsdp_units_are_the_wrapped_layers(build, batch, one_process, more):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    plain, model = build(), build()
    for each in (plain, model):
        set_trainable(each, ["connector"])
        each.train()
    expected, exact = gradients(plain, batch)
    mesh = init_device_mesh("cpu", (1,))
    units = [module for module in model.modules() if type(module).__name__ in model._no_split_modules]
    assert sum(unit in model.layers for unit in units) == 3
    for unit in reversed(units):  # children first
        fully_shard(unit, mesh=mesh)
    for name in more:
        fully_shard(model.get_submodule(name), mesh=mesh)
    fully_shard(model, mesh=mesh)
    loss, found = gradients(model, batch)
    torch.testing.assert_close(loss, expected)
    assert found.keys() == exact.keys()
    for name in exact:
        torch.testing.assert_close(found[name].full_tensor(), exact[name], atol=1e-6, rtol=1e-4)
