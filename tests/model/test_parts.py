"""A training step in parts on two threads: the whole step's values, the same in every run, only where that is so."""

import multiprocessing

import pytest
import torch
from torch import nn

from flamingo_lib.errors import DataError
from flamingo_lib.model import parts
from flamingo_lib.model.lora import add_lora
from flamingo_lib.model.trainable import set_trainable

IMAGE = 3
LENGTHS = [12, 12, 11, 7, 5]


@pytest.fixture(autouse=True)
def two_threads(monkeypatch):
    monkeypatch.setattr(parts, "WORTH", 1)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def threads(watch):
    """How many threads each pass ran on."""
    return watch(parts, "_on_threads", lambda work, some: len(some))


def batch_of(lengths=LENGTHS, **more):
    draw = torch.Generator().manual_seed(0)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    ids = torch.randint(5, 96, mask.shape, generator=draw)
    ids[1:, 1] = IMAGE  # the first row has no image
    labels = ids.masked_fill((mask == 0) | (torch.rand(mask.shape, generator=draw) < 0.4) | (ids == IMAGE), -100)
    pixels = torch.randn(len(lengths), 1, 3, 16, 16, generator=draw)
    return {
        "input_ids": ids.masked_fill(mask == 0, 0),
        "attention_mask": mask,
        "pixel_values": pixels,
        "labels": labels,
    } | more


def prepared(build, tunes=("connector",)):
    model = build()
    if "lora" in tunes:
        add_lora(model, 4, 8)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                nn.init.normal_(weight, std=0.1)
    set_trainable(model, list(tunes))
    return model


def step(model, batch, in_parts=True):
    model.in_parts = in_parts
    model.zero_grad()
    loss = model(**batch).loss
    loss.backward()
    return loss.detach(), {name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None}


def assert_close(found, expected):
    torch.testing.assert_close(found[0], expected[0])
    assert found[1].keys() == expected[1].keys() and len(expected[1]) > 10
    for name, slope in expected[1].items():
        torch.testing.assert_close(found[1][name], slope, rtol=1e-4, atol=1e-5 * float(slope.abs().max()))


@pytest.mark.parametrize("tunes", [("connector",), ("lora",), ("lora", "connector")])
@pytest.mark.parametrize(
    "more",
    [{}, {"label_weights": torch.linspace(0.2, 2, 60).view(5, 12)}, {"num_items_in_batch": torch.tensor(70)}],
    ids=", ".join,
)
def test_loss_and_gradients_are_those_of_the_whole(build, threads, tunes, more):
    model, batch = prepared(build, tunes), batch_of(**more)
    found = step(model, batch)
    assert threads == [2, 2], "forward and backward"
    assert_close(found, step(model, batch, in_parts=False))


def test_gradients_are_scaled_and_accumulated_as_ever(build):
    model, batch = prepared(build), batch_of()
    once = step(model, batch)[1]
    once = {name: slope.clone() for name, slope in once.items()}
    (model(**batch).loss * 2).backward()
    for name, weight in model.named_parameters():
        if name in once:
            torch.testing.assert_close(weight.grad, 3 * once[name])


def test_the_same_bits_in_every_run(build):
    model, batch = prepared(build), batch_of()
    first = step(model, batch)
    first = first[0], {name: slope.clone() for name, slope in first[1].items()}
    for _ in range(5):
        loss, slopes = step(model, batch)
        assert torch.equal(loss, first[0]) and all(torch.equal(slopes[name], slope) for name, slope in first[1].items())


def test_a_part_without_images_or_labels(build, threads):
    model, batch = prepared(build), batch_of([6, 6])  # one row a part; the first looks at nothing
    assert_close(step(model, batch), step(model, batch, in_parts=False))
    batch["labels"][1] = -100
    assert_close(step(model, batch), step(model, batch, in_parts=False))
    assert threads == [2] * 4


def test_an_error_names_the_row_as_it_stands_in_the_batch(build):
    batch = batch_of()
    batch["input_ids"][3, 2] = IMAGE
    with pytest.raises(DataError, match="row 3") as whole:
        prepared(build)(**batch)
    assert "2 <image> tokens but 1 images" in str(whole.value)


@pytest.mark.parametrize(
    "change",
    [
        lambda model: set_trainable(model, ["connector", "vision"]),
        lambda model: model.perceiver.latents.register_hook(lambda slope: slope),
        lambda model: torch.set_num_threads(1),
        lambda model: torch.set_num_threads(3),
        lambda model: model.lang_encoder.requires_grad_(True),
        lambda model: setattr(model, "in_parts", False),
    ],
)
def test_left_whole(build, threads, change):
    model, batch = prepared(build), batch_of()
    change(model)
    model(**batch).loss.backward()
    assert not threads


def test_left_whole_where_no_gradient_is_wanted_or_little_is_to_do(build, threads, monkeypatch):
    model, batch = prepared(build), batch_of()
    with torch.no_grad():
        model(**batch)
    monkeypatch.setattr(parts, "WORTH", sum(LENGTHS) + 1)
    model(**batch)
    assert not threads


def test_other_work_keeps_its_threads(build):
    step(prepared(build), batch_of())
    assert torch.get_num_threads() == 2


def test_goes_on_in_a_fork(build):
    model, batch = prepared(build), batch_of()
    step(model, batch)  # the threads are there
    process = multiprocessing.get_context("fork").Process(target=step, args=(model, batch))
    process.start()
    process.join(60)
    assert process.exitcode == 0


def test_a_thread_uses_one_core(monkeypatch):
    monkeypatch.setattr(parts, "_pools", [])
    assert parts._on_threads(lambda part: torch.get_num_threads(), range(parts.PARTS)) == [1] * parts.PARTS
    assert torch.get_num_threads() == 2
