"""The loss in chunks against the one of all logits at once, written out."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F
from transformers import (
    Cohere2Config,
    Cohere2ForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
)

from flamingo_lib.model import loss as module
from flamingo_lib.model.loss import IGNORE_INDEX, cross_entropy, logits_are_linear, supervised


def by_hand(hidden, head, targets, scales):
    total = 0.0
    for x, target, scale in zip(hidden, targets, scales, strict=True):
        logits = head(x)
        total = total - scale * (logits[target] - logits.exp().sum().log())
    return total


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("chunk", [1, 40, 10_000])
def test_value_and_gradients(monkeypatch, bias, chunk):
    monkeypatch.setattr(module, "CHUNK", chunk)
    torch.manual_seed(0)
    head, hidden = nn.Linear(6, 11, bias=bias), torch.randn(9, 6)
    targets, scales = torch.randint(0, 11, (9,)), torch.rand(9)
    outcomes = []
    for way in (cross_entropy, by_hand):
        x = hidden.clone().requires_grad_()
        head.zero_grad()
        loss = way(x, head, targets, scales)
        (3 * loss).backward()
        outcomes.append([loss.detach(), x.grad, *[weight.grad.clone() for weight in head.parameters()]])
    for found, expected in zip(*outcomes, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("chunk", [22, 10_000])
def test_logits_of_a_chunk_are_all_there_are(monkeypatch, chunk):
    """No call of the head makes more than `CHUNK` logits, in either pass."""
    monkeypatch.setattr(module, "CHUNK", chunk)
    head, sizes = nn.Linear(6, 11), []
    head.register_forward_hook(lambda module, args, output: sizes.append(output.numel()))
    loss = cross_entropy(torch.randn(9, 6, requires_grad=True), head, torch.zeros(9, dtype=torch.long), torch.ones(9))
    loss.backward()
    assert max(sizes) <= chunk and len(sizes) == (10 if chunk == 22 else 1)


def test_second_derivatives(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 14)
    torch.manual_seed(0)
    head, x = nn.Linear(4, 7), torch.randn(5, 4, requires_grad=True)
    targets, scales = torch.randint(0, 7, (5,)), torch.rand(5)
    second = []
    for way in (cross_entropy, by_hand):
        (gradient,) = torch.autograd.grad(way(x, head, targets, scales), x, create_graph=True)
        second.append(torch.autograd.grad(gradient.square().sum(), (x, head.weight)))
    for found, expected in zip(*second, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_logits_instead_of_hidden_states():
    logits, targets = torch.randn(4, 7), torch.tensor([0, 3, 6, 2])
    found = cross_entropy(logits, None, targets, torch.full((4,), 0.25))
    torch.testing.assert_close(found, F.cross_entropy(logits, targets))


def test_a_hopeless_target_has_a_finite_loss():
    head = nn.Linear(1, 3, bias=False)
    head.weight.data = torch.tensor([[0.0], [500.0], [0.0]])
    x = torch.ones(1, 1, requires_grad=True)
    loss = cross_entropy(x, head, torch.tensor([0]), torch.ones(1))
    loss.backward()
    assert loss == 500 and x.grad == 500


def test_autocast_keeps_each_gradient_in_its_own_format():
    torch.manual_seed(0)
    head, hidden = nn.Linear(16, 40), torch.randn(12, 16)
    targets, scales = torch.randint(0, 40, (12,)), torch.full((12,), 1 / 12)
    outcomes = []
    for dtype in (torch.float32, torch.bfloat16):
        x = hidden.detach().to(dtype).requires_grad_()
        head.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            loss = cross_entropy(x, head, targets, scales)
        loss.backward()
        assert loss.dtype == head.weight.grad.dtype == torch.float32 and x.grad.dtype == dtype
        outcomes.append([loss.detach(), x.grad.float(), head.weight.grad.clone(), head.bias.grad.clone()])
    for found, expected in zip(*outcomes, strict=True):
        torch.testing.assert_close(found, expected, atol=0.01, rtol=0.05)


def test_nothing_labelled():
    head, x = nn.Linear(4, 5), torch.randn(0, 4, requires_grad=True)
    loss = cross_entropy(x, head, torch.zeros(0, dtype=torch.long), torch.zeros(0))
    loss.backward()
    assert loss == 0 and not head.weight.grad.any()


def test_labels_are_shifted():
    labels = torch.tensor([[5, IGNORE_INDEX, 6, 7], [IGNORE_INDEX, 8, IGNORE_INDEX, IGNORE_INDEX]])
    keep, targets, scales = supervised(labels)
    assert keep.tolist() == [[False, True, True, False], [True, False, False, False]]
    assert targets.tolist() == [6, 7, 8] and scales.tolist() == [pytest.approx(1 / 3)] * 3


def test_scales():
    labels = torch.tensor([[0, 1, 1, 1, 1]])
    assert supervised(labels)[2].tolist() == [0.25] * 4
    assert supervised(labels, None, 8)[2].tolist() == [0.125] * 4
    weights = torch.tensor([[9.0, 1, 1, 2, 0]])
    assert supervised(labels, weights)[2].tolist() == [0.25, 0.25, 0.5, 0]
    assert supervised(labels, weights, torch.tensor(2))[2].tolist() == [0.5, 0.5, 1, 0]
    assert supervised(labels, 0 * weights)[2].tolist() == [0] * 4


SMALL = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "pad_token_id": 0,
}


def test_linear_logits_are_told_from_others(build_llama):
    assert logits_are_linear(LlamaForCausalLM(build_llama()))
    opt = OPTConfig(
        vocab_size=32,
        hidden_size=16,
        ffn_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        word_embed_proj_dim=16,
        dropout=0.5,
    )
    assert logits_are_linear(OPTForCausalLM(opt).train())
    gemma, cohere = Gemma2Config(**SMALL, head_dim=8, num_key_value_heads=2), Cohere2Config(**SMALL, logit_scale=0.5)
    assert not logits_are_linear(Gemma2ForCausalLM(gemma))  # caps its logits
    assert not logits_are_linear(Cohere2ForCausalLM(cohere))  # scales them


def test_asking_moves_no_randomness(build_llama):
    language_model = LlamaForCausalLM(build_llama(attention_dropout=0.5)).train()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    logits_are_linear(language_model)
    assert torch.equal(torch.rand(3), expected)


def test_capped_logits_keep_their_cap(build, batch):
    """A model that does more than its head to logits trains on its own."""
    model = build(
        Gemma2Config(**{**SMALL, "vocab_size": 96, "num_hidden_layers": 2}, head_dim=8, num_key_value_heads=2)
    )
    logits = model(**batch).logits
    expected = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["input_ids"][:, 1:].flatten())
    torch.testing.assert_close(model(**batch, labels=batch["input_ids"]).loss, expected)
