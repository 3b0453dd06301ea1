"""TRL trains a tiny vision-language model on an export, and looks at its images."""

from __future__ import annotations

from copy import deepcopy
from importlib.util import find_spec

import numpy as np
import pytest
import torch
from PIL import Image

from flamingo_lib.exports.run import export_dataset

from .test_run import judge

pytestmark = pytest.mark.skipif(find_spec("trl") is None, reason="trl is not installed")

TEMPLATE = (
    "{% for message in messages %}{{ message['role'] }}:{% for part in message['content'] %}"
    "{% if part['type'] == 'image' %}<image>{% else %} {{ part['text'] }}{% endif %}{% endfor %}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant:{% endif %}"
)


@pytest.fixture(scope="module")
def llava():
    """A LLaVA of width 32 and its processor."""
    from transformers import (
        CLIPImageProcessor,
        CLIPVisionConfig,
        LlamaConfig,
        LlavaConfig,
        LlavaForConditionalGeneration,
        LlavaProcessor,
    )

    from flamingo_lib.chat.tokenizer import train_tiny_tokenizer

    tokenizer = train_tiny_tokenizer(["What color is it? It is red. The car is gone. Describe it."] * 9, 300)
    image_token = tokenizer.convert_tokens_to_ids("<image>")
    torch.manual_seed(0)
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=16, patch_size=8
    )
    text = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=0.3,
    )
    config = LlavaConfig(vision_config=vision, text_config=text, image_token_index=image_token)
    processor = LlavaProcessor(
        CLIPImageProcessor(size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}),
        tokenizer,
        patch_size=8,
        vision_feature_select_strategy="default",
        chat_template=TEMPLATE,
        num_additional_image_tokens=1,
    )
    return LlavaForConditionalGeneration(config), processor


@pytest.fixture
def rows(folder, tmp_path):
    """The export as `datasets` reads it."""
    from datasets import load_dataset

    def read(**settings):
        export_dataset(folder, "trl", tmp_path / "export", **settings)
        return load_dataset(str(tmp_path / "export"), split="train", cache_dir=str(tmp_path / "cache"))

    return read


def settings(kind, folder):
    return kind(
        output_dir=str(folder),
        max_steps=1,
        per_device_train_batch_size=2,
        max_length=None,
        report_to="none",
        use_cpu=True,
        bf16=False,
        save_strategy="no",
    )


def swapped(row):
    """The same record with other images."""
    generator = np.random.default_rng(5)
    images = [Image.fromarray(generator.integers(0, 256, (16, 16, 3), np.uint8)) for _ in row["images"]]
    return {**row, "images": images}


def test_one_step_of_fine_tuning_sees_the_images(llava, rows, tmp_path):
    from trl import SFTConfig, SFTTrainer

    model, processor = llava
    data = rows()
    trainer = SFTTrainer(model, settings(SFTConfig, tmp_path / "sft"), train_dataset=data, processing_class=processor)
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    assert np.isfinite(trainer.train().training_loss)
    assert any(not torch.equal(before[name], weight) for name, weight in model.named_parameters())

    def loss(row):
        with torch.no_grad():
            return float(model.eval()(**trainer.data_collator([row])).loss)

    assert abs(loss(dict(data[0])) - loss(swapped(dict(data[0])))) > 1e-4


def test_only_the_response_has_labels(llava, rows, tmp_path):
    from trl import SFTConfig, SFTTrainer

    model, processor = llava
    data = rows()
    trainer = SFTTrainer(model, settings(SFTConfig, tmp_path / "sft"), train_dataset=data, processing_class=processor)
    for row in data:
        labels = trainer.data_collator([dict(row)])["labels"][0]
        text = processor.tokenizer.decode(labels[labels != -100], skip_special_tokens=True)
        assert row["completion"][0]["content"][0]["text"].split() == text.replace("assistant:", "").split()


def test_one_step_of_preference_training(llava, rows, tmp_path):
    from trl import DPOConfig, DPOTrainer

    model, processor = llava
    trainer = DPOTrainer(
        model,
        deepcopy(model),
        args=settings(DPOConfig, tmp_path / "dpo"),
        train_dataset=rows(preference=True, judge=judge),
        processing_class=processor,
    )
    assert np.isfinite(trainer.train().training_loss)
