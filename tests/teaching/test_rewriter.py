"""Checks of notebook 04: right answers pass, typical slips are named."""

import pytest
import torch
from torch import nn

from flamingo_lib.teaching import check


def mask(turns):
    return [int(role == "assistant") for role, ids in turns for _ in ids]


def test_loss_mask():
    assert check.ex_04_1(mask)
    assert "wrong way round" in check.ex_04_1(lambda turns: [1 - value for value in mask(turns)]).text
    assert "draft" in check.ex_04_1(lambda turns: [int(role != "system") for role, ids in turns for _ in ids]).text


class LoRA(nn.Module):
    def __init__(self, linear, rank, alpha, scaled=True, start=0.0, frozen=True):
        super().__init__()
        self.linear, self.scale = linear.requires_grad_(not frozen), alpha / rank if scaled else 1.0
        self.A = nn.Parameter(torch.randn(rank, linear.in_features))
        self.B = nn.Parameter(torch.full((linear.out_features, rank), start))

    def forward(self, x):
        return self.linear(x) + self.scale * x @ self.A.T @ self.B.T


@pytest.mark.parametrize(
    ("options", "message"),
    [({"scaled": False}, "alpha / rank"), ({"start": 1.0}, "start `B` at zero"), ({"frozen": False}, "is frozen")],
)
def test_lora(options, message):
    assert check.ex_04_2(LoRA)
    outcome = check.ex_04_2(lambda linear, rank, alpha: LoRA(linear, rank, alpha, **options))
    assert not outcome and message in outcome.text


def loss(logits, labels):
    return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())


def unshifted(logits, labels):
    return nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())


def summed(logits, labels):
    return nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum")


def test_masked_loss():
    assert check.ex_04_3(loss)
    assert "shift" in check.ex_04_3(unshifted).text
    assert "not the sum" in check.ex_04_3(summed).text


def decode(model, prompt, end, limit):
    new = []
    while len(new) < limit and (token := int(model([*prompt, *new]).argmax())) != end:
        new.append(token)
    return new


def test_greedy_decoding():
    assert check.ex_04_4(decode)
    assert "leave the prompt out" in check.ex_04_4(lambda m, p, end, n: p + decode(m, p, end, n)).text
    assert "leave the end token out" in check.ex_04_4(lambda m, p, end, n: [*decode(m, p, end, n), end]).text
