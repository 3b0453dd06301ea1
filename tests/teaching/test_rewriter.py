"""Checks of notebook 04: right answers pass, typical slips are named."""

import pytest
import torch
from torch import nn

from flamingo_lib.teaching import check


def mask(parts, kinds=("response", "end")):
    return [int(kind in kinds) for kind, ids in parts for _ in ids]


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (("draft", "response", "end"), "the draft stands in the assistant's turn"),
        (("response",), "never learns to stop"),
        (("system", "human", "draft"), "wrong way round"),
        (("human", "draft", "response", "end"), "only the system message"),
    ],
)
def test_loss_mask(kinds, message):
    assert check.ex_04_1(mask)
    assert message in check.ex_04_1(lambda parts: mask(parts, kinds)).text


def test_a_mask_of_the_last_response_alone():
    def last(parts):
        own = len(parts[-1][1]) + len(parts[-2][1])
        return [0] * (sum(len(ids) for _, ids in parts) - own) + [1] * own

    assert "not only the last" in check.ex_04_1(last).text


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


def count(shapes, rank):
    return sum(rank * (size_in + size_out) for size_in, size_out in shapes)


def test_parameters_of_lora():
    outcome = check.ex_04_5(count)
    assert outcome and "159,907,840" in outcome.text
    assert "frozen" in check.ex_04_5(lambda shapes, rank: sum(a * b for a, b in shapes)).text
    assert "`B` is missing" in check.ex_04_5(lambda shapes, rank: rank * sum(a for a, _ in shapes)).text
    assert "every linear" in check.ex_04_5(lambda shapes, rank: count(shapes[:1], rank)).text


def merge(weight, a, b, alpha):
    return weight + alpha / len(a) * b @ a


def in_place(weight, a, b, alpha):
    weight += alpha / len(a) * b @ a
    return weight


def test_merging():
    assert check.ex_04_6(merge)
    assert "scale by alpha / rank" in check.ex_04_6(lambda weight, a, b, alpha: weight + b @ a).text
    assert "make a new weight" in check.ex_04_6(in_place).text
    assert "it is B @ A" in check.ex_04_6(lambda weight, a, b, alpha: b.T).text


def sample(logits, temperature, draw):
    if temperature == 0:
        return int(logits.argmax())
    return int((logits.div(temperature).softmax(-1).cumsum(-1) < draw).sum())


def test_sampling():
    assert check.ex_04_7(sample)
    assert "you multiply" in check.ex_04_7(lambda x, t, u: sample(x, 1 / t if t else 0, u)).text
    assert "leave it out" in check.ex_04_7(lambda x, t, u: sample(x, 1.0 if t else 0, u)).text
    assert "don't take its mode" in check.ex_04_7(lambda x, t, u: int(x.argmax())).text
    assert "temperature 0 is greedy" in check.ex_04_7(lambda x, t, u: sample(x, t or 1.0, u)).text


OUTCOMES = (
    [("side", False, True)] * 12 + [("color", True, True)] * 12 + [("count", turn < 7, True) for turn in range(9)]
)


def test_types_that_the_picture_overrules():
    assert check.ex_04_8({"side"}, OUTCOMES)
    assert "the one with the picture lies below" in check.ex_04_8(set(), OUTCOMES).text
    assert "they overlap" in check.ex_04_8({"side", "count"}, OUTCOMES).text
    assert "there is no type 'sides'" in check.ex_04_8({"sides"}, OUTCOMES).text
    assert "give a set" in check.ex_04_8(..., OUTCOMES).text
