"""Which turn of a LLaVA dialogue each image stands in."""

import json

import pytest
from PIL import Image

from flamingo_lib.records import Turn
from flamingo_lib.sources.formats.dialogues import pair_up
from flamingo_lib.sources.reader import BadRecord


def messages(*texts):
    return [(("human", "gpt")[number % 2], text) for number, text in enumerate(texts)]


@pytest.mark.parametrize(
    ("texts", "images", "wanted"),
    [
        (("<image>\nWhat?", "Red.", "And?", "Blue."), 1, [1, 0]),
        (("Hello!", "Hi.", "What?\n<image>", "Red."), 1, [0, 1]),
        (("What?", "Red.", "And?", "Blue."), 2, [2, 0]),  # no tag at all
        (("<image> or <image>?", "The first.", "And <image>?", "No."), 3, [2, 1]),
        (("<image>", "", "What?", "Red."), 1, [1]),  # the exchange that is left out showed it
        (("Hello!", "Hi.", "And <image>?"), 1, [0]),  # nobody answered what it was shown for
    ],
)
def test_an_image_stands_where_its_tag_stood(texts, images, wanted):
    turns = pair_up(messages(*texts), images)
    assert [turn.images for turn in turns] == wanted and not any("<image>" in turn.instruction for turn in turns)


@pytest.mark.parametrize(("text", "images"), [("<image> <image> What?", 1), ("<image> What?", 2)])
def test_tags_and_images_must_agree(text, images):
    with pytest.raises(BadRecord, match=f"<image> tags but {images} images"):
        pair_up(messages(text, "Red."), images)


def test_a_tag_in_a_text_only_dialogue_is_text():
    assert pair_up(messages("What does <image> mean?", "A tag.")) == (Turn("What does <image> mean?", "A tag."),)


def test_several_images_and_an_image_that_is_not_given(read, tmp_path):
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / "train2017").mkdir(exist_ok=True)
        Image.new("RGB", (16, 16)).save(tmp_path / "train2017" / name)
    dialogues = [
        {"id": "two", "image": ["a.jpg", "b.jpg"], "texts": ["<image> What?", "Red.", "<image> And?", "Blue."]},
        {"id": "greeting", "image": "a.jpg", "texts": ["Hello!", "Hi.", "Show <image>"]},
        {"id": "none", "texts": ["<image>\nWhat?", "Red."]},
    ]
    for dialogue in dialogues:
        texts = messages(*dialogue.pop("texts"))
        dialogue["conversations"] = [{"from": role, "value": text} for role, text in texts]
    (tmp_path / "detail_23k.json").write_text(json.dumps(dialogues))
    samples, aside = read("llava-instruct", tmp_path, "detail", min_failures=9)
    two, greeting = samples
    assert [turn.images for turn in two.dialogue] == [1, 1] and len(two.images) == 2
    assert greeting.images == () and greeting.dialogue == (Turn("Hello!", "Hi."),)
    assert [(entry["record"], entry["reason"]) for entry in aside] == [("none", "an <image> tag but no image")]
