"""Chats and interleaved text, with pictures, to tensors."""

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoProcessor

from flamingo_lib.chat.tokenizer import train_tiny_tokenizer
from flamingo_lib.errors import ConfigError, DataError
from flamingo_lib.model import FlamingoImageProcessor, FlamingoProcessor
from flamingo_lib.records import Turn


@pytest.fixture(scope="module")
def processor():
    return FlamingoProcessor(FlamingoImageProcessor(16), train_tiny_tokenizer(["What is this? A red circle."] * 9, 300))


def picture(seed=0, size=(40, 30)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8))


def test_batch_of_rows_with_two_images_one_and_none(processor):
    chats = [[Turn("Compare.", images=2)], [Turn("What is this?", images=1)], [Turn("Hello")]]
    batch = processor(chats, [[picture(0), picture(1)], [picture(2)], []])
    assert batch["input_ids"].shape == batch["attention_mask"].shape == batch["attended_image"].shape
    assert batch["pixel_values"].shape == (3, 2, 3, 16, 16)
    assert batch["num_images"].tolist() == [2, 1, 0]
    for row, chat in enumerate(chats):
        alone = processor.template.render(chat, generation_prompt=True)
        real = batch["attention_mask"][row].bool()
        assert batch["input_ids"][row][real].tolist() == alone.ids
        assert batch["attended_image"][row][real].tolist() == alone.attended
        assert not batch["attention_mask"][row, : -len(alone)].any()  # padded on the left
    assert not batch["pixel_values"][1, 1].any() and not batch["pixel_values"][2].any()
    assert "labels" not in batch


def test_training_batch_has_labels_where_the_loss_is(processor):
    chats = [[Turn("What is this?", "A circle.", images=1)], [Turn("Hi", "A")]]
    batch = processor(chats, [[picture()], []], generation_prompt=False, padding_side="right")
    for row, chat in enumerate(chats):
        alone = processor.template.render(chat)
        marked = [token if loss else -100 for token, loss in zip(alone.ids, alone.loss_mask, strict=True)]
        assert batch["labels"][row].tolist() == marked + [-100] * (batch["labels"].shape[1] - len(marked))


def test_interleaved_text(processor):
    batch = processor(
        text=["<image>A red circle.<|endofchunk|><image>A", "circle"], images=[[picture(0), picture(1)], []]
    )
    assert batch["num_images"].tolist() == [2, 0]
    assert batch["attended_image"][0].max() == 2 and not batch["attended_image"][1].any()
    assert (batch["input_ids"][0] == processor.template.image_token_id).sum() == 2


def test_pixels_are_clips(processor):
    open_clip = pytest.importorskip("open_clip")
    transform = open_clip.image_transform(16, is_train=False)
    for size in ((40, 30), (30, 47), (16, 16), (16, 50), (17, 16)):
        image = picture(3, size)
        torch.testing.assert_close(processor.image_processor.pixels([image])[0], transform(image), atol=1e-5, rtol=0)


def test_picture_forms_agree(tmp_path, processor):
    image = picture(4)
    image.save(tmp_path / "a.png")
    pixels = processor.image_processor.pixels([image, np.asarray(image), tmp_path / "a.png", str(tmp_path / "a.png")])
    assert all(torch.equal(pixels[0], other) for other in pixels[1:])
    assert processor.image_processor(image)["pixel_values"].shape == (1, 3, 16, 16)
    assert processor.image_processor.pixels([]).shape == (0, 3, 16, 16)
    squashed = FlamingoImageProcessor(16, fit="squash").pixels([image])
    assert squashed.shape == (1, 3, 16, 16) and not torch.equal(squashed, pixels[:1])


def test_saved_and_loaded_by_every_door(tmp_path, processor, model):
    own = FlamingoProcessor(
        processor.image_processor,
        processor.tokenizer,
        media_rule="following",
        image_position="after",
        within_turn=False,
    )
    own.save_pretrained(tmp_path)
    model.save_pretrained(tmp_path)
    chats, images = [[Turn("What is this?", images=1)]], [[picture()]]
    expected = own(chats, images)
    for loaded in (FlamingoProcessor.from_pretrained(tmp_path), AutoProcessor.from_pretrained(tmp_path)):
        assert loaded.template.settings() == own.template.settings()
        found = loaded(chats, images)
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert AutoImageProcessor.from_pretrained(tmp_path).size == 16


def test_responses_are_clean_text(processor):
    ids = processor.tokenizer(" A red circle.</s><pad>")["input_ids"]
    assert processor.responses([ids, []]) == ["A red circle.", ""]


CHAT = [Turn("What is this?", images=1)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"chats": []}, "the batch is empty"),
        ({}, "either chats or text"),
        ({"text": "one string"}, "text is one string"),
        ({"chats": [CHAT, CHAT], "images": [[picture()]]}, "2 rows of text but 1 of images"),
        ({"chats": [CHAT, CHAT], "images": [[picture()], []]}, "1 <image> tokens but 0 images.*row 1"),
        ({"chats": [CHAT]}, "1 <image> tokens but 0 images.*row 0"),
        ({"chats": [[Turn("Hi")]], "images": [[picture()]]}, "0 <image> tokens but 1 images.*row 0"),
        ({"chats": [[Turn("Hi")], [Turn("  ")]]}, "the text is empty.*row 1"),
        ({"text": ["a", ""]}, "the text is empty.*row 1"),
        ({"chats": [[Turn("Hi")], []]}, "no turns.*row 1"),
        ({"chats": [[Turn("Hi"), Turn("Ho")]]}, "turn 1 has no response.*row 0"),
        ({"chats": [[Turn("Hi")]], "max_length": 3}, "tokens, more than 3.*row 0"),
        ({"chats": [[Turn("Hi")]], "padding_side": "top"}, "unknown padding side"),
        ({"chats": [CHAT], "images": [[7]]}, "not an image: int.*row 0"),
        ({"chats": [CHAT], "images": [[np.zeros((4, 4), np.uint8)]]}, r"shape \(4, 4\).*row 0"),
        ({"chats": [CHAT], "images": [[np.full((4, 4, 3), np.nan)]]}, "NaN or Inf.*row 0"),
        ({"chats": [CHAT], "images": [[np.zeros((4, 4, 3), np.float32)]]}, "array of float32.*row 0"),
        ({"chats": [CHAT], "images": [["/nowhere/a.png"]]}, "missing"),
    ],
)
def test_bad_input_is_named(processor, arguments, message):
    with pytest.raises(DataError, match=message):
        processor(**arguments)


def test_unknown_fit():
    with pytest.raises(ConfigError, match="unknown image fit"):
        FlamingoImageProcessor(16, fit="stretch")
