"""Tiny Flamingos prepared for training, and batches of uneven rows."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from flamingo_lib.model.lora import add_lora
from flamingo_lib.model.trainable import set_trainable
from tests.model.conftest import IMAGE, batch, build, build_llama  # noqa: F401


def lengths_mask(lengths, width=None):
    return (torch.arange(width or max(lengths)) < torch.tensor(lengths)[:, None]).long()


def ragged_batch(lengths, images=2):
    """Rows of these lengths, padded on the right; row r has r modulo `images` + 1 images, the first none."""
    draw = torch.Generator().manual_seed(0)
    mask = lengths_mask(lengths)
    ids = torch.randint(5, 96, mask.shape, generator=draw)
    for row in range(1, len(lengths)):
        for image in range(row % (images + 1)):
            ids[row, 1 + image] = IMAGE
    ids[mask == 0] = 0
    labels = ids.masked_fill((mask == 0) | (torch.rand(mask.shape, generator=draw) < 0.4) | (ids == IMAGE), -100)
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "pixel_values": torch.randn(len(lengths), images, 3, 16, 16, generator=draw),
        "labels": labels,
    }


def in_training(model, *parts, dropout=0.0):
    """The model in training mode, with these parts trained and LoRA that does something if it is among them."""
    if "lora" in parts:
        add_lora(model, 4, 8, dropout)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                nn.init.normal_(weight, std=0.1)
    set_trainable(model, parts)
    return model.train()


@pytest.fixture
def ragged():
    """`ragged_batch` as a fixture."""
    return ragged_batch


@pytest.fixture
def prepared():
    """`in_training` as a fixture."""
    return in_training


@pytest.fixture
def compare():
    """Asserts that losses and gradients (by name) of two ways are the same but for rounding."""

    def check(found, expected):
        torch.testing.assert_close(found[0], expected[0])
        assert found[1].keys() == expected[1].keys() and found[1]
        for name, gradient in expected[1].items():
            scale = max(float(gradient.abs().max()), 1e-3)
            torch.testing.assert_close(found[1][name], gradient, rtol=1e-4, atol=1e-5 * scale)

    return check


def loss_and_grads(model, loss):
    """The loss, and the gradients of what is trained, by name."""
    model.zero_grad()
    value = loss()
    value.backward()
    grads = {name: weight.grad.clone() for name, weight in model.named_parameters() if weight.grad is not None}
    return value.detach(), grads
