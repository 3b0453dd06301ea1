"""Packed training: lengths known before it, windows of all epochs, and the weights that it leaves."""

from __future__ import annotations

import json

import numpy as np
import pytest
from PIL import Image

from flamingo_lib.config import ModelConfig, StageConfig
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.rewriting.backends.chat_format import ChatFormat
from flamingo_lib.rewriting.backends.prompt import REWRITE_PROMPT
from flamingo_lib.training.vlm.examples import make_example
from flamingo_lib.training.vlm.labels import VlmCollator
from flamingo_lib.training.vlm.run import train_vlm
from flamingo_lib.training.vlm.windows import AROUND, PackedVlmDataset, encoded_lengths
from tests.tiny_vlms import ARCHITECTURES, make_vlm, save_vlm

STAGE = StageConfig(
    max_steps=3, batch_size=2, micro_batch_size=2, learning_rate=0.01, warmup_steps=0, max_images=4, epochs=2
)


def examples_of(name, conversations):
    chat = ChatFormat(make_vlm(name)[1])
    return chat, [make_example(chat, REWRITE_PROMPT, conversation) for conversation in conversations]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_lengths_are_those_of_the_encoded_examples(name, conversations):
    chat, examples = examples_of(name, conversations)
    exact = [VlmCollator(chat, 1024)([example])["input_ids"].shape[1] for example in examples]
    for length, tokens, example in zip(encoded_lengths(chat, examples), exact, examples, strict=True):
        assert tokens <= length <= tokens + AROUND * len(example.images)


def test_a_turned_picture_is_measured_as_it_is_loaded(conversations, tmp_path):
    chat, (example, *_) = examples_of("qwen2.5-vl", conversations)
    picture, turned = Image.new("RGB", (28, 112)), Image.Exif()
    turned[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=turned)
    given = type(example)(example.id, example.prompt, example.answer, (str(tmp_path / "a.jpg"),))
    exact = VlmCollator(chat, 1024)([given])["input_ids"].shape[1]
    assert exact <= encoded_lengths(chat, [given])[0] <= exact + AROUND


def dataset_of(conversations, seed=1, **stage):
    chat, examples = examples_of("idefics3", conversations)
    lengths = encoded_lengths(chat, examples)
    return PackedVlmDataset(examples, lengths, STAGE.model_copy(update=stage), context_length=500, seed=seed)


def test_each_epoch_shows_every_example_once_and_an_index_gives_the_same_window(conversations):
    dataset = dataset_of(conversations, max_steps=None)
    first, second = (dataset.windows(epoch) for epoch in (0, 1))
    for windows in (first, second):
        assert sorted(index for window in windows for index in window) == list(range(10))
    assert first != second
    assert len(first) < 10 and dataset.fill > 0.6 and len(dataset) == 2 * dataset.steps >= len(first + second)
    ids = [[example.id for example in dataset[index]] for index in range(len(dataset))]
    assert [[int(name[4:]) for name in window] for window in ids[: len(first + second)]] == first + second
    again = dataset_of(conversations, max_steps=None)
    assert [[example.id for example in again[index]] for index in (5, 0)] == [ids[5], ids[0]]
    with pytest.raises(IndexError):
        dataset[len(dataset)]


def test_examples_that_fit_no_window_are_named(conversations):
    with pytest.raises(DataError, match=r"2 of 10 samples have more images than the 1 .*vqa/3"):
        dataset_of(conversations, max_images=1)
    _, examples = examples_of("idefics3", conversations)
    with pytest.raises(DataError, match=r"10 of 10 samples are longer than a window of 50 tokens.*vqa/0"):
        PackedVlmDataset(examples, np.full(10, 51), STAGE, context_length=50, seed=1)
    with pytest.raises(DataError, match="nothing to train on"):
        PackedVlmDataset([], np.zeros(0, int), STAGE, context_length=50, seed=1)


@pytest.mark.parametrize("name", ["qwen2.5-vl", "gemma3"])
def test_three_steps_on_packed_windows(name, conversations, tmp_path):
    base = str(save_vlm(name, tmp_path / "base"))
    lora = ModelConfig(lora_rank=4, lora_alpha=8)
    result = train_vlm(base, STAGE, conversations, tmp_path / "out", seed=1, model_config=lora, cpu=True, pack=600)
    assert result.steps == 3 and result.examples == 10 and result.curve[-1][1] < result.curve[0][1]
    notes = json.loads((tmp_path / "out" / "training.json").read_text())
    assert notes["attention"] == result.attention and 0.5 < notes["fill"] <= 1 and notes["windows"] < 10


def test_windows_longer_than_the_context_are_refused(smolvlm, conversations, tmp_path):
    with pytest.raises(ConfigError, match="windows of 2000 tokens are longer than the model's context of 1024"):
        train_vlm(
            str(smolvlm),
            STAGE,
            conversations,
            tmp_path / "out",
            seed=1,
            model_config=ModelConfig(),
            cpu=True,
            pack=2000,
        )
    assert not (tmp_path / "out.work").exists()
