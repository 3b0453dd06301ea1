"""The head's loss in pieces against the plain one."""

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
from flamingo_lib.model.loss import (
    drop_right_padding,
    is_at_hand,
    label_scales,
    loss_of_hidden,
    loss_of_logits,
    plain_head,
)


def both_ways(head, hidden, targets, scales):
    """Loss and gradients in pieces, and of all logits at once: (found, expected) of each."""
    outcomes = []
    for way in (loss_of_hidden, lambda x, head, *rest: loss_of_logits(head(x), *rest)):
        x = hidden.clone().requires_grad_()
        head.zero_grad()
        loss = way(x, head, targets, scales)
        (3 * loss).backward()
        outcomes.append([loss.detach(), x.grad, *[weight.grad.clone() for weight in head.parameters()]])
    return zip(*outcomes, strict=True)


@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("piece", [1, 40, 10_000])
def test_value_and_gradients(monkeypatch, bias, piece):
    monkeypatch.setattr(module, "PIECE", piece)
    torch.manual_seed(0)
    head, hidden = nn.Linear(6, 11, bias=bias).double(), torch.randn(9, 6, dtype=torch.double)
    for found, expected in both_ways(head, hidden, torch.randint(0, 11, (9,)), torch.rand(9, dtype=torch.double)):
        torch.testing.assert_close(found, expected, check_dtype=False, atol=1e-6, rtol=1e-5)


def test_a_large_vocabulary_in_pieces(monkeypatch):
    """Long rows, several threads: probabilities are written where the logits were."""
    monkeypatch.setattr(module, "PIECE", 40 * 5003)
    torch.manual_seed(0)
    head, hidden = nn.Linear(16, 5003, bias=False), torch.randn(150, 16)
    for found, expected in both_ways(head, hidden, torch.randint(0, 5003, (150,)), torch.rand(150)):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_hopeless_target_has_a_finite_loss():
    head = nn.Linear(1, 3, bias=False)
    head.weight.data = torch.tensor([[0.0], [500.0], [0.0]])
    x = torch.ones(1, 1, requires_grad=True)
    loss = loss_of_hidden(x, head, torch.tensor([0]), torch.ones(1))
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
            loss = loss_of_hidden(x, head, targets, scales)
        loss.backward()
        assert loss.dtype == head.weight.grad.dtype == torch.float32 and x.grad.dtype == dtype
        outcomes.append([loss.detach(), x.grad.float(), head.weight.grad.clone(), head.bias.grad.clone()])
    for found, expected in zip(*outcomes, strict=True):
        torch.testing.assert_close(found, expected, atol=0.01, rtol=0.05)


def test_nothing_is_trained_without_gradients():
    head, x = nn.Linear(4, 5), torch.randn(3, 4)
    with torch.no_grad():
        loss = loss_of_hidden(x, head, torch.zeros(3, dtype=torch.long), torch.ones(3))
    torch.testing.assert_close(loss, F.cross_entropy(head(x), torch.zeros(3, dtype=torch.long), reduction="sum"))
    assert not loss.requires_grad and head.weight.grad is None


def test_nothing_labelled():
    head, x = nn.Linear(4, 5), torch.randn(0, 4, requires_grad=True)
    loss = loss_of_hidden(x, head, torch.zeros(0, dtype=torch.long), label_scales(torch.zeros(0), None, None))
    loss.backward()
    assert loss == 0 and not head.weight.grad.any()


def test_scales():
    targets = torch.zeros(4, dtype=torch.long)
    assert label_scales(targets, None, None).tolist() == [0.25] * 4
    assert label_scales(targets, None, 8).tolist() == [0.125] * 4
    weights = torch.tensor([1.0, 1, 2, 0])
    assert label_scales(targets, weights, None).tolist() == [0.25, 0.25, 0.5, 0]
    assert label_scales(targets, weights, torch.tensor(2)).tolist() == [0.5, 0.5, 1, 0]
    assert label_scales(targets, torch.zeros(4), None).tolist() == [0] * 4


def test_padding_on_the_right_needs_no_mask():
    assert drop_right_padding(torch.tensor([[1, 1, 0], [1, 1, 1]])) is None
    for kept in ([[0, 1, 1], [1, 1, 1]], [[1, 0, 1], [1, 1, 1]]):
        assert drop_right_padding(torch.tensor(kept)) is not None
    assert drop_right_padding(None) is None


SMALL = {
    "vocab_size": 32,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "pad_token_id": 0,
}


def test_plain_heads_are_told_from_others(build_llama):
    assert plain_head(LlamaForCausalLM(build_llama())) is not None
    opt = OPTConfig(
        vocab_size=32,
        hidden_size=16,
        ffn_dim=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        word_embed_proj_dim=16,
        dropout=0.5,
    )
    assert plain_head(OPTForCausalLM(opt).train()) is not None
    assert (
        plain_head(Gemma2ForCausalLM(Gemma2Config(**SMALL, head_dim=8, num_key_value_heads=2))) is None
    )  # caps its logits
    assert (
        plain_head(Cohere2ForCausalLM(Cohere2Config(**SMALL, num_key_value_heads=2, logit_scale=0.5))) is None
    )  # scales them


def test_adapted_heads_are_left_to_themselves():
    from peft import LoraConfig, inject_adapter_in_model

    head = nn.Sequential(nn.Linear(4, 5))
    assert is_at_hand(head[0])
    inject_adapter_in_model(LoraConfig(r=2, target_modules=["0"]), head)
    assert not is_at_hand(head[0])


def test_watching_a_token_moves_no_randomness(build_llama):
    language_model = LlamaForCausalLM(build_llama(attention_dropout=0.5)).train()
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    plain_head(language_model)
    assert torch.equal(torch.rand(3), expected)
    assert not language_model.lm_head._forward_hooks and not language_model.model._forward_hooks


def test_capped_logits_keep_their_cap(build, batch):
    """A model whose head is not plain trains on its own logits."""
    model = build(
        Gemma2Config(**{**SMALL, "vocab_size": 96, "num_hidden_layers": 2}, head_dim=8, num_key_value_heads=2)
    )
    logits = model(**batch).logits
    expected = F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["input_ids"][:, 1:].flatten())
    torch.testing.assert_close(model(**batch, labels=batch["input_ids"]).loss, expected)
